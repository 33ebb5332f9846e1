"""Puts what a benchmark printed into a page of the documentation."""

import re
from pathlib import Path

_DOCS = Path(__file__).parents[1] / "docs"


def publish(page: str, name: str, output: str) -> None:
    """Put an output, to the letter, between a page's marks of this name.

    Args:
        page: File name in `docs/`.
        name: What stands in the marks `<!-- NAME: made by ... -->` and `<!-- end of NAME -->`.
        output: Lines.
    """
    path = _DOCS / page
    text = path.read_text("utf-8")
    marks = re.compile(rf"(<!-- {name}: made by [^\n]* -->\n).*(<!-- end of {name} -->)", re.DOTALL)
    block = f"\n```text\n{output.rstrip()}\n```\n\n"
    replaced, count = marks.subn(lambda found: found[1] + block + found[2], text)
    if count != 1:
        raise ValueError(f"{path} has no marks of {name}")
    path.write_text(replaced, "utf-8")
