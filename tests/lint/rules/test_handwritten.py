"""Noise written by hand is known by what it does, whatever it is called."""

import itertools
import textwrap

import pytest

from normdrop.lint.rules import check_text, selected

_SCALED = {
    "compared": """
        keep = torch.rand(x.shape[0], 1, device=x.device) >= self.rate
        return x * keep / (1 - self.rate)
    """,
    "compared like": """
        mask = (torch.rand_like(x) < 1 - self.rate).to(x.dtype)
        return x / (1 - self.rate) * mask
    """,
    "floor": """
        kept = 1 - self.rate
        drawn = kept + torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype)
        drawn.floor_()
        return x.div(kept) * drawn
    """,
    "in place": """
        mask = x.new_empty(x.shape).bernoulli_(1 - self.rate)
        mask.div_(1 - self.rate)
        x = x * mask
        return x
    """,
    "filled": """
        off = torch.rand_like(x) < self.rate
        return x.masked_fill(off, 0.0) / (1 - self.rate)
    """,
    "where": """
        on = torch.bernoulli(torch.full_like(x, 1 - self.rate)).bool()
        return torch.where(on, x / (1 - self.rate), torch.zeros_like(x))
    """,
    "written over": """
        off = torch.rand(x.shape) < self.rate
        x = x.clone()
        x[off] = 0
        return x * (1 / (1 - self.rate))
    """,
    "multiplied": """
        mask = torch.distributions.Bernoulli(0.5)
        mask = torch.empty_like(x).bernoulli_(1 - self.rate)
        return torch.mul(x, mask) * self.scale
    """,
    "by a method": """
        return x * self.mask(x) / (1 - self.rate)
    """,
}
_METHOD = """
    def mask(self, x):
        return torch.bernoulli(torch.full_like(x, 1 - self.rate))
"""
_JITTER = {
    "gaussian": "return x * (1 + self.rate * torch.randn_like(x))",
    "uniform": "return x + x * torch.empty_like(x).uniform_(-self.rate, self.rate)",
}
_UNSCALED = {
    "compared": "return x * (torch.rand_like(x) > self.rate)",
    "bernoulli": "return torch.bernoulli(torch.full_like(x, 1 - self.rate)) * x",
    "filled": "return x.masked_fill(torch.rand_like(x) < self.rate, 0)",
    "augmented": "x *= torch.rand_like(x) > self.rate\nreturn x",
    "by a method": "return x * self.mask(x)",
}
_GUARDS = {
    "early return": "if not self.training:\n    return x\n{body}",
    "early return by rate": "if self.rate == 0 or not self.training:\n    return x\n{body}",
    "condition": "if self.training:\n{inner}\nreturn x",
    "argument": "if not training:\n    return x\n{body}",
}
_NAMES = ["Drop", "Blinker", "StochasticDepth", "Gate"]


def _layer(body: str, name: str = "Blinker") -> str:
    parameters = "self, x, training" if "training:" in body and "self.t" not in body else "self, x"
    return (
        "import torch\nfrom torch import nn\n\n\n"
        f"class {name}(nn.Module):\n    def __init__(self, rate=0.1):\n"
        f"        super().__init__()\n        self.rate = rate\n{_METHOD}\n"
        f"    def forward({parameters}):\n{textwrap.indent(body, '        ')}\n"
    )


def _codes(text: str) -> set[str]:
    rules = selected(("ND501", "ND502", "ND503"))
    return {each.code for each in check_text("net.py", text, rules)}


def _guarded(guard: str, body: str) -> str:
    return _GUARDS[guard].format(body=body, inner=textwrap.indent(body, "    "))


_EVERY = {**_SCALED, **_JITTER}


@pytest.mark.parametrize(("body", "name"), [*itertools.product(_EVERY, _NAMES)])
def test_noise_that_asks_for_no_mode_is_always_on(body: str, name: str) -> None:
    """Whatever a layer is called, and however it multiplies its input by what it draws."""
    assert _codes(_layer(textwrap.dedent(_EVERY[body]).strip(), name)) == {"ND502"}


