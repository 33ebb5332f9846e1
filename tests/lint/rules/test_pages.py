"""The committed pages are those that the rules' classes make."""

from pathlib import Path

from normdrop.lint.rules import all_rules, pages

_FOLDER = Path(__file__).parents[3] / "docs" / "rules"


def test_the_pages_are_generated() -> None:
    """Nobody types a page: `normdrop explain --write docs/rules` writes what is committed."""
    committed = {file.name: file.read_text("utf-8") for file in _FOLDER.iterdir()}
    assert committed == pages()


def test_the_index_links_every_rule() -> None:
    """A rule of a new band is not left out of the index."""
    index = pages()["index.md"]
    for rule in all_rules():
        assert index.count(f"]({rule.name}.md)") == 1
