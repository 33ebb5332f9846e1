"""Whole documents: HTML pages."""
