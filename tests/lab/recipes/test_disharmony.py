"""The recipes on Li et al. (2019): networks as described, figures that agree, trials that run."""

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from normdrop.errors import RecipeError
from normdrop.lab.data import Dataset
from normdrop.lab.plan import plan
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import find
from normdrop.lab.recipes import _disharmony as li
from normdrop.lab.train import train
from normdrop.lab.trial import Outcome
from normdrop.torch import Block, Dropout, NoiseLayer, ResidualBlock

if TYPE_CHECKING:
    from normdrop.lab.recipes._disharmony import NoisePlace

_DIGITS, _CIFAR = (1, 8, 8), (3, 32, 32)
_RECIPES = ("last-layer", "noise-families", "rates", "reestimate", "uout", "width")


def _outcome(recipe: Recipe, variant: str, dataset: Dataset, panel: str | None = None) -> Outcome:
    """A trial of one epoch on a hundred images."""
    (trial,) = plan(
        recipe,
        dataset,
        name=recipe.name,
        panel=panel,
        variants=[variant],
        seeds=1,
        given={"epochs": 1, "limit_train": 100},
        device="cpu",
        precision="fp32",
    )
    return train(trial, dataset)


def _built(recipe: str, variant: str, panel: str | None = None) -> nn.Module:
    """A network as the recipe builds it for digits."""
    found = find(recipe)
    return found.build(variant, _DIGITS, 10, found.settings_for("digits", panel=panel))


@pytest.mark.parametrize("recipe", _RECIPES)
def test_a_trial_runs(recipe: str, digits: Dataset) -> None:
    """The last variant of the first panel trains, and has an endpoint and every metric."""
    found = find(recipe)
    outcome = _outcome(found, found.variants[-1], digits, next(iter(found.panels), None))
    assert outcome.status == "finished", outcome.message
    assert {metric.name for metric in (found.endpoint, *found.metrics)} <= set(outcome.values)
    assert outcome.values["shift"] >= 1


@pytest.mark.parametrize(
    ("kind", "place", "end"),
    [
        ("PreResNet", "a", "bn-act-conv-bn-act-conv-drop-bn-act-conv"),
        ("PreResNet", "b", "bn-act-conv-bn-act-conv-bn-act-drop-conv"),
        ("WRN", "a", "bn-act-conv-drop-bn-act-conv"),
        ("WRN", "b", "bn-act-conv-bn-act-drop-conv"),
        ("ResNeXt", "a", "conv-bn-act-conv-bn-act-conv-drop-bn"),
        ("ResNeXt", "b", "conv-bn-act-conv-bn-act-drop-conv-bn"),
    ],
)
def test_noise_stands_in_its_place_of_every_branch(
    kind: str, place: "NoisePlace", end: str
) -> None:
    """(a) directly before the last norm, (b) directly before the last convolution."""
    settings = {"network": kind, "size": "small"}
    network = li.paper_network(_DIGITS, 10, settings, place=place, noise=0.3)
    orders = [
        "-".join(name.rstrip("123") for name, _ in each.branch.named_children())
        for each in network.modules()
        if isinstance(each, ResidualBlock)
    ]
    assert orders == [end] * 3
    assert [each.p for each in network.modules() if isinstance(each, Dropout)] == [0.3] * 3


@pytest.mark.parametrize(("place", "last"), [("a", "drop-bn-act-conv"), ("b", "bn-drop-act-conv")])
def test_noise_stands_in_its_place_of_every_dense_layer(place: "NoisePlace", last: str) -> None:
    """In (b) it stands before the ReLU, where the same mask gives what it gives behind it."""
    settings = {"network": "DenseNet", "size": "small"}
    network = li.paper_network(_DIGITS, 10, settings, place=place, noise=0.3)
    orders = [str(each.order) for each in network.modules() if isinstance(each, Block)]
    assert [order for order in orders if "drop" in order] == [last] * 3
    x = torch.randn(4, 100)
    mask = torch.randint(0, 2, x.shape) / 0.5
    assert torch.equal((x * mask).relu(), x.relu() * mask)


@pytest.mark.parametrize(
    ("kind", "millions"),
    [("PreResNet", 1.70), ("ResNeXt", 34.4), ("WRN", 36.5), ("DenseNet", 0.77)],
)
def test_full_networks_have_the_papers_size(kind: str, millions: float) -> None:
    """The numbers of parameters that the papers print."""
    with torch.device("meta"):
        network = li.paper_network(_CIFAR, 10, {"network": kind, "size": "paper"})
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert round(count, 1 if millions > 10 else 2) == millions


def test_unknown_networks_are_refused() -> None:
    """The message has what there is."""
    with pytest.raises(RecipeError, match="are PreResNet, ResNeXt, WRN, DenseNet, small and paper"):
        li.paper_network(_DIGITS, 10, {"network": "ResNet", "size": "small"})