@pytest.mark.parametrize(("body", "guard"), [*itertools.product(_EVERY, _GUARDS)])
def test_noise_behind_a_mode_is_accepted(body: str, guard: str) -> None:
    """A mode, or an argument, that is asked before the draw."""
    assert _codes(_layer(_guarded(guard, textwrap.dedent(_EVERY[body]).strip()))) == set()


@pytest.mark.parametrize(("body", "guard"), [*itertools.product(_UNSCALED, _GUARDS)])
def test_what_is_kept_and_not_rescaled_is_found(body: str, guard: str) -> None:
    """A mask of zeros and ones, and nothing that makes up for the zeros."""
    assert _codes(_layer(_guarded(guard, _UNSCALED[body]))) == {"ND503"}


@pytest.mark.parametrize("body", _UNSCALED)
def test_what_is_scaled_in_evaluation_is_accepted(body: str) -> None:
    """Dropout as it was first published scales in evaluation."""
    text = f"if self.training:\n{textwrap.indent(_UNSCALED[body], '    ')}\n"
    assert _codes(_layer(f"{text}return x * (1 - self.rate)")) == set()


@pytest.mark.parametrize(
    "body",
    [
        # A sample of a distribution, noise that is added, a mixture, a mask that is handed in.
        "mean, spread = self.a(x), self.b(x)\nreturn mean + spread * torch.randn_like(spread)",
        "return x + 0.1 * torch.randn_like(x)",
        "mask = (torch.rand_like(x) > 0.5).float()\nreturn mask * x + (1 - mask) * x.flip(0)",
        "scores = torch.rand(len(x))\nreturn x[scores.argsort()]",
        "return x * self.weight",
        "nn.init.normal_(self.weight)\nreturn x * self.weight",
        "return x * (x > 0.5)",
    ],
)
def test_other_draws_are_no_dropout(body: str) -> None:
    """A layer that samples, adds, mixes or selects drops nothing."""
    assert _codes(_layer(body)) == set()


_FUNCTION = """
import torch
from torch import nn


def blink(x, rate{parameter}):
{guard}    keep = torch.rand_like(x) >= rate
    return x * keep / (1 - rate)


class Net(nn.Module):
    def forward(self, x):
        return {call}
"""


@pytest.mark.parametrize(
    ("parameter", "guard", "call", "found"),
    [
        ("", "", "blink(x, 0.1)", True),
        ("", "", "blink(x, self.rate)", True),
        ("", "", "blink(x, 0.1) if self.training else x", False),
        ("", "", "blink(x, 0.1 if self.training else 0.0)", False),
        ("", "", "x", False),
        (", training", "    if not training:\n        return x\n", "blink(x, 0.1, False)", False),
    ],
)
def test_a_function_is_judged_by_its_calls(
    parameter: str, guard: str, call: str, *, found: bool
) -> None:
    """A function of noise is always on where a layer calls it in every mode."""
    text = _FUNCTION.format(parameter=parameter, guard=guard, call=call)
    assert _codes(text) == ({"ND502"} if found else set())


_KERAS = """
import keras
import tensorflow as tf
from keras import backend as K


class Blinker(keras.layers.Layer):
    def call(self, inputs{parameter}):
{guard}        keep = {draw}
        return inputs * keep{scale}
"""
_KERAS_DRAWS = [
    "tf.floor(0.9 + tf.random.uniform(tf.shape(inputs)))",
    "keras.random.bernoulli(keras.ops.shape(inputs), 0.9)",
    "keras.ops.cast(keras.random.uniform((8,)) < 0.9, 'float32')",
    "K.random_binomial(K.shape(inputs), p=0.9)",
]


@pytest.mark.parametrize("draw", _KERAS_DRAWS)
def test_layers_of_keras_are_read_alike(draw: str) -> None:
    """What a layer of Keras draws in `call`."""
    guard = "        if not training:\n            return inputs\n"
    always = _KERAS.format(parameter="", guard="", draw=draw, scale=" / 0.9")
    asked = _KERAS.format(parameter=", training", guard=guard, draw=draw, scale=" / 0.9")
    unscaled = _KERAS.format(parameter=", training", guard=guard, draw=draw, scale="")
    assert [_codes(each) for each in (always, asked, unscaled)] == [{"ND502"}, set(), {"ND503"}]
