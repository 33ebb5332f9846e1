"""Closed forms of the literature."""
