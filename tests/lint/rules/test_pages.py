"""The committed pages are those that the rules' classes make."""

import re
from pathlib import Path

from normdrop.lab.verdicts import VERDICTS, asked
from normdrop.lint.rules import all_rules, page, pages

_FOLDER = Path(__file__).parents[3] / "docs" / "rules"


def test_the_pages_are_generated() -> None:
    """Nobody types a page: `normdrop explain --write docs/rules` writes what is committed."""
    committed = {file.name: file.read_text("utf-8") for file in _FOLDER.iterdir()}
    assert committed == pages(asked())


def test_a_page_tells_what_is_asked_of_its_rule() -> None:
    """Every question that names the rule and no other; without any there is no heading."""
    verdicts = [verdict for each in VERDICTS.values() for verdict in each]
    named = {name for verdict in verdicts for name in verdict.rules}
    for each in all_rules():
        text = page(each, asked())
        asking = [n for n, v in enumerate(verdicts, 1) if each.name in v.rules]
        found = re.findall(r"^- \*(\d+)\. ", text.partition("## What is asked\n")[2], re.MULTILINE)
        assert found == [str(number) for number in asking]
        assert ("](../verdicts.md)" in text) == (each.name in named)


def test_the_index_links_every_rule() -> None:
    """A rule of a new band is not left out of the index."""
    index = pages()["index.md"]
    for rule in all_rules():
        assert index.count(f"]({rule.name}.md)") == 1
