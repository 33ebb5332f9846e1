"""What is followed in source, how often it is read, and what is drawn of it."""

import gc
from pathlib import Path

import pytest

from normdrop.lint.rules import check_files, check_text, selected
from normdrop.lint.source import parse_source
from normdrop.shifts.graph import Kind

_HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import Dropout as Noise\nimport config\n"


def _codes(source: str) -> list[str]:
    return [each.code for each in check_text("net.py", _HEAD + source, selected())]


def test_a_chain_of_calls_is_evaluated_once() -> None:
    """A call in a chain of 60, each evaluated twice, would be evaluated 2**60 times."""
    chain = "config.start()" + ".then(1)" * 60
    made = "    return nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"
    assert _codes(f"def net():\n    known = {chain}\n{made}") == ["ND101"]


def test_a_module_at_the_head_of_a_chain_is_made_once() -> None:
    """`Net().forward(x)` makes one module."""
    source = (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(8)\n"
        "    def forward(self, x):\n        return self.norm(self.drop(x))\n"
        "out = Net().forward(torch.rand(2, 8))\n"
    )
    first, *_ = parse_source("net.py", _HEAD + source).sketches
    assert {each.layer for each in first.graph.of_kind(Kind.NORM)} == {"norm"}


@pytest.mark.parametrize(
    "source",
    [
        "def net():\n    return nn.Sequential(Noise(0.5), nn.BatchNorm1d(8))\n",
        "norm = nn.BatchNorm1d\ndef net():\n    return nn.Sequential(nn.Dropout(), norm(8))\n",
        (
            "def after(x):\n    return nn.BatchNorm1d(8)(x)\n"
            "def before(x):\n    return after(nn.Dropout(0.5)(x))\n"
            "def net(x):\n    return before(x)\n"
        ),
        (
            "class Base(nn.Module):\n"
            "    def make(self):\n"
            "        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(8)\n"
            "class Net(Base):\n"
            "    def __init__(self, dropout):\n        self.make()\n"
            "    def forward(self, x):\n        return self.norm(self.drop(x))\n"
        ),
        (
            "if config.small:\n    def drop(x):\n        return nn.Dropout(0.5)(x)\n"
            "else:\n    def drop(x):\n        return nn.Dropout(0.1)(x)\n"
            "def net(x):\n    return nn.BatchNorm1d(8)(drop(x))\n"
        ),
    ],
    ids=["alias", "variable", "functions", "base class", "condition"],
)
def test_layers_are_reached_by_any_way(source: str) -> None:
    """Under another name, through a variable, a function, a base class or a condition."""
    assert _codes(source) == ["ND101"]


def test_words_alone_are_not_followed() -> None:
    """Names that only resemble those of layers lead to no model."""
    source = "def convert(module):\n    dropout_rate = 'BatchNorm'\n    return dropout_rate\n"
    assert parse_source("net.py", _HEAD + source).sketches == ()


def test_a_condition_that_decides_nothing_yields_no_second_model() -> None:
    """One model, and two where the condition decides about a layer."""
    one = (
        "def net(verbose):\n    if verbose:\n        print('net')\n"
        "    return nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"
    )
    assert len(parse_source("net.py", _HEAD + one).sketches) == 1
    two = one.replace("print('net')", "return nn.BatchNorm1d(8)(torch.rand(2, 8))")
    assert len(parse_source("net.py", _HEAD + two).sketches) == 2


def test_arguments_are_read_again_where_they_changed() -> None:
    """A line that makes layers in a loop makes each with its own arguments."""
    source = (
        "layers, sizes = [], [1]\n"
        "for rate in [0.25, 0.75]:\n"
        "    layers.append(nn.Dropout(rate))\n"
        "    layers.append(nn.AdaptiveAvgPool2d(sizes))\n"
        "    layers.append(nn.BatchNorm1d(8))\n"
        "    sizes.append(7)\n"
        "net = nn.Sequential(*layers)\n"
    )
    (sketch,) = parse_source("net.py", _HEAD + source).sketches
    noise = sketch.graph.of_kind(Kind.NOISE)
    assert [each.noise.rate for each in noise if each.noise] == [0.25, 0.75]
    pools = [each.operation for each in sketch.graph.of_kind(Kind.POOL)]
    assert pools == ["GlobalAdaptiveAvgPool2d", "AdaptiveAvgPool2d"]
    norms = [each.layer for each in sketch.graph.of_kind(Kind.NORM)]
    assert norms == ["BatchNorm1d (line 9, column 19)", "BatchNorm1d (line 9, column 19) #2"]


def test_a_layer_called_twice_keeps_its_name() -> None:
    """Two calls of one layer are two nodes of that layer, between those of others."""
    source = (
        "def net(x):\n    made = [nn.BatchNorm1d(8) for _ in range(2)]\n"
        "    for each in made + made:\n        x = each(x)\n    return x\n"
    )
    (sketch,) = parse_source("net.py", _HEAD + source).sketches
    first, second, *again = [each.layer for each in sketch.graph.of_kind(Kind.NORM)]
    assert first != second
    assert again == [first, second]


def test_generators_are_not_run() -> None:
    """Nothing is said of what a generator yields."""
    plain = "def pair(x):\n    return nn.Dropout(0.5)(x)\n"
    rest = "def net(x):\n    return nn.BatchNorm1d(8)(pair(x))\n"
    assert _codes(plain + rest) == ["ND101"]
    assert _codes(plain.replace("return", "yield") + rest) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_of_garbage_is_left_as_it_was(tmp_path: Path, *, enabled: bool) -> None:
    """Also after a file that cannot be read."""
    (tmp_path / "net.py").write_text(f"{_HEAD}nn.Dropout(\n")
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        assert check_files([str(tmp_path)], selected()).notes
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
