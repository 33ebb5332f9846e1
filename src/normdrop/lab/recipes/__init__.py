"""One experiment, one file."""
