"""Numbers that several recipes take of a trained network.

Recipes import this file, and are listed without torch: it is imported where a number is taken.
"""

from collections.abc import Iterator
from statistics import fmean

from normdrop.errors import RecipeError
from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Tensor, Trained
from normdrop.verbs import measure, recalibrate

_BATCH = 500

SHIFT = Metric(
    "shift",
    "mean shift",
    "",
    "shift",
    "mean over norm layers of the larger of running / eval variance and its inverse; 1 is none",
    decimals=3,
)
"""The metric of Li et al. (2019, section 3.3), with the population variance as `real`."""

REESTIMATED_ERROR = Metric(
    "reestimated_error",
    "test error, statistics re-estimated",
    "%",
    "re-estimated %",
    "test error once the running statistics are those of the training set in eval mode",
    decimals=2,
)


class _TrainingInputs:
    """The training inputs in batches, as often as they are asked for, augmented as in training."""

    def __init__(self, trained: Trained) -> None:
        self._context = trained.bench

    def __iter__(self) -> Iterator[Tensor]:
        import torch

        from normdrop.lab.examples import pad_crop_flip

        augment = self._context.training_settings.augment
        draws = torch.Generator().manual_seed(self._context.seed)
        for inputs, _ in self._context.training.batches(_BATCH):
            yield pad_crop_flip(inputs, draws) if augment else inputs


def mean_shift(trained: Trained) -> dict[str, float]:
    """`SHIFT` over the training set: the mean over norm layers of max(Δ, 1/Δ).

    Raises:
        RecipeError: When the network has no norm layer that remembers statistics.
    """
    report = measure(trained.network, _TrainingInputs(trained))
    shifts = [layer.shift for layer in report]
    if not shifts:
        raise RecipeError(f"{trained.bench.variant}: no norm layer to measure the shift of")
    return {SHIFT.name: fmean(max(shift, 1 / shift) for shift in shifts)}


def reestimated_error(trained: Trained) -> dict[str, float]:
    """`REESTIMATED_ERROR`: statistics from the training set, dropout off, weights as they are."""
    from normdrop.lab.evaluate import eval_mode_loss

    recalibrate(trained.network, _TrainingInputs(trained))
    _, accuracy = eval_mode_loss(trained.network, trained.bench.test, trained.bench.task)
    if accuracy is None:
        raise RecipeError(f"{trained.bench.trial.recipe}: what does not classify has no error")
    return {REESTIMATED_ERROR.name: 100 * (1 - accuracy)}
