"""The map of a model: which noise goes where, in pictures, tree and dictionary."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

import normdrop
from normdrop.errors import UsageError
from normdrop.shifts.map import NormMark


class Residual(nn.Module):
    """A block whose dropout reaches its own norm, and over the sum the next block's."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The branch and the trunk."""
        out: torch.Tensor = x + self.norm(self.second(self.drop(self.first(x))))
        return out


class Functional(nn.Module):
    """Dropout that is a function, before a norm that is a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Through both."""
        out: torch.Tensor = self.norm(F.dropout(self.linear(x), 0.5, training=self.training))
        return out


class Shared(nn.Module):
    """One block called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
        self.between = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """There and there again."""
        out: torch.Tensor = self.block(self.between(self.block(x)))
        return out


def _deep(blocks: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), *(Residual() for _ in range(blocks)))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "direct": (lambda: nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8)), (8,)),
    "residual": (lambda: _deep(2), (3, 8, 8)),
    "many": (lambda: _deep(9), (3, 8, 8)),
    "functional": (Functional, (8,)),
    "shared": (Shared, (8,)),
    "clean": (lambda: nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)), (8,)),
    "no norm": (lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5)), (8,)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_picture_is_drawn(name: str) -> None:
    """Each module's picture is well-formed, whole by itself, and a noise in it bears its number."""
    make, shape = MODELS[name]
    drawn = normdrop.view(make(), shape)
    for module in drawn.modules:
        picture = ET.fromstring(drawn.svg(module))  # noqa: S314 - made right here
        assert picture.tag.endswith("svg")
        assert "<style>" in drawn.svg(module)
    whole = "".join(drawn.svg(module) for module in drawn.modules)
    assert all(f'data-noise="{number}"' in whole for number in drawn.noises.values())
    json.dumps(drawn.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "noise", "norms"),
    [
        ("direct", "0", ("1",)),
        ("residual", "1.drop", ("1.norm",)),
        ("functional", "dropout()", ("norm",)),
        ("shared", "block.1", ("block.2",)),
        ("clean", "2", ()),
    ],
)
def test_noise_ends_at_the_norms_it_reaches(name: str, noise: str, norms: tuple[str, ...]) -> None:
    """Whatever lies between, and nowhere else."""
    make, shape = MODELS[name]
    assert normdrop.view(make(), shape).reached_by(noise) == norms


def test_arrows_carry_noise_only_on_its_way() -> None:
    """From the dropout over what follows to the norm: two arrows, and none after it."""
    model = nn.Sequential(
        nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)
    )
    picture = ET.fromstring(normdrop.view(model, (8,)).svg())  # noqa: S314 - made right here
    arrows = [g for g in picture.iter() if "nd-arrow" in g.get("class", "")]
    assert [g.get("data-noise") for g in arrows] == [None, None, "1", "1", None]


def test_shortcuts_are_told_from_branches() -> None:
    """One dashed arrow for each residual block, none in a chain."""
    drawn = normdrop.view(_deep(2), (3, 8, 8))
    assert drawn.svg().count("nd-shortcut") - drawn.svg().count(".nd-shortcut") == 2
    chain = normdrop.view(MODELS["direct"][0](), (8,))
    assert chain.svg().count("nd-shortcut") == chain.svg().count(".nd-shortcut")


def test_a_large_model_stays_legible() -> None:
    """Modules are closed where a picture would have too many boxes; each opens on its own."""
    drawn = normdrop.view(_deep(20), (3, 8, 8))
    picture = drawn.svg()
    assert 20 <= picture.count('class="nd-box') <= 40
    assert "nd-box nd-module" in picture
    assert "nd-box nd-module" not in drawn.svg("3")


class Dense(nn.Module):
    """Every layer takes all before it."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4 * (n + 1), 4) for n in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """All that was made so far, joined."""
        made = [x]
        for layer in self.layers:
            made.append(layer(torch.cat(made, 1)))
        return torch.cat(made, 1)


@pytest.mark.parametrize(("layers", "arrows"), [(3, 13), (12, 25)])
def test_where_all_is_joined_to_all_the_next_is_drawn(layers: int, arrows: int) -> None:
    """A few ways are drawn all; of many, one into each box, which says how many there are."""
    drawn = normdrop.view(Dense(layers), (4,)).svg()
    assert drawn.count('class="nd-arrow') == arrows
    assert ("and 12 earlier outputs" in drawn) == (layers == 12)


def test_the_tree_has_every_layer_once() -> None:
    """Nested as the modules are, with parameters as torch counts them."""
    torch.manual_seed(0)
    model = _deep(2)
    table = normdrop.view(model, (3, 8, 8)).to_table()
    names = [row.cells[0] for row in table.rows]
    assert len(names) == len(list(model.modules()))
    assert table.rows[0].cells[2] == f"{sum(p.numel() for p in model.parameters()):,}"
    assert names[2].endswith("1 Residual")
    assert names[3].startswith("│  ├─ first")


def test_the_map_of_a_report_is_the_map_of_its_model() -> None:
    """`predict` and `measure` know their model; a report made by hand does not."""
    model = MODELS["direct"][0]()
    predicted = normdrop.predict(model, (8,))
    assert predicted.map().marks["1"].shift == predicted["1"].shift
    measured = normdrop.measure(model, [torch.randn(32, 8)], blame=True)
    assert measured.map("mine").reached_by("0") == ("1",)
    assert measured.map("mine").name == "mine"
    by_hand = normdrop.ShiftReport(list(predicted), "measured")
    with pytest.raises(UsageError, match=r"normdrop\.view"):
        by_hand.map()


def test_a_module_that_has_no_picture_is_named() -> None:
    """And the nearest that has one."""
    drawn = normdrop.view(_deep(2), (3, 8, 8))
    with pytest.raises(UsageError, match="several layers"):
        drawn.svg("1.norm")


def test_names_are_data() -> None:
    """A module's name neither breaks a picture nor acts in it."""
    model = nn.Sequential()
    model.add_module("<b>&\"'", nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8)))
    drawn = normdrop.view(model, (8,))
    for module in drawn.modules:
        assert "<b>" not in drawn.svg(module)
        ET.fromstring(drawn.svg(module))  # noqa: S314 - made right here
    assert "<b>" not in drawn._repr_html_()


def test_verdicts() -> None:
    """In words: how many, how much, whose fault; or that all is well."""
    off = normdrop.view(MODELS["direct"][0](), (8,))
    assert str(off.verdict) == (
        "✗ 1 of 1 norm layer is off by more than 20 % in evaluation; dropout '0' is the cause"
    )
    model = MODELS["clean"][0]()
    assert str(normdrop.view(model, (8,)).verdict) == "✓ ok: no noise reaches the norm layer"
    assert normdrop.predict(model, (8,)).verdict == "ok: 1 norm layer within 5 % in evaluation"


@pytest.mark.parametrize(
    ("shift", "level"),
    [(0.5, "error"), (2.0, "error"), (0.9, "warning"), (1.01, "ok"), (0, "error")],
)
def test_levels(shift: float, level: str) -> None:
    """Whichever way the shift goes."""
    assert NormMark(shift).level == level
