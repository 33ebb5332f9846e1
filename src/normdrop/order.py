"""The order grammar."""
