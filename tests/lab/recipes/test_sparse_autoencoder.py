"""`sparse-autoencoder`: the penalty is the divergence, and β decides where the units start."""

from collections.abc import Callable
from typing import cast

import pytest
import torch
from recipe_trials import finished
from torch import Tensor, nn

from normdrop.lab.context import TrialContext
from normdrop.lab.data import load
from normdrop.lab.networks import Coded, SparseAutoencoder
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find
from normdrop.lab.recipes.sparse_autoencoder import _measured, sparse_loss

RECIPE = find("sparse-autoencoder")


class _Answers(nn.Module):
    """A reconstruction by a function of the input, from units that are active at 1/4."""

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Coded:
        return Coded(self.answer(x), torch.full((len(x), 3), 0.25))


def test_the_loss_is_squared_error_and_bernoulli_divergence() -> None:
    """Against torch's own divergence between Bernoulli laws; zero for units at their target."""
    torch.manual_seed(0)
    x = torch.rand(6, 1, 4, 4)
    made = Coded(torch.rand(6, 1, 4, 4), torch.rand(6, 5))
    wanted = torch.distributions.Bernoulli(torch.tensor(0.05))
    units = torch.distributions.Bernoulli(made.codes.mean(0))
    divergence = torch.distributions.kl_divergence(wanted, units).sum()
    expected = sum(((a - b) ** 2).sum() for a, b in zip(made[0], x, strict=True)) / 6
    loss = sparse_loss(activity=0.05, penalty=0.3)
    labels = torch.zeros(6)
    assert loss(made, x, labels, "mean").item() == pytest.approx(
        (expected + 0.3 * divergence).item(), rel=1e-5
    )
    assert loss(made, x, labels, "sum").item() == pytest.approx(
        6 * loss(made, x, labels, "mean").item()
    )
    perfect = Coded(x, torch.full((6, 5), 0.05))
    assert loss(perfect, x, labels, "mean").item() == pytest.approx(0, abs=1e-6)


def test_the_units_start_where_the_variant_says() -> None:
    """β = -3.5 makes the activity that of N(-3.5, 1) through the sigmoid; β = 0 one half."""
    law = (torch.randn(1_000_000) - 3.5).sigmoid().mean().item()
    start = {
        variant: finished("sparse-autoencoder", variant, {"epochs": 1, "limit_train": 64}).values
        for variant in RECIPE.variants
    }
    assert start["beta=-3.5"]["start"] == pytest.approx(law, rel=0.1)
    assert start["beta=0"]["start"] == pytest.approx(0.5, abs=0.01)
    assert start["no norm"]["start"] == pytest.approx(0.5, abs=0.02)
    # without a norm the deviation is smaller than 1, and the activity nearer to sigmoid(-3.5)
    assert torch.tensor(-3.5).sigmoid().item() <= start["bias=-3.5"]["start"] < law


def test_the_goal_is_reached_or_counted_as_missed() -> None:
    """Within one epoch for a goal that anything meets; one more than trained for an impossible."""
    names = {metric.name for metric in (RECIPE.endpoint, *RECIPE.metrics)}
    for goal, epochs in ((1e9, 1), (0.0, 3)):
        given = {"epochs": 2, "limit_train": 64, "goal_unexplained": goal, "goal_activity": 1.0}
        values = finished("sparse-autoencoder", "beta=-3.5", given).values
        assert values["epochs_to_goal"] == epochs
        assert set(values) == names


def test_who_always_answers_the_mean_explains_nothing() -> None:
    """100 % of the variance is then unexplained, and 0 % for a perfect copy."""
    dataset = load("digits")
    (trial, *_) = plan(
        RECIPE,
        dataset,
        name=RECIPE.name,
        variants=["no norm"],
        seeds=1,
        given={},
        device="cpu",
        precision="fp32",
    )
    context = TrialContext(trial, RECIPE.task, dataset)
    mean = torch.from_numpy(dataset.test.inputs).float().mean(0) / 255
    for answer, unexplained in ((mean.expand_as, 100), (lambda x: x, 0)):
        values = _measured(cast("SparseAutoencoder", _Answers(answer)), context, training=False)
        assert values["unexplained"] == pytest.approx(unexplained, abs=1e-3)
        assert values["activity"] == pytest.approx(0.25)
