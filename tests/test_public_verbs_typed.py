"""The verbs as type checkers see them: wrong order and misspelt words, without either framework."""

from pathlib import Path

import pytest
from type_checking import CHECKERS, misjudged

CODE = """
from typing import assert_type

import keras
import numpy as np
import torch
from torch import nn

import normdrop

net = nn.Sequential(nn.Linear(8, 8))
batches = [torch.zeros(4, 8)]


def metric(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return 0.0


# an example is a shape, an `Input`, a tensor, an array, or several of these
normdrop.check(net, (8,))
normdrop.check(net, normdrop.Input((8,)))
normdrop.check(net, torch.zeros(4, 8))
normdrop.check(net, np.zeros((4, 8)))
normdrop.check(net, (torch.zeros(4, 8), torch.zeros(4, 8)))
normdrop.check(net, {"x": torch.zeros(4, 8)})
normdrop.predict(net, (8,))
normdrop.predict(net, (8,), "moments")
normdrop.predict(net, (8,), method="simulate")
normdrop.predict(net, (8,), method="invert")
normdrop.measure(net, batches)
normdrop.measure(net, iter(batches), metric, limit=3, blame=True)
normdrop.measure(net, [(torch.zeros(4, 8), torch.zeros(4))], metric)
normdrop.recalibrate(net, batches, method="exact")
normdrop.recalibrate(net, None, example=(8,))
normdrop.doctor(net, batches)
normdrop.assert_clean(net, (8,), ignore=["ND101"])
with normdrop.recalibrated(net, batches) as recalibration:
    assert_type(recalibration, normdrop.Recalibration)
with normdrop.modes(net, dropout=True, norm="batch"):
    pass
assert_type(normdrop.fix(net, (8,), select=["ND101"]).model, nn.Sequential)
assert_type(normdrop.fix(net, (8,), move={"0": "uniform"}).model, nn.Sequential)


def keras_model(model: keras.Model) -> None:
    normdrop.check(model, (8,))
    normdrop.predict(model, (8,), method="invert")
    normdrop.measure(model, [np.zeros((4, 8))])
    normdrop.recalibrate(model, [np.zeros((4, 8))])
    normdrop.doctor(model, [np.zeros((4, 8))])
    normdrop.fix(model, (8,), share_weights=True)
    with normdrop.modes(model, dropout=True):
        pass


# the other way round
normdrop.check((8,), net)  # wrong
normdrop.assert_clean((8,), net)  # wrong
normdrop.predict((8,), net)  # wrong
normdrop.measure(batches, net)  # wrong
normdrop.recalibrate(batches, net)  # wrong
normdrop.fix((8,), net)  # wrong
normdrop.doctor(batches, net)  # wrong

# no model
normdrop.check(nn.Linear, (8,))  # wrong
normdrop.check("model.pt", (8,))  # wrong
normdrop.predict(None, (8,))  # wrong
normdrop.measure(net.parameters(), batches)  # wrong

# a word that is none
normdrop.predict(net, (8,), method="simulte")  # wrong
normdrop.predict(net, (8,), "simulte")  # wrong
normdrop.recalibrate(net, batches, method="exakt")  # wrong
normdrop.fix(net, (8,), move="brnch")  # wrong
normdrop.fix(net, (8,), move={"0": "brnch"})  # wrong
with normdrop.modes(net, norm="runing"):  # wrong
    pass
normdrop.measure(net, batches, limt=3)  # wrong
"""


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_calls_pass_and_wrong_ones_do_not(checker: str, tmp_path: Path) -> None:
    """Both checkers refuse each wrong call, at its line, and no other."""
    assert misjudged(checker, CODE, tmp_path) == []
