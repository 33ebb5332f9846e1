"""`--select` and `--ignore`, or what `pyproject.toml` says in their place."""

from normdrop.errors import UsageError
from normdrop.lint.rules import ProjectSettings, Selection, selected


def chosen_rules(
    select: tuple[str, ...], ignore: tuple[str, ...], settings: ProjectSettings
) -> Selection:
    """The rules to run.

    Args:
        select: Codes, their beginnings or names, each option one or several joined by commas.
        ignore: Rules not to run, likewise.
        settings: What holds where an option is not given.

    Raises:
        UsageError: A word stands for no rule, an option for none at all, or no rule is left.
    """
    wanted = _words(select, "--select") or settings.select
    left_out = _words(ignore, "--ignore") or settings.ignore
    chosen = selected(wanted, left_out)
    if chosen.is_empty:
        raise UsageError(
            f"no rule is left to run: {', '.join(left_out)} takes out all that is selected"
        )
    return chosen


def _words(given: tuple[str, ...], option: str) -> tuple[str, ...]:
    words = tuple(word.strip() for each in given for word in each.split(",") if word.strip())
    if given and not words:
        raise UsageError(f"{option} is empty: name rules, such as {option} noise-before-norm")
    return words
