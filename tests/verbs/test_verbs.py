"""The verbs refuse what is no model, and pick the twin that knows the framework."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import torch
from torch import nn

import normdrop
from normdrop.errors import UsageError


@pytest.mark.parametrize("model", [7, "network.pt", nn.Linear, object()])
def test_predict_refuses_what_is_no_model(model: Any) -> None:  # noqa: ANN401 - no model
    """A class, a path or a number is no model, and the error names its type."""
    with pytest.raises(UsageError, match=f"not {type(model).__name__}"):
        normdrop.predict(model, (3, 8, 8))


def test_predict_is_a_function_whatever_is_imported() -> None:
    """No submodule takes the verb's name."""
    import normdrop.cli.predict
    import normdrop.verbs

    assert callable(normdrop.predict)
    assert callable(normdrop.verbs.simulate)


def test_models_of_subclasses_are_torch() -> None:
    """A user's own subclass, defined anywhere, is a torch model."""

    class Mine(nn.Sequential):
        pass

    report = normdrop.predict(Mine(nn.Linear(4, 8), nn.BatchNorm1d(8)), (4,))
    assert [layer.path for layer in report] == ["1"]


_MODEL = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
_KERAS = keras.Sequential([keras.Input((8,)), keras.layers.BatchNormalization()])
_SECOND = {
    "check": "example",
    "assert_clean": "example",
    "predict": "example",
    "fix": "example",
    "measure": "batches",
    "recalibrate": "batches",
    "doctor": "batches",
}


@pytest.mark.parametrize("verb", _SECOND)
@pytest.mark.parametrize("model", [_MODEL, _KERAS], ids=["torch", "keras"])
@pytest.mark.parametrize("other", [(8,), [torch.zeros(4, 8)], torch.zeros(4, 8)], ids=type)
def test_swapped_arguments_are_named(verb: str, model: object, other: object) -> None:
    """Each verb says in a line that the model comes first; the same in its order is taken."""
    words = f"{verb} takes the model first, then the {_SECOND[verb]}: they seem to be swapped"
    with pytest.raises(UsageError) as raised:
        getattr(normdrop, verb)(other, model)
    assert str(raised.value) == words


_UNTYPED: Any = normdrop
_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: _UNTYPED.predict(m, (8,), method="simulte"), "'simulte': did you mean 'simul"),
        (lambda m: _UNTYPED.predict(m, (8,), method="moment"), "'moment': did you mean 'moments'"),
        (lambda m: _UNTYPED.predict(m, (8,), method="x"), "'x': 'moments', 'simulate' or 'invert'"),
        (lambda m: _UNTYPED.recalibrate(m, [], method="exat"), "'exat': did you mean 'exact'?"),
        (lambda m: _UNTYPED.recalibrate(m, [], method="quick"), "'quick': 'batch' or 'exact'"),
        (lambda m: _UNTYPED.modes(m, norm="runing").__enter__(), "did you mean 'running'?"),
        (lambda m: _UNTYPED.modes(m, norm="x").__enter__(), "norm='x': 'running', 'batch' or None"),
    ],
)
@pytest.mark.parametrize("model", [_MODEL, _KERAS], ids=["torch", "keras"])
def test_near_misses_are_named(call: Callable[[object], object], words: str, model: object) -> None:
    """A misspelt word gets the word that was meant, any other one all there are."""
    with pytest.raises(UsageError) as raised:
        call(model)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


_RIGHT = """
import torch
from torch import nn
from normdrop import verbs

model, batches = nn.Linear(8, 8), [torch.zeros(4, 8)]
verbs.check(model, (8,))
verbs.assert_clean(model, torch.zeros(4, 8), ignore=("ND2",))
verbs.predict(model, (8,), method="simulate")
verbs.measure(torch.compile(model), batches, device="cpu")
verbs.recalibrate(model, batches, method="exact")
verbs.recalibrate(model, None, example=(8,))
with verbs.recalibrated(model, batches, method="batch", limit=3) as done:
    done.undo()
same: nn.Linear = verbs.fix(model, (8,)).model
mended: nn.Linear = verbs.doctor(model, batches).model
with verbs.modes(model, dropout=True, norm="running"):
    pass
"""
_WRONG = """
verbs.check((8,), model)
verbs.assert_clean((8,), model)
verbs.predict((8,), model)
verbs.predict(model, (8,), method="simulte")
verbs.measure(batches, model)
verbs.recalibrate(batches, model)
verbs.recalibrate(model, batches, method="exat")
verbs.recalibrated(model, batches, method="exat")
verbs.recalibrated(model, batches, limits=3)
verbs.fix((8,), model)
verbs.fix(model, (8,), move="brnch")
verbs.doctor(batches, model)
verbs.modes(model, norm="runing")
verbs.modes((8,), dropout=True)
"""


def test_a_type_checker_refuses_what_a_verb_would(tmp_path: Path) -> None:
    """Every wrong line is an error for mypy, and no right one."""
    lines = (_RIGHT + "# wrong\n" + _WRONG.strip()).splitlines()
    (tmp_path / "use.py").write_text("\n".join(lines) + "\n", "utf-8")
    # With the project's own settings, so that what mypy knows of torch from `make test` is used.
    command = [sys.executable, "-m", "mypy", str(tmp_path / "use.py")]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    errors = [line for line in result.stdout.splitlines() if ": error:" in line]
    found = {int(line.split(":")[1]) for line in errors}
    assert found == set(range(lines.index("# wrong") + 2, len(lines) + 1)), result.stdout
