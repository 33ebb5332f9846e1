"""Findings as JSON."""

import json

from normdrop.values.findings import Findings


def to_json(findings: Findings) -> str:
    """All findings as one JSON object; see `Finding.to_dict` for its fields."""
    return json.dumps(findings.to_dict(), indent=2, allow_nan=False) + "\n"
