"""What max and average pooling make of mean and variance, with dropout on either side."""

import math

from normdrop.lab.recipe import Panel, Recipe, Tensor, TrialContext
from normdrop.lab.recipes._misfit import MISFIT, OFFSET, RATIO, misfit, moments_of


def _experiment(context: TrialContext) -> dict[str, float]:
    from torch.nn import functional

    x = _windows(context)
    pooled = _pooled(x, context)
    rate = float(context.settings["rate"] or 0.0)
    if context.variant == "drop-pool":
        noisy = _pooled(functional.dropout(x, rate), context)
    else:
        noisy = functional.dropout(pooled, rate)
    return misfit(moments_of(noisy), moments_of(pooled))


def _windows(context: TrialContext) -> Tensor:
    """Normal values, each pair of a window with one correlation, shape (windows, size)."""
    import torch

    shape = int(context.settings["windows"] or 0), int(context.settings["size"] or 0)
    correlation = float(context.settings["correlation"] or 0.0)
    own, shared = (torch.randn(*shape[:axes], device=context.device) for axes in (2, 1))
    x = math.sqrt(1 - correlation) * own + math.sqrt(correlation) * shared[:, None]
    x += float(context.settings["mean"] or 0.0)
    return x.relu() if context.settings["relu"] else x


def _pooled(x: Tensor, context: TrialContext) -> Tensor:
    return x.amax(1) if context.settings["pool"] == "max" else x.mean(1)


RECIPE = Recipe(
    name="pooling",
    version=1,
    title="Dropout before or after pooling",
    question="Does dropout shift mean and variance less before a pooling or after it?",
    source="questions of practitioners: average pooling is linear, max pooling is not",
    variants=("drop-pool", "pool-drop"),
    baseline="pool-drop",
    data=None,
    seeds=6,
    settings={
        "pool": "max",
        "relu": False,
        "mean": 0.0,
        "rate": 0.5,
        "size": 4,
        "correlation": 0.5,
        "windows": 200_000,
    },
    experiment=_experiment,
    endpoint=MISFIT,
    metrics=(OFFSET, RATIO),
    panels={
        f"{pool}-{inputs}": Panel(settings={"pool": pool, **settings})
        for pool in ("max", "average")
        for inputs, settings in (
            ("zero-mean", {}),
            ("mean-1", {"mean": 1.0}),
            ("relu", {"relu": True}),
        )
    },
    notes=(
        (
            "200000 windows of 4 normal values of variance 1, every two of them correlated by 0.5; "
            "of mean 0, of mean 1, or of mean 0 behind ReLU. Dropout has rate 0.5. There is no "
            "source to repeat: --paper changes nothing."
        ),
        (
            "misfit is √(m² + (s − 1)²) for outputs of eval mode, normalised by the mean and "
            "deviation of train mode, that have mean m and deviation s: what the next batch norm "
            "makes of them."
        ),
        (
            "Behind average pooling the mean never shifts, as it is linear; nor does it where "
            "dropout comes after. The maximum of values of which some are dropped and the others "
            "scaled up is another matter."
        ),
    ),
)
