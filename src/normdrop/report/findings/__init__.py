"""Findings as text, JSON, SARIF and annotations of GitHub."""

from ._github import to_github as to_github
from ._json import to_json as to_json
from ._lines import line_of as line_of
from ._sarif import to_sarif as to_sarif
from ._text import to_text as to_text
