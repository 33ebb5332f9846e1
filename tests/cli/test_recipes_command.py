"""`normdrop recipes` and `normdrop explain`: lists, one in full, and readers who leave early."""

import subprocess
import sys

import pytest

from normdrop.cli import main
from normdrop.lab import recipe_names
from normdrop.lint.rules import all_rules


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(str(exit_.value.code))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["recipes", "explain"])
def test_lists_fit_the_terminal(
    command: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name is there whole, and what to type next."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert _run(command) == 0
    shown = capsys.readouterr().out
    names = (
        recipe_names.recipe_names() if command == "recipes" else [rule.name for rule in all_rules()]
    )
    assert all(name in shown for name in names)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.splitlines()[-1].startswith("Next: normdrop ")


@pytest.mark.parametrize("name", recipe_names.recipe_names())
def test_a_recipe_in_full(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Question, variants, source, and how it is run."""
    recipe = recipe_names.find(name)
    assert _run("recipes", name) == 0
    shown = capsys.readouterr().out
    assert all(variant in shown for variant in recipe.variants)
    assert shown.splitlines()[-1] == f"Next: normdrop compare {name}"


def test_an_unknown_recipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest that there is."""
    assert _run("recipes", "ten-ordres") == 2
    assert "did you mean 'ten-orders'" in capsys.readouterr().err


def test_explain_is_rendered_for_people_and_markdown_for_programs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No marks of Markdown in a terminal, all of them in a pipe."""
    assert _run("explain", "ND101") == 0
    assert "## Why is this bad?" in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "80")
    assert _run("explain", "ND101") == 0
    shown = capsys.readouterr().out
    assert "##" not in shown
    assert "Why is this bad?" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_who_reads_only_the_beginning_gets_no_complaint() -> None:
    """As in `normdrop explain | head -1`."""
    command = [sys.executable, "-m", "normdrop", "explain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
