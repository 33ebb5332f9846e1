"""The first call of a verb in a process imports much, and moves nobody's random numbers."""

import subprocess
import sys

import pytest

_NAMES = "random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()"
_TORCH = """
from torch import nn
model = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8))
"""
_KERAS = """
import keras
from keras import layers
model = keras.Sequential([
    keras.Input((6,)), layers.Dense(8, use_bias=False), layers.Dropout(0.5),
    layers.BatchNormalization(),
])
"""
_BATCHES = "[numpy.arange(48, dtype='float32').reshape(8, 6)] * 2"


@pytest.mark.parametrize("model", [_TORCH, _KERAS], ids=["torch", "keras"])
@pytest.mark.parametrize("verb", ["check", "predict", "fix", "measure"])
def test_moves_no_random_state(model: str, verb: str) -> None:
    """Python's, numpy's and torch's generators are as they were; a draw of ours would move one."""
    given = _BATCHES if verb == "measure" else "(6,)"
    if verb == "measure" and model == _TORCH:
        given = f"[torch.from_numpy(each) for each in {_BATCHES}]"
    code = f"""
import random, warnings
import numpy, torch
import normdrop
warnings.simplefilter("ignore")
{model}
before = {_NAMES}
normdrop.{verb}(model, {given})
print(before == ({_NAMES}))
random.random()
print(before == ({_NAMES}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8"
    )
    assert done.stdout.split() == ["True", "False"]
