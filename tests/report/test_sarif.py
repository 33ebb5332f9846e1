"""SARIF against the schema of the standard."""

import json
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker
from torch import nn

import normdrop
from normdrop.lint.rules import all_rules, check_text, selected
from normdrop.report.findings import to_sarif
from normdrop.values.findings import Finding, Findings, Repair
from normdrop.values.location import Location

_SCHEMA = Path(__file__).parent / "sarif-schema" / "sarif-2.1.0-rtm.5.json"


@cache
def _validator() -> Draft4Validator:
    schema = json.loads(_SCHEMA.read_text("utf-8"))
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema, format_checker=FormatChecker())


def validated(findings: Findings) -> dict[str, Any]:
    """The one run of the findings as SARIF, which the schema allows."""
    log = json.loads(to_sarif(findings))
    assert [error.message for error in _validator().iter_errors(log)] == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


_EXAMPLES = [
    pytest.param(each.source, id=f"{rule.code}-{index}")
    for rule in all_rules()
    for index, each in enumerate(rule.invalid)
]


@pytest.mark.parametrize("source", _EXAMPLES)
def test_every_example_is_valid_sarif(source: str) -> None:
    """What the rules find in their own examples, opinions included."""
    rules = selected(("ND", *(rule.code for rule in all_rules() if rule.opinion)))
    found = check_text("net.py", textwrap.dedent(source), rules)
    assert len(validated(Findings(tuple(found)))["results"]) == len(found) > 0


def test_a_model_without_files_is_valid_sarif() -> None:
    """Findings of a model name layers where source would name lines."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    (result,) = validated(normdrop.check(model, (8,)))["results"]
    assert result["ruleId"] == "ND101"
    names = [each["fullyQualifiedName"] for each in result["locations"][0]["logicalLocations"]]
    assert names == ["1", "2"]


def test_an_empty_result_and_unreadable_files_are_valid_sarif() -> None:
    """Nothing found is a successful run, and a file that cannot be read is not."""
    assert validated(Findings(()))["invocations"][0]["executionSuccessful"] is True
    (invocation,) = validated(Findings((), ("bad.py: not Python",)))["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "bad.py: not Python"


_WORDS = st.text(max_size=20)
_PLACES = st.builds(
    Location,
    st.one_of(
        _WORDS.map("/tmp/{}".format),  # noqa: S108 - a name; nothing is written
        st.sampled_from(["net.py", "./a b/é.py", "net.ipynb:cell 3", "C:\\net.py", "a%20#?.py"]),
    ),
    st.integers(0, 10**6),
    st.integers(0, 500),
)
_FINDINGS = st.builds(
    Finding,
    st.sampled_from([rule.code for rule in all_rules()]),
    st.sampled_from(["error", "warning", "note"]),
    _WORDS,
    st.lists(_WORDS, max_size=3).map(tuple),
    st.none() | _PLACES,
    st.none() | st.floats(),
    st.none() | st.builds(Repair, _WORDS, st.booleans()),
    st.lists(_PLACES, max_size=3).map(tuple),
)


@settings(max_examples=25)  # the schema is slow to hold against a log
@given(st.lists(_FINDINGS, max_size=3), st.lists(_WORDS, max_size=2))
def test_any_finding_is_valid_sarif(found: list[Finding], notes: list[str]) -> None:
    """Whatever paths, names and numbers there are, the log is valid SARIF."""
    validated(Findings(tuple(found), tuple(notes)))


def test_the_validator_refuses_what_is_wrong() -> None:
    """The schema is in force: an unknown level and a negative line are refused."""
    finding = Finding("ND101", "error", "message", location=Location("net.py", 1))
    log = json.loads(to_sarif(Findings((finding,))))
    result = log["runs"][0]["results"][0]
    result["level"] = "fatal"
    result["locations"][0]["physicalLocation"]["region"]["startLine"] = -1
    assert len(list(_validator().iter_errors(log))) >= 2
