"""The examples run, print what the page of questions says, and each asks and answers one."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

_ROOT = Path(__file__).parents[2]
_MAIN = SimpleNamespace(**runpy.run_path(str(_ROOT / "examples/keras/__main__.py")))
_PAGE = (_ROOT / "docs/keras-questions.md").read_text()


def _without_numbers(text: str) -> str:
    """Measured numbers differ in their last digits from processor to processor."""
    return re.sub(r"-?\d+\.\d+", "#", text)


@pytest.mark.parametrize("example", _MAIN.examples(), ids=lambda path: path.stem)
def test_an_example_prints_what_its_page_says(example: Path) -> None:
    """Its section is the page's, measured numbers aside."""
    section = _MAIN.section(example, _MAIN.output(example))
    question, answer = section.partition("\n\n")[::2]
    assert question.endswith("?")
    assert answer.partition("```")[0].strip()
    assert _without_numbers(section) in _without_numbers(_PAGE)


def test_the_page_has_every_example_and_no_other() -> None:
    """One section a file."""
    assert _PAGE.count("\n## ") == len(_MAIN.examples())
    assert len(_MAIN.examples()) == 9
