"""The two experiments of Kim et al. (2023) on bare modules: weights, ReLU, dropout, and no data."""

import math
from typing import TYPE_CHECKING

from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Panel, Recipe, Tensor, TrialContext
from normdrop.theory import relu_block_shift, residual_shift

if TYPE_CHECKING:
    from torch import Generator

_BEFORE, _AFTER = "drop-weight", "weight-drop"
_MEANS = (-0.02, -0.01, 0.0, 0.01, 0.02)
_CHUNK = 1000

# Δ with dropout before weights of mean ±0.02 and of either place at mean 0, measured off a figure.
_PUBLISHED_FAR = {128: 0.42, 256: 0.50, 512: 0.75, 1024: 0.94, 2048: 0.99}
_PUBLISHED_CENTRE = 0.41

_SHIFT = Metric("shift", "shift 1/Δ", "", "1/Δ", "train variance / eval variance; 1 is no shift")
_RATIOS = {
    mean: Metric(
        f"ratio at {mean:g}",
        f"Δ at mean {mean:g}",
        "",
        f"Δ({mean:g})".replace("0.", "."),  # 80 columns hold no wider one
        f"eval variance / train variance, weights of mean {mean:g}",
        decimals=2,  # a figure is read off to no more
        narrow=mean in {0.0, 0.02},
    )
    for mean in _MEANS
}
_FORMULA = Metric(
    "formula", "Δ at mean 0 by its formula", "", "theory", "Δ(0) by its closed form", decimals=2
)


def _experiment(context: TrialContext) -> dict[str, float]:
    shifted = float(context.settings["mean"] or 0.0)
    ratios = {mean: _ratio(context, mean) for mean in {*_MEANS, shifted}}
    return {
        _SHIFT.name: 1 / ratios[shifted],
        _FORMULA.name: _formula(context),
        **{metric.name: ratios[mean] for mean, metric in _RATIOS.items()},
    }


def _formula(context: TrialContext) -> float:
    rate, trunk = float(context.settings["rate"] or 0.0), context.settings["trunk_deviation"]
    if trunk is None:
        return float(relu_block_shift(rate))
    return float(residual_shift(rate, float(trunk) ** 2))


def _ratio(context: TrialContext, mean: float) -> float:
    """Eval variance / train variance of the module's outputs, each summed over the outputs."""
    import torch

    width, rows = int(context.settings["width"] or 0), int(context.settings["inputs"] or 0)
    draws = torch.Generator(context.device).manual_seed(context.seed)
    torch.manual_seed(context.seed)  # of the masks
    first, second = (_weights(width, mean, draws) for _ in range(2))
    sums = torch.zeros(2, 2, width, dtype=torch.float64, device=context.device)
    for start in range(0, rows, _CHUNK):
        size = min(_CHUNK, rows - start)
        z = torch.randn(size, width, generator=draws, device=context.device)
        for mode in (0, 1):
            outputs = _outputs(context, z, first, second, training=bool(mode)).double()
            sums[mode] += torch.stack([outputs.sum(0), outputs.square().sum(0)])
    means, squares = sums.unbind(1)
    evaluated, train = (squares / rows - (means / rows).square()).sum(1).tolist()
    return float(evaluated / train)


def _weights(width: int, mean: float, draws: "Generator") -> Tensor:
    """Normal weights of variance 2 / width, as He et al. have it, around a mean."""
    import torch

    noise = torch.randn(width, width, generator=draws, device=draws.device)
    return mean + math.sqrt(2 / width) * noise


def _outputs(
    context: TrialContext, z: Tensor, first: Tensor, second: Tensor, *, training: bool
) -> Tensor:
    """The module's outputs of standard normal inputs, shape (rows, width)."""
    from torch.nn import functional

    rate = float(context.settings["rate"] or 0.0)
    trunk = context.settings["trunk_deviation"]
    y = z @ first.T
    if trunk is not None:
        y = functional.batch_norm(y, None, None, training=True)  # the branch's last norm
    y = y.relu()
    if context.variant == _BEFORE:
        y = functional.dropout(y, rate, training) @ second.T
    else:
        y = functional.dropout(y @ second.T, rate, training)
    outputs: Tensor = y if trunk is None else y + float(trunk) * z
    return outputs


def _plain(width: int, far: float) -> Panel:
    centre = dict.fromkeys((_BEFORE, _AFTER), _PUBLISHED_CENTRE)
    ends = {_RATIOS[mean].name: {_BEFORE: far} for mean in (-0.02, 0.02)}
    return Panel(settings={"width": width}, published={_RATIOS[0.0].name: centre, **ends})


def _residual(deviation: float) -> Panel:
    return Panel(settings={"width": 512, "mean": 0.0, "trunk_deviation": deviation})


RECIPE = Recipe(
    name="module-tests",
    version=1,
    title="Dropout before or after weights, on bare modules",
    question="Does dropout shift the variance less before a weight or after it?",
    source="Kim et al., How to Use Dropout Correctly on Residual Networks, UAI 2023",
    variants=(_BEFORE, _AFTER),
    baseline=_AFTER,
    data=None,
    seeds=6,
    settings={
        "width": 128,
        "mean": 0.02,
        "rate": 0.5,
        "inputs": 2000,
        "trunk_deviation": None,
    },
    experiment=_experiment,
    endpoint=_SHIFT,
    metrics=(*_RATIOS.values(), _FORMULA),
    panels={
        **{f"width-{width}": _plain(width, far) for width, far in _PUBLISHED_FAR.items()},
        **{f"residual-{deviation:g}": _residual(deviation) for deviation in (0.5, 1.0, 2.0, 4.0)},
    },
    paper={"inputs": 100_000},
    published_label="read off curves, ±0.01",
    notes=(
        (
            "Standard normal inputs pass weights, ReLU and weights again, with dropout of rate 0.5 "
            "on either side of the last; both weights have variance 2 / width, and the mean that "
            "each Δ names. 1/Δ is at mean 0.02, of the residual panels at mean 0."
        ),
        (
            "The panel residual-4 adds the module, with a norm before its ReLU, to inputs of "
            "deviation 4, and so on; theory takes the square of that number for Var x₀. The "
            "source labels the axis Var(x₀), but its curve is that of the deviation."
        ),
        "The small setting measures on 2000 inputs; the source's on 100000.",
    ),
)
