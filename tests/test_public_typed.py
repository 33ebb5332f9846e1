"""The public surface as type checkers see it: right and wrong lines side by side."""

from pathlib import Path

import pytest
from type_checking import CHECKERS, misjudged

CODE = """
from typing import Any, assert_type

import numpy as np
import torch
from torch import nn

import normdrop
from normdrop import theory
from normdrop import chekc  # wrong
from normdrop.torch import Block, Dropout, Head, ResidualBlock, UniformDropout

# attributes of the package
text: str = normdrop.__version__
names: list[str] = normdrop.__all__
number: int = normdrop.__version__  # wrong
print(normdrop.nonexistent)  # wrong
print(normdrop.recalibrat)  # wrong
print(normdrop.Order, normdrop.NormdropError, normdrop.check, normdrop.compare)
print(normdrop.theory.dropout_shift, normdrop.torch.Block, normdrop.keras.Block)
print(normdrop.theory.drop_shift)  # wrong
print(normdrop.torch.Blok)  # wrong
print(normdrop.keras.Blok)  # wrong
print(normdrop.report.to_html)
print(normdrop.report.to_pdf)  # wrong

# values
order = normdrop.Order("conv-bn-act")
assert_type(order.text, str)
assert_type(order.biases(), tuple[bool, ...])
normdrop.Order(3)  # wrong
normdrop.Order()  # wrong
order.text = "conv"  # wrong
normdrop.Input((3, 32, 32))
normdrop.Input((3, 32, 32), "int64")
normdrop.Input(3)  # wrong
normdrop.Input(("3",))  # wrong
normdrop.Input((3,), 64)  # wrong


def read(findings: normdrop.Findings, layer: normdrop.LayerShift) -> None:
    assert_type(findings[0].code, str)
    assert_type([finding.layers for finding in findings], list[tuple[str, ...]])
    assert_type(findings.is_clean, bool)
    findings[0].code = "ND101"  # wrong
    findings[0].shft  # wrong
    assert_type(layer.path, str)
    layer.mean_shft  # wrong

# what the verbs give
net = nn.Linear(8, 8)
batches: list[Any] = []
assert_type(normdrop.check(net, (8,)), normdrop.Findings)
assert_type(normdrop.predict(net, (8,)), normdrop.ShiftReport)
assert_type(normdrop.measure(net, batches), normdrop.ShiftReport)
assert_type(normdrop.recalibrate(net, batches), normdrop.Recalibration)
assert_type(normdrop.recalibrate(net, batches).before, normdrop.ShiftReport)
assert_type(normdrop.fix(net, (8,)), normdrop.Fix[nn.Linear])
assert_type(normdrop.fix(net, (8,)).model, nn.Linear)
assert_type(normdrop.fix(net, (8,)).changes, tuple[normdrop.Change, ...])
assert_type(normdrop.doctor(net, batches), normdrop.Diagnosis[nn.Linear])
assert_type(normdrop.doctor(net, batches).findings, normdrop.Findings)
normdrop.assert_clean(net, (8,))
with normdrop.modes(net, dropout=True, norm="running"):
    pass
with normdrop.modes(net, norm="runing"):  # wrong
    pass
normdrop.fix(net, (8,)).modl  # wrong

# formulas
theory.dropout_shift(0.5)
theory.dropout_shift(1)
theory.dropout_shift([0.1, 0.2], mean=np.zeros(2))
theory.dropout_shift(np.float32(0.5), variance=np.ones((2, 2), dtype=np.float32))
theory.effective_width([[1.0, 1.0], [1.0, -1.0]])
theory.effective_width([[[1, 1], [1, -1]]])
theory.effective_width(torch.ones(2, 2))
theory.residual_shift(0.2, scales=(1.0, 2.0))
theory.dropout_shift("x")  # wrong
theory.dropout_shift(["x"])  # wrong
theory.dropout_shift(None)  # wrong
theory.dropout_shift(0.5 + 1j)  # wrong
theory.dropout_shift()  # wrong
theory.dropout_shift(0.5, men=0.0)  # wrong
theory.maximum_moments(2.5)  # wrong

# layers
assert_type(Block("conv-bn-act", 3, 64).order, normdrop.Order)
block: nn.Module = Block(normdrop.Order("conv-bn-act"), 3, activation=nn.SiLU, padding=(1, 1))
Block("conv", 3, device="cpu", dtype=torch.float64, dropout=UniformDropout(0.1))
Block("conv")  # wrong
Block("conv", "3")  # wrong
Block("conv", 3, kernel_size="3")  # wrong
Block("conv", 3, padding="full")  # wrong
Block("conv", 3, along="row")  # wrong
Block("conv", 3, stides=2)  # wrong
Head(64, 10, dropout=0.5, position="after-pool")
Head(64, 10, position="H7")  # wrong
ResidualBlock(64, position="P0", style="post", bottleneck=True)
ResidualBlock(64, position="P8")  # wrong
ResidualBlock(64, style="mid")  # wrong
Dropout(0.5, along="channel")
Dropout("half")  # wrong
UniformDropout(beta=0.1)
UniformDropout(rate=0.1)  # wrong
"""


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_lines_pass_and_wrong_ones_do_not(checker: str, tmp_path: Path) -> None:
    """Both checkers refuse each wrong line, at that line, and no other."""
    assert misjudged(checker, CODE, tmp_path) == []
