"""The rules, and the reader of source that they ask."""