@pytest.mark.parametrize("panel", ["rate 0.1", "rate 0.3", "rate 0.5"])
@pytest.mark.parametrize("family", ["bernoulli", "gaussian", "uniform"])
def test_noise_families_share_their_second_moment(panel: str, family: str) -> None:
    """Drawn masks have mean 1, second moment 1 / (1 - rate) and the kurtosis of their family."""
    rate = float(panel.removeprefix("rate "))
    torch.manual_seed(0)
    noises = [
        n for n in _built("noise-families", family, panel).modules() if isinstance(n, NoiseLayer)
    ]
    assert len(noises) == 3
    mask = noises[0](torch.ones(200_000))
    assert mask.mean().item() == pytest.approx(1, rel=0.01)
    assert mask.square().mean().item() == pytest.approx(1 / (1 - rate), rel=0.01)
    kurtosis = ((mask - mask.mean()) / mask.std()).pow(4).mean().item()
    bernoulli = (1 - 3 * rate * (1 - rate)) / (rate * (1 - rate))
    expected = {"bernoulli": bernoulli, "gaussian": 3.0, "uniform": 1.8}[family]
    assert kurtosis == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("panel", ["PreResNet", "ResNeXt", "WRN", "DenseNet"])
def test_last_layer_has_its_dropout_behind_every_norm(panel: str) -> None:
    """Behind the last norm run its ReLU, the pooling, dropout and the weight."""
    ran = _ran(_built("last-layer", "0.3", panel))
    assert ran[-5:] == ["ReLU", "AdaptiveAvgPool2d", "Flatten", "Dropout", "Linear"]
    assert ran[-6].startswith("BatchNorm")
    assert ran.count("Dropout") == 1
    assert "Dropout" not in _ran(_built("last-layer", "none", panel))


def _ran(network: nn.Module) -> list[str]:
    """The kinds of layers in the order they run."""
    ran: list[str] = []

    def note(module: nn.Module, *_: object) -> None:
        ran.append(type(module).__name__)

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    network(torch.zeros(2, *_DIGITS))
    return [name for name in ran if name != "Identity"]


@pytest.mark.parametrize("beta", ["0.1", "0.5"])
def test_uout_multiplies_by_its_half_width(beta: str) -> None:
    """Every branch's noise lies in 1 ± β and fills that range."""
    noises = [
        each for each in _built("uout", beta, "WRN").modules() if isinstance(each, NoiseLayer)
    ]
    assert len(noises) == 3
    mask = noises[0](torch.ones(10_000)) - 1
    assert float(beta) * 0.99 < mask.abs().max().item() <= float(beta)


@pytest.mark.parametrize("panel", ["×1", "×3", "×10"])
def test_width_multiplies_the_channels(panel: str) -> None:
    """The stages' channels are 4, 8 and 16 times the panel's width."""
    width = int(panel[1:])
    network = _built("width", "b", panel)
    norms = [each.num_features for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    assert sorted(set(norms)) == sorted({16, 4 * width, 8 * width, 16 * width})


def test_re_estimated_rows_are_the_same_networks(digits: Dataset) -> None:
    """Same weights, so errors differ by the change both state; and no shift is left."""
    recipe = find("reestimate")
    before, after = (
        _outcome(recipe, variant, digits, "PreResNet") for variant in ("a", "a re-estimated")
    )
    assert [e.test_loss for e in before.epochs] == [e.test_loss for e in after.epochs]
    assert before.values["change"] == after.values["change"] != 0
    assert before.values["error"] == before.values["test_error"]
    assert after.values["error"] - before.values["error"] == pytest.approx(after.values["change"])
    assert after.values["shift"] == pytest.approx(1, abs=1e-3)
    assert before.values["shift"] > 1.1


def test_the_published_recovery_is_that_of_the_text() -> None:
    """On CIFAR-10 re-estimation undoes 47 to 71 % of what (a) loses, never all; it helps (b)."""
    for panel in find("reestimate").panels.values():
        error = panel.published["error"]
        recovered = (error["a"] - error["a re-estimated"]) / (error["a"] - error["none"])
        assert 0.47 <= round(recovered, 2) <= 0.71
        assert error["b re-estimated"] < error["b"] < error["a"]


def test_published_tables_agree() -> None:
    """Tables that share a row agree on it; what was read off a figure, to 0.02."""
    for kind, panel in find("rates").panels.items():
        errors = panel.published["test_error"]
        table = find("reestimate").panels[kind].published["error"]
        for rate, place in (("a 0.5", "a"), ("b 0.5", "b"), ("none", "none")):
            assert errors[rate] == pytest.approx(table[place], abs=0.02)
        series = [errors[f"a {rate}"] for rate in (0.1, 0.3, 0.5, 0.7)]
        assert series == sorted(series)
        shifts = list(panel.published.get("shift", {}).values())
        assert shifts == sorted(shifts)
    for name, panel in find("reestimate").panels.items():
        for other in ("uout", "last-layer"):
            figures = find(other).panels[name].published["test_error"]
            assert figures["none"] == panel.published["error"]["none"]
    wide = find("width").panels["×10"].published["test_error"]
    wrn = find("reestimate").panels["WRN"].published["error"]
    assert wide == {variant: wrn[variant] for variant in ("none", "a", "b")}
