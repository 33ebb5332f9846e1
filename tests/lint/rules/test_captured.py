"""Rules on captured models: what source alone does not show, or shows otherwise."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from normdrop.lint.rules import selected
from normdrop.values.findings import Finding
from normdrop.verbs import check_with


def found(code: str, model: nn.Module, shape: tuple[int, ...]) -> list[Finding]:
    """What one rule finds in a model."""
    return list(check_with(model, shape, selected((code,))))


class Block(nn.Module):
    """A pre-activation block with a dropout layer at every place of Kim et al. that is named."""

    def __init__(self, *places: str, rate: float = 0.3) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        for place in places:
            self.add_module(place, nn.Dropout(rate))

    def at(self, place: str, x: Tensor) -> Tensor:
        """The dropout of a place, if it has one."""
        layer: Tensor = getattr(self, place)(x) if hasattr(self, place) else x
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """The branch added to the shortcut."""
        x = self.at("p0", x)
        branch = self.at("p1", x)
        branch = self.conv1(self.norm1(branch).relu())
        branch = self.at("p5", self.norm2(self.at("p4", branch)))
        branch = self.at("p7", self.conv2(self.at("p6", branch.relu())))
        return self.at("skip", x) + branch


@pytest.mark.parametrize("place", ["p0", "p1", "p4", "p5", "p6", "p7", "skip"])
def test_each_place_of_dropout_in_a_residual_block_has_its_rule(place: str) -> None:
    """P7 is off the guideline, P0 and the shortcut are the trunk, P1 and P4 are ND101's alone."""
    block = Block(place)
    rules = {"p7": "ND102", "p0": "ND103", "skip": "ND103"}
    named = {
        code
        for code in ("ND102", "ND103", "ND104")
        if any(each.layers[0] == place for each in found(code, block, (8, 6, 6)))
    }
    assert named == ({rules[place]} if place in rules else set())
    assert bool(found("ND101", block, (8, 6, 6))) == (place in {"p0", "p1", "p4"})


def test_what_shifts_a_later_norm_is_not_reported_twice() -> None:
    """P7 before another norm is ND101's finding; the last block's is ND102's."""
    net = nn.Sequential(Block("p7", rate=0.5), Block("p7", rate=0.5))
    assert [each.layers[0] for each in found("ND101", net, (8, 6, 6))] == ["0.p7"]
    assert [each.layers[0] for each in found("ND102", net, (8, 6, 6))] == ["1.p7"]


def test_two_dropouts_are_counted_in_their_own_branch() -> None:
    """Dropout of several blocks under one long shortcut is one a branch."""

    class Long(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(Block("p6"), Block("p6", "p7"))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.blocks(x)  # type: ignore[no-any-return] # a module returns anything

    (finding,) = found("ND104", Long(), (8, 6, 6))
    assert finding.layers == ("blocks.1.p7", "blocks.1.p6")


@pytest.mark.parametrize(
    ("pool", "shape", "count"),
    [
        (nn.AdaptiveAvgPool2d(1), (8, 6, 6), 1),
        (nn.AvgPool2d(6), (8, 6, 6), 1),
        (nn.AvgPool2d(3), (8, 6, 6), 0),
        (nn.AdaptiveMaxPool2d(1), (8, 6, 6), 0),
    ],
)
def test_dropout_behind_what_pools_everything(
    pool: nn.Module, shape: tuple[int, ...], count: int
) -> None:
    """Only an average over whole maps is global average pooling, whatever layer takes it."""
    head = nn.Sequential(pool, nn.Flatten(), nn.Dropout(0.2), nn.LazyLinear(2))
    assert len(found("ND105", _settled(head, shape), shape)) == count


def _settled(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    model(torch.zeros(1, *shape))
    return model


def test_maps_of_one_position_have_one_value_per_channel() -> None:
    """Batch norm behind global pooling is found; vectors and larger maps are not maps of one."""
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8))
    assert [each.layers for each in found("ND205", pooled, (8, 6, 6))] == [("1",)]
    assert found("ND205", nn.Sequential(nn.BatchNorm2d(8)), (8, 6, 6)) == []
    assert found("ND205", nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)), (8,)) == []


class Permuted(nn.Module):
    """Linear features moved to another axis, and normalised there."""

    def __init__(self, *, back: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 6)
        self.norm = nn.BatchNorm1d(6 if back else 5)
        self.back = back

    def forward(self, x: Tensor) -> Tensor:
        """Norm of the linear layer's output."""
        x = self.linear(x).relu()
        normed: Tensor = self.norm(x.permute(0, 2, 1) if self.back else x)
        return normed


@pytest.mark.parametrize("back", [True, False])
def test_channels_are_followed_through_permutations(*, back: bool) -> None:
    """A permutation that brings the features to axis 1 is what batch norm wants."""
    assert len(found("ND209", Permuted(back=back), (5, 8))) == (0 if back else 1)


class Awake(nn.Module):
    """Dropout and batch norm whose modes are written into the code."""

    def __init__(self, drop: Callable[[Tensor], Tensor], *, training: bool | None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.drop = drop
        self.hard = training

    def forward(self, x: Tensor) -> Tensor:
        """Norm, then dropout."""
        training = self.training if self.hard is None else self.hard
        x = functional.batch_norm(
            x, self.norm.running_mean, self.norm.running_var, training=training
        )
        return self.drop(x)


def _drop_by_a_new_module(x: Tensor) -> Tensor:
    dropped: Tensor = nn.Dropout(0.5)(x)
    return dropped


def test_what_does_not_hear_of_eval_is_found() -> None:
    """Dropout that draws in evaluation, also of a module made on the way, and a norm of batches."""
    hard = Awake(lambda x: functional.dropout(x, 0.5), training=True)
    (dropout,) = found("ND301", hard, (8,))
    assert dropout.severity == "error"
    made = Awake(_drop_by_a_new_module, training=None)
    assert len(found("ND301", made, (8,))) == 1
    assert found("ND301", Awake(nn.Dropout(0.5), training=None), (8,)) == []
    assert len(found("ND307", hard, (8,))) == 1
    assert found("ND307", Awake(nn.Identity(), training=None), (8,)) == []
    without = nn.Sequential(nn.BatchNorm1d(8, track_running_stats=False))
    assert found("ND307", without, (8,)) == []
    assert len(found("ND207", without, (8,))) == 1


def test_modes_are_those_of_the_model_as_it_is() -> None:
    """Layers replaced after `eval()` are a warning, frozen norm layers a note, else nothing."""
    model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    assert found("ND303", model.train(), (8,)) == []
    assert found("ND303", model.eval(), (8,)) == []
    model[1] = nn.Dropout(0.2)
    (finding,) = found("ND303", model, (8,))
    assert (finding.severity, finding.layers) == ("warning", ("1",))
    model.train()
    model[0].eval()
    (finding,) = found("ND303", model, (8,))
    assert (finding.severity, finding.layers) == ("note", ("0",))
    assert not model[0].training
    assert model[1].training


def test_a_norm_that_is_the_output() -> None:
    """The last layer is found, one before it is not."""
    assert len(found("ND212", nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)), (8,))) == 1
    assert found("ND212", nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 8)), (8,)) == []
