"""What the lab's tests share: small trials, and the command as it is installed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from normdrop.lab.data import Dataset, load
from normdrop.lab.recipe_names import find, stored_name
from normdrop.lab.trial import Setting, Trial

# A user's script, which a test runs as one.
collect_ignore = ["own_experiment.py"]

_COMMAND = str(Path(sys.executable).with_name("normdrop"))

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def tiny() -> str:
    """The path of a recipe whose variants train in a moment, diverge, raise or die."""
    return str(Path(__file__).with_name("tiny_recipe.py"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which no test finds the user's own store."""
    return {**os.environ, "XDG_DATA_HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="session")
def command(environment: dict[str, str]) -> Callable[..., "subprocess.Popen[str]"]:
    """Start the installed command."""

    def start(*arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [_COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def normdrop(command: Callable[..., "subprocess.Popen[str]"]) -> Run:
    """Run the installed command; give back its status and what it says."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        with command(*arguments) as process:
            output, errors = process.communicate(timeout=200)
            return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    return run


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The data set that comes with scikit-learn."""
    return load("digits")


@pytest.fixture
def tiny_trial(tiny: str, digits: Dataset) -> Callable[..., Trial]:
    """Make a trial of the tiny recipe."""

    def make(variant: str = "plain", seed: int = 0, **settings: Setting) -> Trial:
        return Trial(
            recipe=stored_name(tiny, find(tiny)),
            recipe_version=1,
            variant=variant,
            data="digits",
            data_checksum=digits.checksum,
            seed=seed,
            settings=find(tiny).settings_for("digits", settings),
            device="cpu",
            precision="fp32",
        )

    return make
