"""Layers that are made in vain, modules nobody registers, logits that are dropped."""

import pytest

from normdrop.lint.rules import check_text, selected

_HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn import init
from keras import layers
import keras
"""
_LAYERS = (
    *("nn.BatchNorm1d(8)", "nn.InstanceNorm2d(8)", "nn.LayerNorm(8)", "nn.GroupNorm(2, 8)"),
    *("nn.Dropout(0.5)", "nn.Dropout2d(0.2)", "nn.AlphaDropout(0.1)", "norm_layer(8)"),
    *("DropPath(0.1)", "nn.BatchNorm2d(8, **settings)"),
)
_CLASS = """
class Net(nn.Module):
    def __init__(self, norm_layer, **settings):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.kept = {layer}
    def forward(self, x):
        x = self.linear(x)
        {use}
        return x
"""
_USES = (
    *("x = self.kept(x)", "x = F.relu(self.kept(x))", "for part in self.children(): x = part(x)"),
    *("x = getattr(self, 'kept')(x)", "x = helper(self, x)", "x = x * self.kept.weight"),
)


def _codes(source: str) -> set[str]:
    return {each.code for each in check_text("net.py", _HEAD + source, selected())}


@pytest.mark.parametrize("layer", _LAYERS)
def test_a_layer_nobody_calls_is_found(layer: str) -> None:
    """Whatever it is; that its weights are set up is no use of it."""
    assert "ND401" in _codes(_CLASS.format(layer=layer, use="pass"))
    setup = "    def init_weights(self):\n        init.zeros_(self.kept.weight)\n"
    assert "ND401" in _codes(_CLASS.format(layer=layer, use="pass") + setup)


@pytest.mark.parametrize("use", _USES)
def test_a_layer_that_somebody_may_call_is_not(use: str) -> None:
    """Called, reached by its name or with all others, handed on, or asked for its weight."""
    assert "ND401" not in _codes(_CLASS.format(layer="nn.BatchNorm1d(8)", use=use))


def test_relatives_and_comments_count() -> None:
    """A class that derives from it, or a comment that says why it is there, explains a layer."""
    idle = _CLASS.format(layer="nn.BatchNorm1d(8)", use="pass")
    derived = "class Other(Net):\n    def forward(self, x):\n        return self.kept(x)\n"
    assert "ND401" not in _codes(idle + derived)
    assert "ND401" not in _codes(_CLASS.format(layer="nn.BatchNorm1d(8)  # unused", use="pass"))
    assert "ND401" not in _codes(idle.replace("nn.Module", "nn.TransformerEncoderLayer"))


def test_a_layer_of_keras_nobody_calls_is_found() -> None:
    """In layers and models alike, under any of their names."""
    for base in ("layers.Layer", "keras.Model", "keras.layers.Layer"):
        source = (
            f"class Net({base}):\n    def __init__(self):\n        super().__init__()\n"
            "        self.kept = layers.BatchNormalization()\n"
            "    def call(self, x):\n        return x\n"
        )
        assert "ND401" in _codes(source)
        assert "ND401" not in _codes(source.replace("return x", "return self.kept(x)"))


@pytest.mark.parametrize("layer", ["nn.BatchNorm1d(8)", "nn.Dropout(0.5)", "nn.Dropout2d(0.2)"])
def test_an_output_that_is_thrown_away_is_found(layer: str) -> None:
    """A call that is a statement by itself; in place it is none."""
    assert "ND403" in _codes(_CLASS.format(layer=layer, use="self.kept(x)"))
    assert "ND403" not in _codes(_CLASS.format(layer=layer, use="x = self.kept(x)"))
    within = layer.replace(")", ", inplace=True)")
    assert "ND403" not in _codes(_CLASS.format(layer=within, use="self.kept(x)"))


def test_a_function_whose_output_is_thrown_away_is_found() -> None:
    """`F.dropout` changes its input only where it is told to."""
    function = _CLASS.format(layer="None", use="F.dropout(x, 0.5, self.training{})")
    assert "ND403" in _codes(function.format(""))
    assert "ND403" not in _codes(function.format(", inplace=True"))


_PLAIN = (
    *("[nn.Dropout(0.5) for _ in range(3)]", "(nn.Dropout(0.5), nn.Dropout(0.1))"),
    *("{'a': nn.BatchNorm1d(8)}", "[nn.Linear(8, 8)] + [nn.BatchNorm1d(8)]"),
    *("[nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))]", "list(nn.Dropout(p) for p in rates)"),
    *("{name: nn.Dropout(0.5) for name in names}",),
)
_REGISTERED = (
    *("nn.ModuleList([nn.Dropout(0.5)])", "nn.ModuleDict({'a': nn.Dropout(0.5)})"),
    *("nn.Sequential(*[nn.Dropout(0.5)])", "[nn.Linear(8, 8)]", "[nn.Dropout, nn.BatchNorm1d]"),
    "[0.5, 0.1]",
)
_OWNER = """
class Net(nn.Module):
    def __init__(self, rates=(), names=()):
        super().__init__()
        self.parts = {parts}
        {after}
    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x
