"""What `import normdrop` gives: one list of names, imported when they are used."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import normdrop
import normdrop.report

VERBS = {
    *("assert_clean", "check", "compare", "doctor", "fix", "measure", "modes", "predict"),
    *("recalibrate", "recalibrated", "view"),
}
ROOMS = {"keras", "lab", "report", "theory", "torch"}
# Of one core; other processes on it do not count.
SECONDS = 0.15


def run(code: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_verbs_stand_first() -> None:
    """`__all__` names the verbs before all else, and every name but the rooms."""
    assert set(normdrop.__all__[: len(VERBS)]) == VERBS
    assert len(set(normdrop.__all__)) == len(normdrop.__all__)
    assert not ROOMS & set(normdrop.__all__)


def test_completion_shows_public_names_alone() -> None:
    """No helper of ours or of `typing` stands among what a notebook proposes."""
    assert set(dir(normdrop)) == {*normdrop.__all__, *ROOMS}
    assert set(dir(normdrop.report)) == set(normdrop.report.__all__)


@pytest.mark.parametrize("package", ["normdrop", "normdrop.report"])
def test_every_name_is_there(package: str) -> None:
    """Each name in the stub is what its home has under that name."""
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name


def test_rooms_are_attributes() -> None:
    """`import normdrop` is enough for `normdrop.theory` and its like; the lightest come first."""
    code = "import normdrop; print(*(getattr(normdrop, room).__name__ for room in {rooms}))"
    rooms = ["theory", "report", "lab", "torch", "keras"]
    assert set(rooms) == ROOMS
    assert run(code.format(rooms=rooms)).split() == [f"normdrop.{room}" for room in rooms]


def test_version_is_the_commands_own() -> None:
    """`normdrop.__version__` is what `normdrop --version` prints."""
    command = Path(sys.executable).with_name("normdrop")
    printed = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert printed.stdout.split()[-1] == normdrop.__version__


def test_star_import_gives_public_names() -> None:
    """`from normdrop import *` gives every name but the rooms, which would hide `torch` itself."""
    code = "import normdrop; before = set(); before |= set(vars()); from normdrop import *; "
    names = run(f"{code}print(*sorted(set(vars()) - before))").split()
    assert names == sorted(normdrop.__all__)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("recalibrat", "recalibrate"), ("teory", "theory"), ("Findigs", "Findings")],
)
def test_misspelt_name_is_told_its_neighbour(wrong: str, right: str) -> None:
    """The error for a name that does not exist has the one it looks like."""
    with pytest.raises(AttributeError, match=f"no attribute '{wrong}'; did you mean '{right}'"):
        getattr(normdrop, wrong)


@pytest.mark.parametrize(
    "wrong", ["nonexistent", "__wrapped__", "_private", "importlib", "attach_"]
)
def test_unlike_name_is_told_none(wrong: str) -> None:
    """A name that looks like none gets no proposal, nor does one that tools ask for."""
    with pytest.raises(AttributeError) as caught:
        getattr(normdrop, wrong)
    assert str(caught.value) == f"module 'normdrop' has no attribute {wrong!r}"


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_room_without_its_framework(framework: str) -> None:
    """A missing framework is an attribute error that names it, so that `hasattr` says no."""
    block = f"import sys; sys.modules['{framework}'] = None; import normdrop; "
    assert run(f"{block}print(hasattr(normdrop, '{framework}'))") == "False"
    tell = f"try: normdrop.{framework}\nexcept AttributeError as error: print(error)"
    assert framework in run(f"{block}\n{tell}").removeprefix(f"normdrop.{framework}")


def test_no_module_is_named_like_a_name() -> None:
    """Importing a module beside `__init__.py` puts it under its name into the package."""
    modules = {module.name for module in pkgutil.iter_modules(normdrop.__path__)}
    assert modules > ROOMS
    assert not modules & set(normdrop.__all__)


def test_import_is_light() -> None:
    """`import normdrop` brings no framework, and takes less than 0.15 s of a core."""
    code = (
        "import time; start = time.process_time(); import normdrop; dir(normdrop); import sys; "
        "print(time.process_time() - start, *({'torch', 'keras', 'numpy'} & set(sys.modules)))"
    )
    seconds, *frameworks = min((run(code).split() for _ in range(3)), key=lambda words: words[0])
    assert frameworks == []
    assert float(seconds) < SECONDS
