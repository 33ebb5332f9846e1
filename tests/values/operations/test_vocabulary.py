"""One entry is enough: what is in the vocabulary is recognised everywhere, what is not nowhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import normdrop
from normdrop.values.operations import ACTIVATIONS, CALLS_OF_NOISE, DRAWS, KERAS_STRENGTHS, NOISES

SOURCE = Path(normdrop.__file__).parent

# The arctangent is no activation that this library knows, but torch and Keras have it.
_ACTIVATION = """
import json, sys
import numpy, torch
from torch import nn
from normdrop.values import operations

class Atan(nn.Module):
    def forward(self, x):
        return torch.atan(x)

nn.Atan = Atan
if sys.argv[1] == "known":
    operations.ACTIVATIONS["atan"] = operations.ActivationOperation(
        "atan", lambda np, x, _: np.arctan(x), module="Atan", keras=("arctan",), in_order=True
    )

import keras
import normdrop
from normdrop.keras.capture import capture as keras_graph
from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import keras_layer
from normdrop.lint.source._torch_layers import torch_function, torch_layer
from normdrop.lint.source._values import OPAQUE, Constant
from normdrop.mending.patches._layer_lists import is_activation
from normdrop.torch.capture import capture

def model():
    layers = nn.Linear(8, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), Atan(), nn.Linear(32, 16)
    return nn.Sequential(*layers, nn.BatchNorm1d(16))

def name_of(parts):
    return [part.details.name for part in parts or () if part.details] or None

def names(graph):
    return [node.details.name for node in graph if node.kind == "activation"]

def order():
    try:
        return str(normdrop.Order("linear-bn-act(atan)"))
    except normdrop.errors.OrderError:
        return None

def shifts():
    return [layer.shift for layer in normdrop.predict(model(), (8,), method="moments")]

entry = keras.Input((8,))
by_name = keras.layers.Dense(4, activation=keras.ops.arctan)(entry)
told = Constant("arctan")
print(json.dumps({
    "torch": names(capture(model(), (8,)).train),
    "a method of torch's": names(capture(nn.Sequential(Atan()), (8,)).eval),
    "keras": names(keras_graph(keras.Model(entry, keras.ops.arctan(by_name)), (8,)).train),
    "a class in source": name_of(torch_layer("Atan", Arguments())),
    "a function in source": name_of(torch_function("atan", Arguments([OPAQUE]))),
    "in place in source": name_of(torch_function("atan_", Arguments([OPAQUE]))),
    "moments": all(each == each for each in shifts()),
    "an order": order(),
    "a patch": is_activation(b"nn.Atan(),"),
}))
"""
_KNOWN: dict[str, object] = {
    "torch": ["atan"],
    "a method of torch's": ["atan"],
    "keras": ["atan", "atan"],
    "a class in source": ["atan"],
    "a function in source": ["atan"],
    "in place in source": ["atan"],
    "moments": True,
    "an order": "linear-bn-act(atan)",
    "a patch": True,
}
_UNKNOWN: dict[str, object] = {
    "torch": [],
    "a method of torch's": [],
    "keras": [],
    "a class in source": None,
    "a function in source": None,
    "in place in source": None,
    "moments": False,
    "an order": None,
    "a patch": False,
}

# Without its entry, alpha dropout is an unknown call to every reader.
_NOISE = """
import json, sys
import torch
from torch import nn
from normdrop.values import operations

if sys.argv[1] == "unknown":
    operations.NOISES = tuple(each for each in operations.NOISES if each.name != "alpha_dropout")

import keras
from normdrop.keras.capture import capture as keras_graph
from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import keras_layer
from normdrop.lint.source._torch_layers import torch_function, torch_layer
from normdrop.lint.source._values import OPAQUE
from normdrop.torch.capture import capture
from normdrop.torch.watch._noise_calls import makes_noise

def noisy(graph):
    return any(node.kind == "noise" for node in graph)

entry = keras.Input((8,))
model = keras.Model(entry, keras.layers.AlphaDropout(0.5)(entry))
print(json.dumps({
    "torch": noisy(capture(nn.AlphaDropout(0.5), (8,)).train),
    "keras": noisy(keras_graph(model, (8,)).train),
    "a class in source": torch_layer("AlphaDropout", Arguments()) is not None,
    "a function in source": torch_function("alpha_dropout_", Arguments([OPAQUE])) is not None,
    "keras in source": keras_layer("AlphaDropout", Arguments()) is not None,
    "blame": makes_noise(torch.alpha_dropout_, (torch.ones(3), 0.5, True), {}),
}))
"""


def _answers(script: str, how: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", script, how], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, object] = json.loads(done.stdout)
    return answers


def test_an_activation_is_one_entry() -> None:
    """With an entry in the vocabulary and nothing else, all readers know it; without, none."""
    assert _answers(_ACTIVATION, "known") == _KNOWN
    assert _answers(_ACTIVATION, "unknown") == _UNKNOWN


def test_a_noise_is_one_entry() -> None:
    """Without its entry, no reader knows a noise of the frameworks'."""
    assert set(_answers(_NOISE, "known").values()) == {True}
    assert set(_answers(_NOISE, "unknown").values()) == {False}


def _files_that_say(name: str) -> list[str]:
    word = re.compile(rf"(?<![\w]){re.escape(name)}(?!\w)")
    return [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        # A recipe uses layers, and a rule speaks of some; neither is where they are made known.
        if not {"recipes", "rules"} & set(path.parts) and word.search(path.read_text())
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("hardswish", "mish", "selu", "celu", "softsign", "hardsigmoid", "tanhshrink"),
        *("logsigmoid", "relu6", "softplus", "hardshrink", "hard_silu", "log_sigmoid"),
    ],
)
def test_an_activation_stands_in_at_most_three_files(name: str) -> None:
    """A list kept by hand beside the vocabulary would be another file."""
    found = _files_that_say(name)
    assert "values/operations/_activations.py" in found
    assert len(found) <= 3


@pytest.mark.parametrize(
    "name",
    [
        *("GaussianDropout", "AlphaDropout", "FeatureAlphaDropout", "SpatialDropout1D"),
        *("Dropout1d", "alpha_dropout_", "feature_dropout", "dropout2d", "randint_like"),
    ],
)
def test_a_noise_stands_in_at_most_six_files(name: str) -> None:
    """A layer of this library's is one class and one export in each framework, and its entry."""
    found = _files_that_say(name)
    assert "values/operations/_noises.py" in found
    assert len(found) <= 6


def test_no_name_has_two_meanings() -> None:
    """A spelling belongs to one activation, and a function to one noise."""
    for spelled in (
        [name for each in ACTIVATIONS.values() for name in each.functions],
        [name for each in ACTIVATIONS.values() for name in each.keras],
        [each.module for each in ACTIVATIONS.values() if each.module],
        [function.address for noise in NOISES for function in noise.functions],
        [draw.address for draw in DRAWS],
    ):
        assert len(spelled) == len(set(spelled))


def test_what_code_calls_covers_every_function() -> None:
    """The names that modules are searched for, and the strengths of Keras' layers."""
    functions = [*DRAWS, *(each for noise in NOISES for each in noise.functions)]
    assert {each.name for each in functions} <= CALLS_OF_NOISE
    assert {"rate", "stddev", "dropout", "recurrent_dropout"} == set(KERAS_STRENGTHS)


def test_the_vocabulary_is_cheap() -> None:
    """Its names bring no framework and no numpy."""
    code = (
        "import normdrop.values.operations, sys; "
        "print([m for m in ('numpy', 'torch', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
