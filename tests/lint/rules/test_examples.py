"""Every rule against the examples of its own page."""

import textwrap

import pytest

from normdrop.lint.rules import Rule, all_rules, check_text, selected

_VALID = [
    pytest.param(rule, source, id=f"{rule.code}-{index}")
    for rule in all_rules()
    for index, source in enumerate(rule.valid)
]
_INVALID = [
    pytest.param(rule, each.source, each.mended, id=f"{rule.code}-{index}")
    for rule in all_rules()
    for index, each in enumerate(rule.invalid)
]


def _codes(source: str, code: str = "") -> list[str]:
    rules = selected((code,) if code else ())
    return [each.code for each in check_text("net.py", textwrap.dedent(source), rules)]


@pytest.mark.parametrize(("rule", "source"), _VALID)
def test_a_rule_is_silent_on_valid_source(rule: type[Rule], source: str) -> None:
    """A rule has nothing to say about its valid examples."""
    assert _codes(source, rule.code) == []


@pytest.mark.parametrize(("rule", "source", "mended"), _INVALID)
def test_a_finding_vanishes_once_it_is_mended(rule: type[Rule], source: str, mended: str) -> None:
    """A rule finds fault with its invalid examples, and no rule with the mended ones."""
    found = check_text("net.py", textwrap.dedent(source), selected((rule.code,)))
    assert rule.code in {each.code for each in found}
    assert all(each.fix is not None for each in found)
    assert rule.code not in _codes(mended, rule.code)
    assert _codes(mended) == []
