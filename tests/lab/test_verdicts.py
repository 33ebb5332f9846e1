"""The page of verdicts says what the results say, and names nothing that is not there."""

import importlib.util
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from normdrop.errors import UsageError
from normdrop.lab.comparison import Comparison
from normdrop.lab.contrast import Contrast
from normdrop.lab.recipe_names import recipe_names
from normdrop.lab.results import read_results
from normdrop.lab.verdicts import VERDICTS, verdict_page
from normdrop.lint.rules import all_rules

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "verdicts.md"
_CODES = {rule.name: rule.code for rule in all_rules()}


@pytest.fixture(scope="module")
def results() -> dict[str, list[Comparison]]:
    """The comparisons of every recipe."""
    return {name: read_results(_ROOT / "results" / name) for name in recipe_names()}


def test_the_page_is_generated(results: dict[str, list[Comparison]]) -> None:
    """Nobody types a figure."""
    assert _PAGE.read_text("utf-8") == verdict_page(results, _CODES)


def test_a_result_that_turns_takes_its_verdict_with_it(
    results: dict[str, list[Comparison]],
) -> None:
    """A verdict whose experiment says something else by now is refused, and so is a lost one."""
    (race,) = results["ten-orders"]

    def asking(*contrasts: Contrast) -> dict[str, list[Comparison]]:
        about = replace(race.description, contrasts=contrasts)
        return {**results, "ten-orders": [replace(race, description=about)]}

    turned = (
        replace(c, weights={name: -weight for name, weight in c.weights.items()})
        for c in race.description.contrasts
    )
    with pytest.raises(UsageError, match="being higher, and it is lower now"):
        verdict_page(asking(*turned), _CODES)
    with pytest.raises(UsageError, match="answer 1 of ten-orders: there is none"):
        verdict_page(asking(), _CODES)


def test_every_link_and_command_is_there() -> None:
    """Pages and rules exist, and each verb is one of the command's."""
    links = set(re.findall(r"\]\(([a-z/-]+\.md)\)", _PAGE.read_text("utf-8")))
    assert links
    assert [link for link in links if not (_PAGE.parent / link).is_file()] == []
    verbs = {verb for verdicts in VERDICTS.values() for v in verdicts for verb in v.verbs}
    for verb in verbs:
        name, command, *_ = shlex.split(verb)
        assert name == "normdrop"
        assert importlib.util.find_spec(f"normdrop.cli.{command}"), verb


def test_every_question_has_one_sentence_and_its_limits() -> None:
    """An answer is one sentence, and what is measured names an experiment or a page."""
    verdicts = [verdict for each in VERDICTS.values() for verdict in each]
    assert len({verdict.question for verdict in verdicts}) == len(verdicts)
    assert len(verdicts) >= 54
    for verdict in verdicts:
        assert re.search(r"[.!?] [A-Z]", verdict.answer) is None, verdict.answer
        assert verdict.answer.endswith(".")
        assert verdict.limits
        if verdict.strength == "measured":
            assert verdict.measured or verdict.pages
        if verdict.strength == "published":
            assert verdict.sources
