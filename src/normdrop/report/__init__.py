"""Whole documents: HTML pages."""

from normdrop.report._page import to_html as to_html
from normdrop.report._page import write_html as write_html
