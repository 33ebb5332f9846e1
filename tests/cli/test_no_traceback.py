"""Whatever is typed, and whatever lies in a project, ends in a status and at most one line."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normdrop.cli import main

_NET = "from torch import nn\nmodel = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"
_WORDS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            *("net.py", "net.py:make", "nope.py:make", "a:b", ":", "gone", ".", "..", "weights.pt"),
            *(
                "model.keras",
                "m.h5",
                "saved",
                "pipe.py",
                "dangling.py",
                "x" * 5000,
                "\x1b[31m",
                "-",
            ),
            *("ND101", "nd1", "noise-before-norm", "ND1O1", "99999999999999999999", "-1", "1e999"),
            *("3,32,32", "0", "9" * 400, "a=b", "=", "accuracy", "digits", "json", "text", "nan"),
            *("--", "../../../etc/passwd", "\N{RIGHT-TO-LEFT OVERRIDE}x", "!", "[z-a]", "rates"),
        ]
    ),
)
_OPTIONS = st.sampled_from(
    [
        *("--select", "--ignore", "--exclude", "--format", "--statistics", "--exit-zero"),
        *(
            "--baseline",
            "--input-shape",
            "--with",
            "--unsafe",
            "--move",
            "--remove-bias",
            "--limit",
        ),
        *("--weights", "--data", "--metric", "--batch-size", "--split", "--method", "--device"),
        *("--seeds", "--epochs", "--set", "--panel", "--variant", "--on", "--precision", "--help"),
        "--nonsense",
    ]
)
_COMMANDS = st.sampled_from(["check", "fix", "explain", "check", "fix", "results", "nonsense", ""])
_ARGUMENTS = st.tuples(_COMMANDS, st.lists(st.one_of(_WORDS, _OPTIONS), max_size=6))


_NAMED = ["ND101", "nd101", "ND1", "noise-before-norm", "Noise-Before-Norm"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of source, and of much that only looks like it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "net.py").write_text(_NET)
    (folder / "weights.pt").write_bytes(b"PK\3\4 torch import keras")
    (folder / "model.keras").write_bytes(b"PK\3\4 not really")
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    os.mkfifo(folder / "pipe.py")
    (folder / "dangling.py").symlink_to("gone")
    return folder


def _outcome(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Exit status and standard error of a command in a folder."""
    said = io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main(arguments)
    return int(str(ended.value.code)), said.getvalue()


@settings(
    max_examples=2500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_ARGUMENTS)
def test_no_argument_list_ends_in_a_traceback(project: Path, typed: tuple[str, list[str]]) -> None:
    """Status 0, 1 or 2; where it is 2, lines that say why, and never an error nobody thought of."""
    command, rest = typed
    status, said = _outcome(project, [command, *rest] if command else rest)
    assert status in {0, 1, 2}
    assert "unforeseen" not in said, said
    assert "Traceback" not in said
    assert status != 2 or said.splitlines()[-1].startswith("normdrop: ")


_VALUES = st.recursive(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "1",
                    "-1",
                    "true",
                    "1e400",
                    "nan",
                    "9" * 50,
                    "1979-05-27",
                    "''",
                    '"ND101"',
                    '"x"',
                ),
                *(
                    '"noise-before-norm"',
                    '"\\u202e"',
                    '"!"',
                    '"[z-a]"',
                    '"../.."',
                    '"\\u0000"',
                    '""',
                ),
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.dictionaries(st.sampled_from(["code", "path", "reason", "x"]), inner, max_size=3).map(
            lambda parts: "{" + ", ".join(f"{k} = {v}" for k, v in parts.items()) + "}"
        ),
    ),
    max_leaves=5,
)
_HEADERS = st.sampled_from(
    [
        *("[tool.normdrop]", '[tool."normdrop"]', "[ tool . normdrop ]", "['tool'.'normdrop']"),
        *("# [tool.normdrop]", "[tool.normdrop.suppressions]", "[[tool.normdrop.suppressions]]"),
        *("[tool]\nnormdrop.select = []", "[tool]\nnormdrop = {}", "[[tool.normdrop]]", ""),
    ]
)
_KEYS = st.sampled_from(
    ["select", "ignore", "exclude", "baseline", "suppressions", "selct", "code"]
)


@settings(
    max_examples=1500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_HEADERS, st.lists(st.tuples(_KEYS, _VALUES), max_size=3))
def test_no_settings_end_in_a_traceback(
    tmp_path: Path, header: str, entries: list[tuple[str, str]]
) -> None:
    """Any TOML, and much that is none, is settings or one line."""
    (tmp_path / "net.py").write_text(_NET)
    lines = [header, *(f"{name} = {value}" for name, value in entries)]
    (tmp_path / "pyproject.toml").write_text("\n".join(lines))
    status, said = _outcome(tmp_path, ["check", "net.py"])
    assert status in {0, 1, 2}
    assert "unforeseen" not in said, said
    assert said.count("\n") == (status == 2)


