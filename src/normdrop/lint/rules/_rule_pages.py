"""The pages of rules, generated from their classes."""

from collections.abc import Mapping
from types import MappingProxyType

from normdrop.lint.rules._registry import all_rules
from normdrop.lint.rules._rule import HEADINGS, Rule


def page(rule: type[Rule], asked: Mapping[str, str] = MappingProxyType({})) -> str:
    """A rule's page in Markdown: its docstring, and its first example with its mended twin.

    Args:
        rule: Which rule.
        asked: What practitioners ask of rules, and the answers: a Markdown list by a rule's name.
    """
    sections = dict(rule.sections())
    if rule.invalid:
        first = rule.invalid[0]
        sections["Example"] = _code(first.source)
        sections["Use instead"] = _code(first.mended)
    body = "\n\n".join(f"## {name}\n\n{sections[name]}" for name in HEADINGS)
    if rule.name in asked:
        grounds = "With limits and grounds: [verdicts](../verdicts.md)."
        body = f"{body}\n\n## What is asked\n\n{asked[rule.name]}\n\n{grounds}"
    return f"# {rule.name} ({rule.code})\n\n{rule.summary()}\n\n{_standing(rule)}\n\n{body}\n"


_BANDS = {
    1: "Order: what dropout does to norm layers and to the layers around it",
    2: "Norm layers",
    3: "Train and evaluation mode",
    4: "Written and never reached",
    5: "Noise layers written by hand",
    9: "Suppressions",
}


def pages(asked: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Every file of the rules' documentation: a page a rule and an index, by file name.

    `asked` is that of `page`.
    """
    found = {f"{rule.name}.md": page(rule, asked) for rule in all_rules()}
    return found | {"index.md": _index()}


def _index() -> str:
    """All rules by band, each with a link to its page."""
    parts = ["# Rules", "Written by `normdrop explain --write FOLDER`."]
    for band, title in _BANDS.items():
        rows = [_row(rule) for rule in all_rules() if rule.code.startswith(f"ND{band}")]
        table = ["| code | rule | severity | finds |", "|---|---|---|---|", *rows]
        parts.append(f"## {title}\n\n" + "\n".join(table))
    return "\n\n".join(parts) + "\n"


def _row(rule: type[Rule]) -> str:
    severity = "off" if rule.opinion else "by its cost" if rule.by_cost else rule.severity
    return f"| {rule.code} | [{rule.name}]({rule.name}.md) | {severity} | {rule.summary()} |"


def _standing(rule: type[Rule]) -> str:
    if rule.opinion:
        return f"An opinion: off unless selected by `--select {rule.code}`."
    return f"Severity where its cost does not say it: {rule.severity}."


def _code(source: str) -> str:
    import textwrap

    return f"```python\n{textwrap.dedent(source).strip()}\n```"
