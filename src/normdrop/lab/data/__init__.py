"""Data sets by name, verified by checksum."""
