"""What could become of dropout in a file: each option is listed, and can be had."""

import ast
import textwrap
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.lint.rules import check_text, rule, selected
from normdrop.mending.patches import harms_in, patch_text
from normdrop.mending.repairs import Move

_LISTED = """
from torch import nn

net = nn.Sequential(
    nn.Linear(8, 8, bias=False),
    nn.Dropout(0.5),
    nn.BatchNorm1d(8),
    nn.ReLU(),
    nn.Linear(8, 8, bias=False),
    nn.BatchNorm1d(8),
    nn.ReLU(),
    nn.Dropout(0.25),
    nn.Linear(8, 2),
)
"""
_ADDED = """
from keras import Sequential, layers

model = Sequential()
model.add(layers.Dense(64, use_bias=False))
model.add(layers.Dropout(0.5))
model.add(layers.BatchNormalization())
model.add(layers.Activation("tanh"))
model.add(layers.Dropout(0.5))
model.add(layers.Dense(2, use_bias=False))
"""
_CALLED = """
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False)
        self.drop = nn.Dropout2d(p=0.4)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.Linear(8, 8, bias=False)
        self.end = nn.BatchNorm1d(8)

    def forward(self, x):
        x = self.first(x)
        x = self.drop(x)
        x = F.relu(self.norm(x))
        x = F.dropout(x, 0.3, self.training)
        return self.end(self.last(x))
"""
_SOURCES = {
    "listed": _LISTED,
    "added": _ADDED,
    "called": _CALLED,
    **{
        f"ND101-{number}": textwrap.dedent(example.source)
        for number, example in enumerate(rule("ND101").invalid)
    },
}
_PREFERRED: tuple[Move, ...] = ("lower", "uniform", "remove", "branch", "head")


def codes(text: str) -> Counter[str]:
    """How often each rule finds something worth more than a note."""
    found = check_text("net.py", text, selected())
    return Counter(each.code for each in found if each.severity != "note")


def calls(text: str) -> Counter[str]:
    """What a text calls, how often."""
    tree = ast.parse(text)
    return Counter(ast.unparse(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call))


@pytest.mark.parametrize("prefer", [(), *((each,) for each in _PREFERRED)])
@pytest.mark.parametrize("name", _SOURCES)
def test_a_preferred_option_does_no_harm(name: str, prefer: tuple[Move, ...]) -> None:
    """Nothing is found more often, no noise stands where it harms more, and it is done once."""
    text = _SOURCES[name]
    patch = patch_text("net.py", text, selected(), unsafe=True, prefer=prefer, weigh=True)
    before, after = codes(text), codes(patch.after)
    assert all(after[code] <= before[code] for code in after)
    did, does = harms_in(text), harms_in(patch.after)
    assert all(does[harm] <= did[harm] for harm in does)
    again = patch_text("net.py", patch.after, selected(), unsafe=True, prefer=prefer)
    assert not again.changes
    mended = {str(each.location) for each in patch.mended if each.code == "ND101"}
    for place in {each.layer for each in patch.options}:
        (chosen,) = [each for each in patch.options if each.layer == place and each.chosen]
        assert (chosen.move != "keep") == (place in mended)


@pytest.mark.parametrize("name", ["listed", "added"])
def test_each_option_that_is_listed_can_be_had(name: str) -> None:
    """Asked for by name, it is what is done to each layer that has it."""
    text = _SOURCES[name]
    listed = patch_text("net.py", text, selected(), unsafe=True, weigh=True).options
    for move in ("lower", "uniform", "remove"):
        patch = patch_text("net.py", text, selected(), unsafe=True, prefer=(move,), weigh=True)
        places = {each.layer for each in listed if each.move == move}
        assert places
        assert {each.layer for each in patch.options if each.chosen and each.move == move} == places


def test_what_the_options_write() -> None:
    """A rate and a half-width as the shift bears, an import where one is needed, or nothing."""
    lines = {
        "lower": "    nn.Dropout(0.04),",
        "uniform": "    UniformDropout(0.24),",
    }
    for move, line in lines.items():
        after = patch_text(
            "net.py",
            _LISTED,
            selected(),
            unsafe=True,
            prefer=(move,),  # type: ignore[arg-type] # the keys are moves
        ).after
        assert line in after.splitlines()
        assert after.count("from normdrop.torch import UniformDropout") == (move == "uniform")
    gone = patch_text("net.py", _CALLED, selected(), unsafe=True, prefer=("remove",)).after
    assert "drop" not in gone.lower()
    ast.parse(gone)


def test_kept_as_preferred() -> None:
    """Nothing is done to dropout, and why is said."""
    patch = patch_text("net.py", _LISTED, selected(("ND101",)), unsafe=True, prefer=("keep",))
    assert not patch.changes
    assert all("kept as preferred" in each.reason for each in patch.left)


_LAYERS = st.lists(
    st.sampled_from(
        [
            *("nn.Linear(8, 8, bias=False)", "nn.BatchNorm1d(8)", "nn.ReLU()", "nn.Dropout(0.5)"),
            *("nn.Softmax(1)", "nn.Dropout(0.2)", "nn.LayerNorm(8)", "nn.Identity()"),
        ]
    ),
    min_size=3,
    max_size=14,
)


@given(layers=_LAYERS, prefer=st.sampled_from([(), ("lower",), ("uniform",), ("remove",)]))
def test_no_patch_of_any_order_harms(layers: list[str], prefer: tuple[Move, ...]) -> None:
    """Whatever layers follow one another: Python, nothing found more, no noise that harms more."""
    text = "from torch import nn\n\nnet = nn.Sequential(\n    " + ",\n    ".join(layers) + ",\n)\n"
    patch = patch_text("net.py", text, selected(), unsafe=True, prefer=prefer)
    before, after = codes(text), codes(patch.after)
    assert all(after[code] <= before[code] for code in after)
    did, does = harms_in(text), harms_in(patch.after)
    assert all(does[harm] <= did[harm] for harm in does)
    if not prefer:
        assert calls(patch.after) == calls(text)