"""


@pytest.mark.parametrize("parts", _PLAIN)
def test_layers_in_a_plain_container_are_found(parts: str) -> None:
    """A list, a tuple, a dictionary; in a class that is no module it does not matter."""
    found = _OWNER.format(parts=parts, after="pass")
    assert "ND405" in _codes(found)
    assert "ND405" not in _codes(found.replace("(nn.Module)", ""))
    for after in (
        "self.net = nn.Sequential(*self.parts)",
        "self.parts = nn.ModuleList(self.parts)",
    ):
        assert "ND405" not in _codes(_OWNER.format(parts=parts, after=after))


@pytest.mark.parametrize("parts", _REGISTERED)
def test_what_is_registered_or_no_layer_is_not(parts: str) -> None:
    """Containers of torch, lists of weights, of classes, of numbers."""
    assert "ND405" not in _codes(_OWNER.format(parts=parts, after="pass"))


_SCORES = """
class Net(nn.Module):
    def __init__(self, width, {name}, rate=0.2):
        super().__init__()
        self.head = nn.Linear(width, {name})
        self.drop = nn.Dropout(rate)
    def forward(self, x):
        {body}
"""


@pytest.mark.parametrize("name", ["num_classes", "n_classes", "num_labels", "nclass", "nb_classes"])
@pytest.mark.parametrize(
    "body",
    [
        "return self.drop(self.head(x))",
        "x = self.head(x); x = self.drop(x); return x",
        "return F.dropout(self.head(x), 0.2, self.training)",
        "return F.log_softmax(self.drop(self.head(x)), 1)",
    ],
)
def test_dropped_logits_are_found(name: str, body: str) -> None:
    """One value a class, by what its width is called; a hidden width is none."""
    assert "ND106" in _codes(_SCORES.format(name=name, body=body))
    if "softmax" not in body:
        assert "ND106" not in _codes(_SCORES.format(name="hidden", body=body))
    assert "ND106" not in _codes(_SCORES.format(name=name, body="return self.head(self.drop(x))"))


def test_dropped_logits_of_keras_are_found() -> None:
    """A layer that yields one value a class, and dropout on that."""
    source = (
        "def head(x, num_classes):\n    x = layers.Dense({width})(x)\n    {last}\n    return x\n"
    )
    dropped = "x = layers.Dropout(0.5)(x)"
    assert "ND106" in _codes(source.format(width="num_classes", last=dropped))
    assert "ND106" not in _codes(source.format(width="128", last=dropped))
    assert "ND106" not in _codes(source.format(width="num_classes", last="pass"))


_ON = (
    *("F.dropout(x, 0.5)", "F.dropout(x, 0.5, True)", "F.dropout2d(x, training=True)"),
    *("perturbed(x)", "nn.Dropout(0.5)(x)", "torch.dropout(x, 0.5, True)"),
)
_BY_MODE = (
    *("F.dropout(x, 0.5, self.training)", "F.dropout(x, 0.5) if self.training else x"),
    *("F.dropout(x, 0.5 if self.training else 0.0)", "torch.dropout(x, 0.5, self.training)"),
)
_NOISY = """
def perturbed(x, p=0.3):
    return F.dropout(x, p)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
    def forward(self, x):
        {before}x = {noise}
        return self.norm(x)
"""


@pytest.mark.parametrize("noise", _ON)
def test_noise_in_both_modes_shifts_nothing(noise: str) -> None:
    """That it stays on is found, and no shift is claimed; nor behind a test for the mode."""
    codes = _codes(_NOISY.format(noise=noise, before=""))
    assert "ND101" not in codes
    guarded = _NOISY.format(noise=noise, before="if self.training: ")
    assert "ND101" in _codes(guarded)


@pytest.mark.parametrize("noise", _BY_MODE)
def test_noise_in_train_mode_does(noise: str) -> None:
    """By an argument, by a condition, by a rate that follows the mode, by an early return."""
    assert "ND101" in _codes(_NOISY.format(noise=noise, before=""))
    early = "if not self.training: return self.norm(x)\n        "
    assert "ND101" in _codes(_NOISY.format(noise="F.dropout(x, 0.5)", before=early))
