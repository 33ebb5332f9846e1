"""`normdrop check`: what is wrong with source, or with a model, where, and how to mend it."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from normdrop.cli._factory import names_model
from normdrop.cli._options import shape_option, trust_option
from normdrop.cli._screen import print_lines
from normdrop.cli._selection import chosen_rules
from normdrop.errors import UsageError
from normdrop.values.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from normdrop.lint.rules import ProjectSettings, Rule
    from normdrop.values.findings import Findings

_FORMATS = ("text", "json", "sarif", "github")


@click.command("check")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE... | FACTORY")
@shape_option(help="For a FACTORY: the shape of one input, such as 3,32,32.")
@click.option(
    "--with", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the FACTORY."
)
@trust_option
@click.option("--select", multiple=True, help="Rules to run: codes, their beginnings, or names.")
@click.option("--ignore", multiple=True, help="Rules not to run, named likewise.")
@click.option("--exclude", multiple=True, help="Files to leave out, as in a .gitignore.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option(
    "--fast", is_flag=True, help="For a FACTORY: say which norms dropout reaches, not how far."
)
@click.option("--statistics", is_flag=True, help="Count the findings of each rule.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also when something is found.")
@click.option(
    "--baseline", type=click.Path(path_type=Path), help="Leave out findings this file knows."
)
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), help="Write down all findings as known."
)
@click.pass_context
def command(  # noqa: PLR0917 - one argument an option
    context: click.Context,
    sources: tuple[str, ...],
    input_shape: tuple[int, ...] | None,
    arguments: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    form: str,
    baseline: Path | None,
    write_baseline: Path | None,
    *,
    trust: bool,
    fast: bool,
    statistics: bool,
    exit_zero: bool,
) -> None:
    """Find where dropout and normalization work against each other.

    SOURCE is a file, a notebook or a folder of Python source, which is read and never run. FACTORY
    is package.module:callable or path/to/file.py:callable, which is called for a model, or a .keras
    file, which is loaded in safe mode; the model is looked at. Exit status: 0 without errors and
    warnings, 1 with some, 2 for unreadable input.
    """
    from normdrop.lint import rules
    from normdrop.report.findings import line_of

    settings = rules.project_settings(Path.cwd())
    chosen = chosen_rules(select, ignore, settings)
    if _is_factory(sources, trust=trust):
        findings = _check_factory(
            sources[0], input_shape, arguments, chosen, trust=trust, fast=fast
        )
        findings = rules.without_accepted(findings, settings.suppressions)
    elif fast:
        raise UsageError("--fast is for a FACTORY: source is read, and nothing in it is run")
    else:
        patterns = (*settings.exclude, *exclude)
        findings = rules.check_files(
            sources, chosen, exclude=patterns, suppressions=settings.suppressions
        )
    if write_baseline is not None:
        rules.write_baseline(write_baseline, findings, line_of)
        click.echo(f"{write_baseline} knows {len(findings)} findings", err=True)
        return
    known = baseline or _configured(settings)
    if known is not None:
        findings = rules.without_known(findings, known, line_of)
    _show(findings, form, _again(sources, input_shape, arguments), statistics=statistics)
    if findings.notes and findings.judged is None:  # source that cannot be read; of a model, asides
        context.exit(2)
    context.exit(0 if exit_zero or findings.is_clean else 1)


def _again(
    sources: tuple[str, ...], shape: tuple[int, ...] | None, arguments: tuple[str, ...]
) -> tuple[str, ...]:
    """What was checked, as another command takes it."""
    given = ("--input-shape", ",".join(map(str, shape))) if shape else ()
    return (*sources, *given, *(part for each in arguments for part in ("--with", each)))


def _configured(settings: "ProjectSettings") -> Path | None:
    return Path(settings.baseline) if settings.baseline else None


def _is_factory(sources: tuple[str, ...], *, trust: bool) -> bool:
    found = [each for each in sources if names_model(each, trust=trust)]
    if found and len(sources) > 1:
        raise UsageError(f"{found[0]} is checked by itself: name one FACTORY, or only files")
    return bool(found)


def _check_factory(
    factory: str,
    shape: tuple[int, ...] | None,
    arguments: tuple[str, ...],
    chosen: "Sequence[Rule]",
    *,
    trust: bool,
    fast: bool,
) -> "Findings":
    from normdrop.cli._model import example_for, make_model
    from normdrop.verbs import check_with

    model = make_model(factory, arguments, trust=trust)
    return check_with(model, example_for(model, shape, factory), chosen, fast=fast)


def _show(findings: "Findings", form: str, again: tuple[str, ...], *, statistics: bool) -> None:
    from normdrop.report import findings as forms

    for note in findings.remarks:
        click.echo(f"normdrop: {one_line(note)}", err=True)
    if statistics:
        for code, count in Counter(each.code for each in findings).most_common():
            click.echo(f"{count:6}  {code}")
        click.echo(f"{findings.scope}.")
        return
    if form == "text":
        from normdrop.report import on_screen

        print_lines(lambda width: on_screen(findings, width, again))
        return
    writers = {
        "json": forms.to_json,
        "sarif": forms.to_sarif,
        "github": forms.to_github,
    }
    click.echo(writers[form](findings), nl=False)
