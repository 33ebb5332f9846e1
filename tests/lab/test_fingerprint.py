"""A fingerprint is the same in every process, and another for other code."""

import functools
import importlib
import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch

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


def test_looking_changes_nothing() -> None:
    """Twice in one process it is the same, also of objects that pickling leaves a mark on."""

    class Default:
        def __init__(self) -> None:
            self.width = 3

    default = Default()
    caches: dict[int, int] = {}

    def network() -> int:
        return default.width + len(caches)

    assert fingerprint(network) == fingerprint(network)


def test_what_differs_by_nature_is_known_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators and the environment are others in every process, or at every call."""

    def taken(seed: int) -> str:
        monkeypatch.setenv("SEED", str(seed))
        drawn = random.Random(seed)  # noqa: S311 - no secret
        torchs = torch.Generator().manual_seed(seed)
        return fingerprint([os.environ, drawn, np.random.default_rng(seed), torchs])

    assert taken(1) == taken(2)


_PAIRS: list[tuple[object, object]] = [
    ({"bn": 1, "act": 2}, {"act": 2, "bn": 1}),  # a table in order
    (lambda x: x, lambda *x: x),
    ([{1, 2}, set()], [{1}, {2}]),
    (defaultdict(int, a=1), defaultdict(bool, a=1)),
    ({"a": 1}.get, {"a": 2}.get),
    (functools.cache(lambda: 1), functools.cache(lambda: 2)),
    (functools.partial(int, 1), functools.partial(int, 2)),
    (np.arange(3), np.arange(4)),
    (np.zeros(2), np.zeros(2, np.float32)),
    (torch.zeros(2), torch.ones(2)),
    (torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    (torch.empty(2, device="meta"), torch.empty(3, device="meta")),
    (property(lambda _: 1), property(lambda _: 2)),
    (staticmethod(lambda: 1), staticmethod(lambda: 2)),
    (MappingProxyType({"a": 1}), MappingProxyType({"a": 2})),
    (torch.nn.Dropout(0.1), torch.nn.Dropout(0.2)),
    (json.dumps, json.loads),
]


@pytest.mark.parametrize(("one", "other"), _PAIRS, ids=[type(one).__name__ for one, _ in _PAIRS])
def test_things_that_differ_in_one_respect_differ(one: object, other: object) -> None:
    """And each is itself."""
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


def test_a_large_array_takes_no_time() -> None:
    """A data set in a module's global is hashed as bytes."""
    numbers = np.zeros(20_000_000, np.float32)
    start = time.process_time()
    fingerprint(numbers)
    assert time.process_time() - start < 2


def test_imports_within_functions_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As are modules of a package, and functions that a cache wraps."""
    package = tmp_path / "fingerprinted"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    def network() -> object:
        from fingerprinted.layers import block  # type: ignore[import-not-found]

        return block()

    def taken(factor: int) -> str:
        text = f"from functools import cache\n@cache\ndef block():\n    return {factor}\n"
        (package / "layers.py").write_text(text)
        for name in [name for name in sys.modules if name.startswith("fingerprinted")]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        return fingerprint(network)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert taken(1) == taken(1) != taken(2)


def test_what_refers_to_itself_ends() -> None:
    """Functions that call each other, lists that hold themselves, and long chains."""
    table: list[object] = [1]
    table.append(table)
    deep: list[object] = []
    for _ in range(20_000):
        deep = [deep]
    assert fingerprint(deep) != fingerprint([deep])

    def even(number: int) -> bool:
        return number == 0 or odd(number - 1)

    def odd(number: int) -> bool:
        return number != 0 and even(number - 1)

    assert fingerprint(table, even) == fingerprint(table, even)
    assert fingerprint(even) != fingerprint(odd)
