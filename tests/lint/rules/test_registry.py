"""Rules are found by their files, and each has a page."""

import re
import subprocess
import sys

import pytest

from normdrop.errors import UsageError
from normdrop.lint.rules import Rule, all_rules, codes, page, rule, selected

# Rules about suppressions and about models that have values.
_TESTED_ELSEWHERE = {"ND901", "ND210", "ND211", "ND212", "ND303", "ND401"}
_ALL = [pytest.param(each, id=each.code) for each in all_rules()]


def test_codes_and_names_are_unique() -> None:
    """No two rules share a code or a name."""
    assert len({each.code for each in all_rules()}) == len(all_rules())
    assert len({each.name for each in all_rules()}) == len(all_rules())


@pytest.mark.parametrize("each", _ALL)
def test_a_rule_is_named_after_its_file(each: type[Rule]) -> None:
    """A rule's file, its code, name and class say the same."""
    assert codes()[each.code] == each.__module__
    file = f"{each.code.lower()}_{each.name.replace('-', '_')}"
    assert each.__module__.rpartition(".")[2] == file
    assert each.__name__ == "".join(word.capitalize() for word in each.name.split("-"))
    assert re.fullmatch(r"ND[1-9]\d\d", each.code)


@pytest.mark.parametrize("each", _ALL)
def test_a_page_has_every_heading(each: type[Rule]) -> None:
    """A rule's page says what, why, how and who says so."""
    text = page(each)
    for heading in ("What it does", "Why is this bad?", "Example", "Use instead", "References"):
        assert f"\n## {heading}\n" in text
    assert each.summary().endswith(".")


@pytest.mark.parametrize("each", _ALL)
def test_a_rule_has_examples(each: type[Rule]) -> None:
    """Every rule about models has examples from source, or a test of its own."""
    assert (each.valid and each.invalid) or each.code in _TESTED_ELSEWHERE


def test_an_opinion_runs_only_when_selected_by_its_code() -> None:
    """Opinions are off, also when their band is selected."""
    opinions = {each.code for each in all_rules() if each.opinion}
    assert not opinions & {each.code for each in selected()}
    for code in opinions:
        assert code not in {each.code for each in selected((code[:3],))}
        assert [each.code for each in selected((code,))] == [code]


def test_rules_are_imported_when_one_is_asked_for() -> None:
    """Selecting rules imports none of them, nor the graphs that they read."""
    program = (
        "import sys\nfrom normdrop.lint.rules import selected\nrules = selected((), ('ND2',))\n"
        "print(sorted(n for n in sys.modules if 'rules.nd' in n or 'normdrop.shifts.graph' in n))\n"
        "print(len(rules) > 10)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().split("\n")[:2] == [
        "['normdrop.lint.rules.nd901_unused_suppression']",
        "True",
    ]


def test_an_unknown_code_is_refused_in_words() -> None:
    """What is selected must exist, and the error lists what does."""
    with pytest.raises(UsageError, match="ND101"):
        selected(("ND999",))
    with pytest.raises(UsageError, match="no rule is called 'nothing'"):
        rule("nothing")
