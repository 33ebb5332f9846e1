"""A fingerprint is the same in every process, and another for other code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from normdrop.lab.fingerprint import fingerprint

_SCRIPT = """
import functools
from dataclasses import dataclass

import helpers
import numpy as np
import torch
from torch import nn

from normdrop.lab.fingerprint import fingerprint

TABLE = {"b": 2, "a": [1, 2]}
WEIGHT = torch.arange(3.0)


@dataclass
class Config:
    rate: float = 0.5
    names: tuple = ("x", "y")


class Net(nn.Module):
    # a comment
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(3, width)
        self.weight = WEIGHT

    @property
    def rate(self):
        return Config().rate

    def forward(self, x):
        return helpers.scaled(self.linear(x)) if "a" in {"a", "b", "c"} else np.ones(3)


def network(variant, shape, classes, settings):
    return Net(TABLE["b"] + helpers.WIDTH)


print(fingerprint(network, functools.partial(network, 1), lambda x: x + 1))
"""
_HELPERS = "WIDTH = 3\nUNUSED = 5\n\n\ndef scaled(x):\n    return 2 * x\n"


def _printed(folder: Path, script: str = _SCRIPT, helpers: str = _HELPERS, seed: int = 0) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(script)
    (folder / "helpers.py").write_text(helpers)
    done = subprocess.run(
        [sys.executable, folder / "script.py"],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_it_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Whatever the hash seed, the folder, the comments, and what the code does not use."""
    expected = _printed(tmp_path / "one")
    assert len(expected.strip()) == 12
    commented = _SCRIPT.replace("# a comment", "# another\n\n")
    unused = _HELPERS.replace("UNUSED = 5", "UNUSED = 6")
    assert _printed(tmp_path / "other", seed=1) == expected
    assert _printed(tmp_path / "one", commented, unused, seed=2) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return Config().rate", "return Config().names"),
        ("rate: float = 0.5", "rate: float = 0.6"),
        ('"a": [1, 2]', '"a": [1, 3]'),
        ("torch.arange(3.0)", "torch.arange(3.0) + 1"),
        ('{"a", "b", "c"}', '{"a", "b", "d"}'),
        ("return 2 * x", "return 3 * x"),
        ("WIDTH = 3", "WIDTH = 4"),
    ],
)
def test_other_code_and_other_values_are_others(tmp_path: Path, before: str, after: str) -> None:
    """In the script and in the modules it imports, as deep as it refers to them."""
    assert (before in _SCRIPT) != (before in _HELPERS)
    changed = _SCRIPT.replace(before, after), _HELPERS.replace(before, after)
    assert _printed(tmp_path, *changed) != _printed(tmp_path)


def test_what_refers_to_itself_ends() -> None:
    """Functions that call each other, and lists that hold themselves."""
    table: list[object] = [1]
    table.append(table)

    def even(number: int) -> bool:
        return number == 0 or odd(number - 1)

    def odd(number: int) -> bool:
        return number != 0 and even(number - 1)

    assert fingerprint(table, even) == fingerprint(table, even)
    assert fingerprint(even) != fingerprint(odd)
