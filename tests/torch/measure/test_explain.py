"""Planted causes of a gap are named, alone and together."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import normdrop

Batches = list[tuple[Tensor, Tensor]]


def _network(rate: float) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.Dropout(rate), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
    )


def _perceptron(rate: float) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(rate)),
        *(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4)),
    )


def _data(shape: tuple[int, ...], count: int, scale: float = 1.0) -> Batches:
    generator = torch.Generator().manual_seed(0)
    return [
        (scale * torch.randn(shape, generator=generator), torch.zeros(shape[0], dtype=torch.long))
        for _ in range(count)
    ]


def _settled(model: nn.Sequential, batches: Batches) -> nn.Sequential:
    with torch.no_grad():
        for x, _ in batches * 4:
            model(x)
    return model


def _planted(*causes: str) -> tuple[nn.Module, Batches]:
    rate = 0.5 if "Noise" in causes else 0.0
    small = "Small batches" in causes
    shape = (4, 8) if small else (32, 3, 10, 10)
    count = 150 if small else 15
    model = _settled((_perceptron if small else _network)(rate), _data(shape, count))
    if "Stale statistics" in causes:
        with torch.no_grad():
            weight = model.get_parameter("7.weight")
            weight.copy_(1.5 * weight.flip(0))
            model.get_parameter("3.weight").mul_(2)
    return model, _data(shape, count, 2.0 if "Other data" in causes else 1.0)


@pytest.mark.parametrize(
    "causes",
    [
        (),
        ("Noise",),
        ("Stale statistics",),
        ("Other data",),
        ("Small batches",),
        ("Noise", "Stale statistics"),
        ("Noise", "Other data"),
        ("Noise", "Small batches"),
    ],
)
def test_planted_causes_are_named(causes: tuple[str, ...]) -> None:
    """Each cause that is there is named, and no other."""
    model, batches = _planted(*causes)
    table = normdrop.measure(model, batches, functional.cross_entropy).modes
    assert table is not None
    named = {sentence.partition(":")[0] for sentence in table.explanations}
    if causes:
        assert named == set(causes)
    else:
        assert "agree at every norm layer" in table.explanations[0]


def test_statistics_of_few_batches_are_stale() -> None:
    """What the initial values still weigh is said."""
    model = _network(0.0)
    batches = _data((32, 3, 10, 10), 8)
    for x, _ in batches:
        model(x)
    table = normdrop.measure(model, batches, functional.cross_entropy).modes
    assert table is not None
    assert "the values it began with still weigh 43 %" in table.explanations[0]


def test_without_float_inputs_nobody_can_tell() -> None:
    """Token inputs cannot be inverted: stale statistics and other data are named together."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 16), nn.Flatten(), nn.BatchNorm1d(80), nn.Linear(80, 4))
    batches = [(torch.randint(0, 9, (64, 5)), torch.zeros(64).long()) for _ in range(10)]
    for x, _ in batches * 5:
        model(x)
    with torch.no_grad():
        model.get_parameter("0.weight").mul_(3)
    table = normdrop.measure(model, batches, functional.cross_entropy).modes
    assert table is not None
    assert table.explanations[0].startswith("Stale statistics or other data")


def test_the_largest_part_comes_first() -> None:
    """A shift of 4 comes before one of 2."""
    model, _ = _planted("Noise")
    batches = _data((32, 3, 10, 10), 15, 4.0)
    table = normdrop.measure(model, batches, functional.cross_entropy).modes
    assert table is not None
    assert [words.partition(":")[0] for words in table.explanations] == ["Other data", "Noise"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stale", [True, False])
def test_measure_and_predict_agree_on_stale_statistics(seed: int, *, stale: bool) -> None:
    """Weights changed channel by channel are told from data of another scale, as `predict` does.

    No input shows the old statistics to the new weights; inputs of the old scale show them to the
    old ones. The question is asked while nothing of the measurement is in the model's way.
    """
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Linear(8, 32), nn.Dropout(0.3), nn.BatchNorm1d(32), nn.ReLU()),
        *(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2)),
    )
    for _ in range(200):
        model(torch.randn(64, 8))
    if stale:
        with torch.no_grad():
            for index in (0, 4):
                model.get_parameter(f"{index}.weight").mul_(3 * torch.rand(32, 1))
    batches = [torch.randn(64, 8) * (1.0 if stale else 2.0) for _ in range(20)]
    modes = normdrop.measure(model, batches, lambda outputs, _: outputs.square().mean()).modes
    assert modes is not None
    words = " ".join(modes.explanations)
    assert ("Stale statistics: " in words, "Other data: " in words) == (stale, not stale)
    assert bool(normdrop.predict(model, (8,), "invert").notes) == stale
