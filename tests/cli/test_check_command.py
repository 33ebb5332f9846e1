"""`normdrop check` and `normdrop explain` at the command line."""

import json
from pathlib import Path

import pytest

from normdrop.cli import main
from normdrop.lint.rules import all_rules

BAD = """\
from torch import nn
model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))
"""
CLEAN = """\
from torch import nn
model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `normdrop check`."""
    with pytest.raises(SystemExit) as exit_:
        main(["check", *arguments])
    shown = capsys.readouterr()
    return int(str(exit_.value.code)), shown.out, shown.err


def test_clean_source_exits_with_0(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is said and is no failure."""
    (project / "net.py").write_text(CLEAN)
    assert run(capsys, "net.py") == (
        0,
        ("✓ ok: nothing found; 1 file and 1 model checked, 0 skipped\n\nNext: nothing to do.\n"),
        "",
    )


def test_a_finding_shows_its_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding shows code, place, source line, mark and help, and the exit status is 1."""
    (project / "net.py").write_text(BAD)
    status, out, _ = run(capsys, "net.py")
    assert status == 1
    verdict, _, headline, *excerpt = out.splitlines()[:7]
    assert verdict == "✗ 1 error; 1 file and 1 model checked, 0 skipped"
    assert headline.startswith("ND101 error: Dropout(0.5) feeds BatchNorm1d: evaluation variance")
    assert excerpt == [
        " --> net.py:2:23",
        "  |",
        "2 | model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))",
        "  |                       ^^^^^^^^^^",
    ]
    assert out.splitlines()[-1] == "Next: normdrop fix net.py   (why: normdrop explain ND101)"
    assert run(capsys, "net.py", "--exit-zero")[0] == 0
    assert run(capsys, "net.py", "--ignore", "ND1")[0] == 0
    assert run(capsys, "net.py", "--statistics")[1] == (
        "     1  ND101\n1 file and 1 model checked, 0 skipped.\n"
    )


def test_formats_agree(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, SARIF and GitHub annotations say the same as the text."""
    (project / "net.py").write_text(BAD)
    (found,) = json.loads(run(capsys, ".", "--format", "json")[1])["findings"]
    assert found["code"] == "ND101"
    assert found["shift"] == pytest.approx(0.5)
    assert found["location"] == {"file": "net.py", "line": 2, "column": 23}
    sarif = json.loads(run(capsys, "net.py", "--format", "sarif")[1])
    (result,) = sarif["runs"][0]["results"]
    rule = sarif["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (result["ruleId"], rule["id"], result["level"]) == ("ND101", "ND101", "error")
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 23}
    github = run(capsys, "net.py", "--format", "github")[1]
    assert github.startswith("::error file=net.py,line=2,col=23,title=ND101::Dropout(0.5) feeds")


def test_a_suppression_needs_a_reason_and_a_finding(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comment with a reason silences its line; without a reason, or unused, it is a finding."""
    file = project / "net.py"
    line = BAD.rstrip()
    file.write_text(f"{line}  # normdrop: ignore[ND101] as published\n")
    assert run(capsys, "net.py")[0] == 0
    file.write_text(f"{line}  # normdrop: ignore[ND101]\n")
    out = run(capsys, "net.py")[1]
    assert "ND101 error" in out
    assert "ND901 warning: the suppression of ND101 gives no reason" in out
    file.write_text(f"{CLEAN.rstrip()}  # normdrop: ignore[ND101] as published\n")
    assert "ND901 warning: nothing is found" in run(capsys, "net.py")[1]
    assert run(capsys, "net.py", "--select", "ND2,ND901")[0] == 0


def test_settings_come_from_pyproject(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`[tool.normdrop]` ignores, excludes and suppresses, and unknown settings are refused."""
    (project / "net.py").write_text(BAD)
    settings = project / "pyproject.toml"
    settings.write_text('[tool.normdrop]\nexclude = ["net.py"]\n')
    assert run(capsys, ".")[0] == 0
    settings.write_text(
        '[[tool.normdrop.suppressions]]\ncode = "ND101"\npath = "net.py"\nreason = "published"\n'
    )
    assert run(capsys, ".")[0] == 0
    (project / "net.py").write_text(CLEAN)
    assert "ND901" in run(capsys, ".")[1]
    settings.write_text("[tool.normdrop]\nselct = []\n")
    status, _, error = run(capsys, ".")
    assert status == 2
    assert "no setting 'selct'" in error


def test_a_baseline_lets_only_new_findings_through(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A known finding may move; a second one of its kind is new."""
    file = project / "net.py"
    file.write_text(BAD)
    run(capsys, "net.py", "--write-baseline", "known.json")
    file.write_text("# moved\n" + BAD)
    assert run(capsys, "net.py", "--baseline", "known.json")[0] == 0
    file.write_text(BAD + BAD.splitlines()[1] + "\n")
    status, out, _ = run(capsys, "net.py", "--baseline", "known.json")
    assert (status, out.count("ND101 error")) == (1, 1)
    (project / "wrong.json").write_text("[]")
    assert run(capsys, "net.py", "--baseline", "wrong.json")[0] == 2


def test_gitignore_is_respected(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a repository ignores is not checked, unless it is named."""
    (project / ".git").mkdir()
    (project / ".gitignore").write_text("build/\n")
    (project / "build").mkdir()
    (project / "build" / "net.py").write_text(BAD)
    assert run(capsys, ".")[0] == 0
    assert run(capsys, "build")[0] == 1
    assert run(capsys, "build/net.py")[0] == 1


def test_a_notebook_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding in a notebook names cell and line; commands of the notebook do no harm."""
    cells = [
        {"cell_type": "markdown", "source": ["# Net"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!ls\n", "from torch import nn"]},
        {"cell_type": "code", "source": BAD.splitlines(keepends=True)[1:]},
    ]
    (project / "net.ipynb").write_text(json.dumps({"cells": cells}))
    status, out, _ = run(capsys, "net.ipynb")
    assert status == 1
    assert "--> net.ipynb:cell 3:1:23" in out
    assert "1 | model = nn.Sequential(" in out


def test_a_model_from_a_factory_is_checked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A factory's model is captured, and its findings name the modules."""
    (project / "factory_net.py").write_text(BAD.replace("model =", "def make(): return"))
    status, out, _ = run(capsys, "factory_net.py:make", "--input-shape", "8")
    assert status == 1
    assert "ND101 error: 0 (Dropout(0.5)) feeds 1 (BatchNorm1d)" in out
    (project / "pyproject.toml").write_text(
        '[[tool.normdrop.suppressions]]\ncode = "ND101"\npath = "0"\nreason = "published"\n'
    )
    assert run(capsys, "factory_net.py:make", "--input-shape", "8")[0] == 0
    status, _, error = run(capsys, "factory_net.py:make")
    assert status == 2
    assert "--input-shape" in error


def test_fast_tells_reach_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The noise is named and no size is; of source, which is not run, it makes no sense."""
    (project / "factory_net.py").write_text(BAD.replace("model =", "def make(): return"))
    status, out, _ = run(capsys, "factory_net.py:make", "--input-shape", "8", "--fast")
    assert status == 1
    assert "ND101 warning: 0 (Dropout(0.5)) feeds 1 (BatchNorm1d)" in out
    assert "is unknown, since only its reach was asked for" in out
    assert run(capsys, "factory_net.py", "--fast")[0] == 2


def test_a_missing_path_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that does not exist is one line and exit status 2."""
    assert project.is_dir()
    status, out, error = run(capsys, "nowhere.py")
    assert (status, out) == (2, "")
    assert error.startswith("normdrop: nowhere.py does not exist")


def test_explain_shows_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """`explain` prints a rule's page, and lists the rules without a code."""
    with pytest.raises(SystemExit):
        main(["explain", "nd101"])
    assert capsys.readouterr().out.startswith("# noise-before-norm (ND101)\n")
    with pytest.raises(SystemExit):
        main(["explain"])
    assert "ND201  bias-before-norm" in capsys.readouterr().out


def test_explain_writes_every_page(project: Path) -> None:
    """Every rule has a page in the folder that is named, and an index lists them."""
    with pytest.raises(SystemExit):
        main(["explain", "--write", "pages"])
    written = {file.stem for file in (project / "pages").iterdir()}
    assert written == {"index", *(rule.name for rule in all_rules())}
