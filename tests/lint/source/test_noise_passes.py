"""Noise is followed through whatever lets it through, and through nothing else."""

import pytest

from normdrop.lint.rules import check_text, rule
from normdrop.values.findings import Finding

_KERAS = """
from keras import layers, Sequential
model = Sequential([
    layers.Dropout(0.4), layers.{between}, layers.Dense(8, use_bias=False),
    layers.BatchNormalization(),
])
"""
_TORCH = """
import torch
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(8)
        self.between = {layer}
    def forward(self, x, other):
        x = self.drop(x)
        {step}
        return self.norm(x)
"""
_LAYERS = (
    *("UpSampling1D()", "UpSampling2D(2, interpolation='bilinear')", "UpSampling3D()"),
    *("GaussianNoise(0.1)", "Rescaling(2.0)", "Masking()", "Resizing(8, 8)", "LSTM(8)", "GRU(8)"),
    *("SimpleRNN(8)", "Bidirectional(layers.LSTM(8))", "TimeDistributed(layers.Dense(8))"),
    *("ConvLSTM2D(8, 3)", "ZeroPadding2D()", "Cropping1D()", "Reshape((2, 4))", "RepeatVector(2)"),
)
_MODULES = (
    *("nn.Upsample(scale_factor=2)", "nn.ReflectionPad1d(2)", "nn.ZeroPad2d(1)", "nn.Unfold(3)"),
    *("nn.LocalResponseNorm(2)", "nn.PixelShuffle(2)", "nn.LPPool1d(2, 2)"),
)
_STEPS = (
    *("x = F.interpolate(x, scale_factor=2)", "x = F.pad(x, (1, 1))", "x = torch.matmul(x, other)"),
    *("x = x @ other", "x = torch.einsum('bi,bj->bij', x, other)", "x, _ = x.chunk(2)"),
    *("x = torch.exp(x)", "x = x.sum(1)", "x = x.clamp(0, 1)", "x = F.normalize(x)"),
    *("x = torch.cat([x, other], 1)", "x = torch.add(x, other)", "x = F.linear(x, other)"),
    *("x = x.masked_fill(other, 0)", "x = x.max(1)[0]"),
)


def _shifts(source: str) -> list[Finding]:
    return check_text("net.py", source, [rule("ND101")()])


@pytest.mark.parametrize("layer", _LAYERS)
def test_a_layer_of_keras_lets_noise_through(layer: str) -> None:
    """Whatever resamples, rescales, recurs or is wrapped."""
    assert len(_shifts(_KERAS.format(between=layer))) == 1


def test_an_unknown_layer_of_keras_does_not() -> None:
    """Nothing is claimed of a function that is not read, nor of a layer of one's own."""
    assert not _shifts(_KERAS.format(between="Lambda(unknown)"))


@pytest.mark.parametrize("layer", _MODULES)
def test_a_module_of_torch_lets_noise_through(layer: str) -> None:
    """Whatever resamples, pads or rescales."""
    assert len(_shifts(_TORCH.format(layer=layer, step="x = self.between(x)"))) == 1


@pytest.mark.parametrize("step", _STEPS)
def test_a_function_of_torch_lets_noise_through(step: str) -> None:
    """As a function or as a method, of one tensor or of several."""
    assert len(_shifts(_TORCH.format(layer="None", step=step))) == 1


@pytest.mark.parametrize("step", ["x = unknown(x)", "x = other", "x = torch.rand_like(x)"])
def test_what_is_not_known_does_not(step: str) -> None:
    """Nor does a tensor that takes the place of the noisy one."""
    assert not _shifts(_TORCH.format(layer="None", step=step))


@pytest.mark.parametrize("step", ["x = torch.matmul(x, other)", "x = F.interpolate(x)"])
def test_no_size_is_claimed_where_noise_is_damped(step: str) -> None:
    """The way is certain, the size of the shift is not."""
    (found,) = _shifts(_TORCH.format(layer="None", step=step))
    assert found.shift is None
    assert found.severity == "warning"
