"""Examples in docstrings, which stand there as doctests do, as blocks of code."""

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Fences every run of lines from a prompt to the next empty one."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - griffe's own
        """Change what the page is made of, not the source."""
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            obj.docstring.value = _fenced(obj.docstring.value)


def _fenced(text: str) -> str:
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if line.lstrip().startswith(">>> ") and not inside:
            lines += [*([""] if lines and lines[-1].strip() else []), f"{indent}```pycon"]
            inside, fence = True, indent
        elif inside and not line.strip():
            lines.append(f"{fence}```")
            inside = False
        lines.append(line)
    return "\n".join([*lines, *([f"{fence}```"] if inside else [])])
