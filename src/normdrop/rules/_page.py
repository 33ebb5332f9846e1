"""The page of a rule, generated from its class."""

import textwrap

from ._rule import HEADINGS, Rule


def page(rule: type[Rule]) -> str:
    """A rule's page in Markdown: its docstring, and its first example with its mended twin."""
    sections = dict(rule.sections())
    if rule.invalid:
        first = rule.invalid[0]
        sections["Example"] = _code(first.source)
        sections["Use instead"] = _code(first.mended)
    body = "\n\n".join(f"## {name}\n\n{sections[name]}" for name in HEADINGS)
    return f"# {rule.name} ({rule.code})\n\n{rule.summary()}\n\n{_standing(rule)}\n\n{body}\n"


def _standing(rule: type[Rule]) -> str:
    if rule.opinion:
        return f"An opinion: off unless selected by `--select {rule.code}`."
    return f"Severity where its cost does not say it: {rule.severity}."


def _code(source: str) -> str:
    return f"```python\n{textwrap.dedent(source).strip()}\n```"