@pytest.mark.parametrize(
    "written",
    [
        '[tool.normdrop]\nignore = ["{}"]',
        '[tool."normdrop"]\nignore = ["{}"]',
        '[ tool . normdrop ]\nignore = ["{}"]',
        'tool.normdrop.ignore = ["{}"]',
        '[tool]\nnormdrop = {{ignore = ["{}"]}}',
        '["tool"]\n"norm\\u0064rop".ignore = ["{}"]',
        '[[tool.normdrop.suppressions]]\ncode = "{}"\npath = "net.py"\nreason = "published"',
    ],
)
@pytest.mark.parametrize(
    "rule", ["ND101", "nd101", "ND1", "noise-before-norm", "Noise-Before-Norm"]
)
def test_a_rule_is_named_alike_however_toml_is_written(
    tmp_path: Path, written: str, rule: str
) -> None:
    """Codes, beginnings and names mean the same in every table; a comment means nothing."""
    (tmp_path / "net.py").write_text(_NET)
    settings_file = tmp_path / "pyproject.toml"
    settings_file.write_text(written.format(rule))
    assert _outcome(tmp_path, ["check", "net.py"]) == (0, "")
    settings_file.write_text("".join(f"# {line}\n" for line in written.format(rule).splitlines()))
    assert _outcome(tmp_path, ["check", "net.py"])[0] == 1
    settings_file.write_text(written.format("ND1O1"))
    status, said = _outcome(tmp_path, ["check", "net.py"])
    assert (status, "did you mean 'ND101'?" in said) == (2, True)


@pytest.mark.parametrize(
    "rule", ["ND101", "nd101", "ND1", "noise-before-norm", "NOISE-BEFORE-NORM"]
)
def test_a_rule_is_named_alike_in_options_and_comments(tmp_path: Path, rule: str) -> None:
    """An option and a comment take what TOML takes."""
    (tmp_path / "net.py").write_text(_NET)
    assert _outcome(tmp_path, ["check", "net.py", "--select", rule])[0] == 1
    assert _outcome(tmp_path, ["check", "net.py", "--ignore", rule])[0] == 0
    (tmp_path / "net.py").write_text(f"{_NET.rstrip()}  # normdrop: ignore[{rule}] published\n")
    assert _outcome(tmp_path, ["check", "net.py"])[0] == 0
    (tmp_path / "net.py").write_text(f"{_NET.rstrip()}  # normdrop: ignore[{rule}O] published\n")
    assert _outcome(tmp_path, ["check", "net.py"])[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--select", ""],
        ["--select", ","],
        ["--ignore", "ND"],
        ["--select", "ND1", "--ignore", "ND1"],
    ],
)
def test_a_check_without_rules_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    """What would run nothing is not green."""
    (tmp_path / "net.py").write_text(_NET)
    status, said = _outcome(tmp_path, ["check", "net.py", *arguments])
    assert (status, said.count("\n")) == (2, 1)


def test_what_is_no_source_is_never_green(project: Path, tmp_path: Path) -> None:
    """Weights, a SavedModel, an empty folder, a pipe: status 2 and a line with the name."""
    (tmp_path / "empty").mkdir()
    for given_path in ("weights.pt", "saved", "pipe.py", "dangling.py", str(tmp_path / "empty")):
        status, said = _outcome(project, ["check", given_path])
        assert (status, given_path in said) == (2, True), given_path


def test_what_is_no_file_is_skipped_in_a_folder(project: Path) -> None:
    """A pipe and a dangling link keep nobody waiting: a line each, and the rest is checked."""
    status, said = _outcome(project, ["check", "."])
    assert status == 1
    assert sorted(said.splitlines()) == [
        "normdrop: dangling.py: a link that leads nowhere",
        "normdrop: pipe.py: a pipe, a socket or a device",
    ]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_format_says_what_was_checked(tmp_path: Path, form: str) -> None:
    """Files, models and what was skipped, also of a file whose name is not UTF-8."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "net.py").write_text(_NET)
    (folder / "gone.py").symlink_to("nowhere")
    Path(os.fsdecode(os.fsencode(folder) + b"/n\xff\x1b[31m.py")).write_text(_NET)
    command = [sys.executable, "-m", "normdrop", "check", ".", "--format", form]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    wanted = {
        "json": b'"checked": {\n    "files": 2,\n    "models": 2,\n    "skipped": 1\n  }',
        "sarif": b'"files": 2,\n          "models": 2,\n          "skipped": 1',
    }.get(form, b"2 files and 2 models checked, 1 skipped")
    assert wanted in done.stdout
    assert b"\x1b" not in done.stdout


def test_the_unforeseen_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An error that nobody thought of is status 2, not 1, and says where it was raised."""
    (tmp_path / "net.py").write_text(_NET)

    def fail(*_: object, **__: object) -> None:
        raise KeyError("two\nlines")

    monkeypatch.setattr("normdrop.lint.rules.check_files", fail)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "net.py")])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1
    assert "KeyError" in said
    assert "test_no_traceback.py" in said
