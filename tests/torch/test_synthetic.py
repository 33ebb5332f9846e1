"""Made-up inputs: their spectrum, and what an example may be."""

import numpy as np
import pytest
import torch

from normdrop.errors import UsageError
from normdrop.shifts.stream import Arguments
from normdrop.torch._synthetic import pink_noise, positions, synthetic
from normdrop.values.example import Input


def _make(example: object) -> Arguments:
    return synthetic(example, 4, torch.Generator().manual_seed(0), torch.device("cpu"))


def test_amplitude_falls_as_one_over_f() -> None:
    """Power against frequency has slope -2 on logarithmic axes, to within 0.1 over 512 images."""
    noise = pink_noise((512, 1, 32, 32), torch.Generator().manual_seed(0))
    power = torch.fft.fft2(noise).abs().square().mean((0, 1))[0, 1:16]
    frequency = torch.fft.fftfreq(32)[1:16]
    slope, _ = np.polyfit(frequency.log().numpy(), power.log().numpy(), 1)
    assert slope == pytest.approx(-2, abs=0.1)


@pytest.mark.parametrize("shape", [(64, 8), (64, 3, 20), (64, 3, 1, 1), (32, 2, 6, 7, 5)])
def test_mean_0_and_variance_1(shape: tuple[int, ...]) -> None:
    """Vectors, sequences, images and volumes are standardised; 5 % covers three standard errors."""
    noise = pink_noise(shape, torch.Generator().manual_seed(0))
    assert noise.shape == shape
    assert noise.mean().item() == pytest.approx(0, abs=0.15)
    assert noise.var().item() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    "example",
    [
        (3, 8, 8),
        Input((3, 8, 8)),
        torch.zeros(2, 3, 8, 8),
        np.zeros((2, 3, 8, 8), np.float32),
        ((3, 8, 8),),
        [Input((3, 8, 8))],
    ],
)
def test_every_form_of_example(example: object) -> None:
    """Shapes come without the batch axis, values with one; both make the same inputs."""
    (made,), named = _make(example)
    assert isinstance(made, torch.Tensor)
    assert made.shape == (4, 3, 8, 8)
    assert made.dtype == torch.float32
    assert named == {}
    assert positions(example) == 64


def test_named_inputs_and_settings() -> None:
    """A dict becomes keyword arguments; what is no tensor or shape is passed on as it is."""
    _, named = _make({"x": (5,), "mask": None, "half": Input((2,), "float16")})
    assert named["x"].shape == (4, 5)
    assert named["mask"] is None
    assert named["half"].dtype == torch.float16


def test_tokens_are_drawn_from_the_example() -> None:
    """Whole numbers take only values the example has."""
    (tokens,), _ = _make(torch.tensor([[7, 9], [9, 7]]))
    assert set(tokens.flatten().tolist()) <= {7, 9}


def test_anything_else_is_refused() -> None:
    """A string is no example, and the error says what is."""
    with pytest.raises(UsageError, match="not str"):
        _make("3,8,8")


def test_structure_stays_as_it_is() -> None:
    """Without a common batch axis rows are kept: edges and their weights; features are drawn."""
    nodes, edges, weights = torch.randn(9, 3), torch.randint(9, (2, 20)), torch.rand(20)
    (x, structure, strength), _ = _make((nodes, edges, weights))
    assert x.shape == nodes.shape
    assert not torch.equal(x, nodes)
    assert torch.equal(structure, edges)
    assert torch.equal(strength, weights)


def test_rows_of_lengths_and_masks_stay_together() -> None:
    """What fits an example goes on fitting: whole rows are taken, in order."""
    lengths = torch.tensor([5, 4, 2])
    mask = torch.arange(5) < lengths[:, None]
    (x, drawn, masked), _ = _make((torch.randn(3, 5, 2), lengths, mask))
    assert x.shape == (4, 5, 2)
    assert torch.equal(masked.sum(1), drawn)
    assert drawn.tolist() == sorted(drawn.tolist(), reverse=True)


def test_one_row_of_a_length_and_a_mask_is_repeated() -> None:
    """With one example only, its length and mask hold for all, and its ids are drawn."""
    ids = torch.tensor([[3, 4, 5, 6]])
    _, named = _make({"ids": ids, "mask": torch.ones(1, 4).bool(), "length": torch.tensor([4])})
    assert named["ids"].shape == (4, 4)
    assert set(named["ids"].flatten().tolist()) <= {3, 4, 5, 6}
    assert bool(named["mask"].all())
    assert named["length"].tolist() == [4] * 4


def test_nested_inputs_are_drawn_in_place() -> None:
    """Lists and dicts inside an example keep their form; scalars and settings their values."""
    (made, rest), _ = _make(([(3,), torch.zeros(2, 4)], {"scale": torch.tensor(2.0), "on": True}))
    assert [each.shape for each in made] == [(4, 3), (4, 4)]
    assert rest == {"scale": torch.tensor(2.0), "on": True}
