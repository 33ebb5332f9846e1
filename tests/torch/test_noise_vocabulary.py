"""Whatever `predict` blames as noise, `modes` switches: every spelling in the vocabulary."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop.torch.capture import capture
from normdrop.values.operations import ATTENTIONS, DRAWS, NOISES, Function

_HALVES = "torch.full_like(x, 0.5)"
# What each draw is given to yield something of the shape of `x`, which has 8 rows and 64 columns.
_DRAWN = {
    **dict.fromkeys(("rand", "randn"), "(x.shape)"),
    **dict.fromkeys(("rand_like", "randn_like"), "(x)"),
    "randint": "(1, 9, x.shape)",
    "randint_like": "(x, 1, 9)",
    "randperm": "(64)",
    "bernoulli": f"({_HALVES})",
    "normal": "(1.0, 1.0, x.shape)",
    "multinomial": "(x.abs() + 1, 64)",
    "poisson": "(x.abs() + 1)",
    "binomial": f"(4 * torch.ones_like(x), {_HALVES})",
    **dict.fromkeys(("rrelu", "rrelu_"), "(x - 5, 0.1, 0.9, True)"),
    "bernoulli_": "(0.5)",
    "uniform_": "()",
    "normal_": "(1.0, 1.0)",
    "random_": "(1, 9)",
    **dict.fromkeys(("exponential_", "cauchy_", "log_normal_"), "()"),
    "geometric_": "(0.5)",
}
_ATTENTION = {
    "scaled_dot_product_attention": "y, y, y, dropout_p=0.5 if self.training else 0.0",
    "multi_head_attention_forward": (
        "y, y, y, 64, 2, self.inward.weight, self.inward.bias, None, None, False, 0.5, "
        "self.outward.weight, self.outward.bias, training=self.training, need_weights=False"
    ),
}


def _method(spelling: Function) -> str:
    """`x.draw_(…)`, on a tensor that it may write to; `bernoulli` and `multinomial` read it."""
    base = {"bernoulli": _HALVES, "multinomial": "(x.abs() + 1)"}.get(
        spelling.name, "torch.empty_like(x)"
    )
    given = "()" if spelling.name == "bernoulli" else _DRAWN[spelling.name]
    return f"{base}.{spelling.name}{given.replace('x.abs() + 1, ', '')}"


def _calls() -> Iterator[tuple[str, str]]:
    """Every function of the vocabulary in every way to write its call, with the call."""
    for spelling in (each for noise in NOISES for each in noise.functions):
        for how, flag in (("", ""), ("named", f"{spelling.arguments[2]}=")):
            # Dropout of channels wants as many spatial axes as its name says.
            ones = ", 1" * {"2": 2, "3": 3}.get(spelling.name[-2], 0)
            x = f"x.view(len(x), 64{ones})" if ones else "x"
            call = f"{spelling.address}({x}, 0.5, {flag}self.training)"
            if ones:
                call += ".view(len(x), 64)"
            if spelling.name == "native_dropout":
                call += "[0]"
            yield f"{spelling.address} {how}".strip(), f"x = {call}"
    for spelling in DRAWS:
        method = spelling.address.startswith("torch.Tensor.")
        drawn = _method(spelling) if method else f"{spelling.address}{_DRAWN[spelling.name]}"
        rectified = spelling.name.startswith("rrelu")
        yield (
            spelling.address,
            f"x = ({drawn} if self.training else x)" if rectified else _masked(drawn),
        )
    for spelling in ATTENTIONS:
        took = f"{spelling.address}({_ATTENTION[spelling.name]})"
        result = "[0]" if spelling.name.startswith("multi") else ""
        axes = "1, len(x)" if result else "len(x), 1"  # one position, batch second or first
        yield (
            spelling.address,
            f"y = x.view({axes}, 64); x = x + {took}{result}.view(len(x), 64)",
        )


def _masked(drawn: str) -> str:
    return f"x = x * {drawn}.to(x.dtype) if self.training else x"


_CALLS = dict(_calls())
_NAMED = "torch.nn.functional.dropout named"
_MODULES = [name for noise in NOISES for name in noise.modules]


class _Net(nn.Module):
    """A linear layer, some noise in the code of the model itself, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(8, 64), nn.BatchNorm1d(64)
        self.inward, self.outward = nn.Linear(64, 192), nn.Linear(64, 64)

    def noisy(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        x = self.noisy(self.linear(x))
        normed: Tensor = self.norm(x)
        return normed


def _model(statement: str, before: str = "", decorator: str = "") -> nn.Module:
    source = f"{before}\n{decorator}\ndef noisy(self, x):\n    {statement}\n    return x\n"
    namespace: dict[str, Any] = {"torch": torch}
    exec(source, namespace)  # noqa: S102 - the names in the code are what is tested
    torch.manual_seed(0)
    model: nn.Module = type("Net", (_Net,), {"noisy": namespace["noisy"]})()
    return model


def _draws(model: nn.Module, *, dropout: bool) -> bool:
    """Whether two runs differ."""
    torch.manual_seed(1)
    x = torch.randn(8, 8)
    with torch.no_grad(), normdrop.modes(model, dropout=dropout, norm="running"):
        one, other = model(x), model(x)
    return not torch.equal(one, other)


def _blamed(model: nn.Module) -> set[str]:
    report = normdrop.predict(model, (8,), method="simulate")
    return {cause for layer in report for cause in layer.causes}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", _CALLS)
def test_every_function_is_blamed_and_switched(name: str, *, training: bool) -> None:
    """Whatever mode the model is in: on where noise is asked for, off where it is not."""
    model = _model(_CALLS[name]).train(training)
    assert _draws(model, dropout=True)
    assert not _draws(model, dropout=False)
    assert _blamed(model)
    assert model.training is training


@pytest.mark.parametrize("name", [name for name in _CALLS if "dropout" in name])
def test_every_function_is_noise_in_the_graph(name: str) -> None:
    """Active in train mode and not in eval mode, however the call says which it is."""
    captured = capture(_model(_CALLS[name]), (8,))
    assert [n.noise.active for n in captured.train if n.noise] == [True]
    assert not any(n.noise.active for n in captured.eval if n.noise)


@pytest.mark.parametrize("name", ["torch.dropout", "torch.dropout named", _NAMED])
def test_a_mask_made_by_dropout_of_ones(name: str) -> None:
    """It is a mask where the call is on, and ones where it is off."""
    made = _CALLS[name].removeprefix("x = ").replace("(x,", "(torch.ones_like(x),")
    captured = capture(_model(f"x = x * {made}"), (8,))
    assert [n.noise.active for n in captured.train if n.noise] == [True]
    assert not any(n.noise.active for n in captured.eval if n.noise)


@pytest.mark.parametrize("name", _MODULES)
def test_every_module_is_blamed_and_switched(name: str) -> None:
    """Layers of torch's own."""
    layer = getattr(nn, name)(0.5)
    flat = "Dropout1d" in name or "Feature" in name
    shaped: list[nn.Module] = [nn.Linear(8, 64), layer]
    if name.endswith(("2d", "3d")) or flat:
        sizes = (4,) * {"2d": 2, "3d": 3}.get(name[-2:], 1)
        width = 4 ** (len(sizes) + 1)
        shaped = [nn.Linear(8, width), nn.Unflatten(1, (4, *sizes)), layer, nn.Flatten()]
        shaped.append(nn.Linear(width, 64))
    torch.manual_seed(0)
    model = nn.Sequential(*shaped, nn.BatchNorm1d(64))
    assert _draws(model, dropout=True)
    assert not _draws(model, dropout=False)
    assert _blamed(model) == {str(shaped.index(layer))}


_ALIASES = {
    "another name": ("from torch import dropout as fewer", "x = fewer(x, 0.5, self.training)"),
    "a function of one's own": (
        "def fewer(x, on):\n    return torch.dropout_(x, 0.5, on)",
        "x = fewer(x, self.training)",
    ),
    "a function that calls another": (
        (
            "def inner(x, on):\n    return torch.dropout_(x, 0.5, on)\n"
            "def fewer(x, on):\n    return inner(x, on) if on else x"
        ),
        "x = fewer(x, self.training)",
    ),
}


@pytest.mark.parametrize("name", _ALIASES)
def test_other_names_and_functions_between(name: str) -> None:
    """What a name stands for counts, and what a function of the user's calls."""
    before, statement = _ALIASES[name]
    model = _model(statement, before)
    assert _draws(model.eval(), dropout=True)
    assert not _draws(model, dropout=False)
    assert _blamed(model)


_ASKS_THE_MODE = """
import functools
def noted(function):
    @functools.wraps(function)
    def wrapper(self, x):
        return function(self, x) if self.training else function(self, x)
    return wrapper
"""


@pytest.mark.parametrize(
    ("before", "decorator"), [("", "@torch.no_grad()"), (_ASKS_THE_MODE, "@noted")]
)
def test_a_decorated_method(before: str, decorator: str) -> None:
    """What is below a decorator counts; its own look at the mode makes no noise of a child's."""
    model = _model("x = torch.dropout(x, 0.5, self.training)", before, decorator)
    assert _draws(model.eval(), dropout=True)
    assert not _draws(model, dropout=False)
    calm = _model("x = self.dropout(x)", before, decorator)
    calm.dropout = nn.Identity()
    assert calm.eval()
    with normdrop.modes(calm, dropout=True):
        assert not calm.training


@pytest.mark.parametrize(
    "statement",
    [
        "x = torch.relu(x) if self.training else x",
        "x = torch.nn.functional.dropout(x, 0.0, self.training)",
        "x = torch.nn.functional.alpha_dropout(x, 0.5)",
        "x = torch.dropout(x, 0.5, False) if self.training else x",
    ],
)
def test_what_makes_no_noise_is_neither_blamed_nor_noisy(statement: str) -> None:
    """Rate 0, a call that is off, one whose default is off, and no noise at all."""
    model = _model(statement)
    assert not _draws(model, dropout=True)
    assert not _blamed(model)
