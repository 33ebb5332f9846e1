"""Findings as text, JSON, SARIF and annotations of GitHub."""

from normdrop.report.findings._github import to_github as to_github
from normdrop.report.findings._json import to_json as to_json
from normdrop.report.findings._lines import line_of as line_of
from normdrop.report.findings._sarif import to_sarif as to_sarif
from normdrop.report.findings._text import to_text as to_text
