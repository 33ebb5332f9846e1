"""Blocks and heads of Kim et al. 2023: closed forms, printed numbers and module tests."""

import numpy as np
import pytest

from normdrop import theory


def test_published_block_shifts() -> None:
    """The five shifts the paper prints for keep 0.9 to 0.5, to their printed digits."""
    shifts = theory.relu_block_shift(np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert shifts == pytest.approx([0.8598, 0.7317, 0.614, 0.506, 0.4054], abs=5e-4)
    assert theory.relu_block_shift(0.5) == pytest.approx(0.4054, abs=5e-5)
    assert theory.relu_block_shift(0.2) == pytest.approx(0.7317, abs=5e-5)


def _relu_outputs(width: int, samples: int, mean: float, rng: np.random.Generator) -> np.ndarray:
    """The first module: z through ReLU(W₁ z), W₁ with variance 2 / n and a given mean."""
    weight = rng.normal(mean, np.sqrt(2 / width), (width, width)).astype(np.float32)
    inputs = rng.normal(size=(samples, width)).astype(np.float32)
    return np.asarray(np.maximum(inputs @ weight.T, 0))


def _module_shift(width: int, mean: float, samples: int, *, before: bool) -> float:
    """Measured ratio of the mean variances behind W₂, dropout at rate 0.5 before or after it."""
    rng = np.random.default_rng(width)
    units = _relu_outputs(width, samples, mean, rng)
    weight = rng.normal(mean, np.sqrt(2 / width), (width, width)).astype(np.float32)
    out = units @ weight.T
    mask = 2 * (rng.random(units.shape, dtype=np.float32) < 0.5).astype(np.float32)
    train = (units * mask) @ weight.T if before else out * mask
    return float(out.var(0, dtype=np.float64).mean() / train.var(0, dtype=np.float64).mean())


@pytest.mark.parametrize(
    ("width", "published"), [(128, 0.42), (256, 0.5), (512, 0.75), (1024, 0.94), (2048, 0.99)]
)
def test_module_test_away_from_mean_zero(width: int, published: float) -> None:
    """Weights of mean 0.02: the figure's values to 0.05, which covers reading it and one draw.

    1 000 samples leave a standard error below 0.02 on the ratio at every width.
    """
    assert _module_shift(width, 0.02, 1000, before=True) == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("width", [128, 512])
def test_module_test_at_mean_zero(width: int, *, before: bool) -> None:
    """At mean 0 all curves meet near 0.41, within 0.03 for one draw of the weights."""
    assert _module_shift(width, 0.0, 4000, before=before) == pytest.approx(0.41, abs=0.03)


def test_dropout_before_the_weights_is_steadier_there() -> None:
    """Away from mean 0 the cross terms are positive, and dropout behind W₂ shifts more."""
    before = _module_shift(256, 0.02, 2000, before=True)
    after = _module_shift(256, 0.02, 2000, before=False)
    assert after < before - 0.05


@pytest.mark.parametrize("rate", [0.2, 0.5])
@pytest.mark.parametrize("trunk", [0.0, 0.5, 3.0])
def test_residual_blocks(rate: float, trunk: float) -> None:
    """The second module, two branches of width 256 on a trunk: within 4 % for one draw."""
    rng = np.random.default_rng(6)
    width, samples, scales = 256, 4000, (1.0, 0.7)
    eval_sum = np.sqrt(trunk) * rng.normal(size=(samples, width))
    train_sum = eval_sum.copy()
    for scale in scales:
        units = np.maximum(rng.normal(0, scale, (samples, width)), 0)
        weight = rng.normal(0, np.sqrt(2 / width), (width, width))
        eval_sum += units @ weight
        train_sum += (units * (rng.random(units.shape) >= rate) / (1 - rate)) @ weight
    measured = eval_sum.var(0).mean() / train_sum.var(0).mean()
    assert theory.residual_shift(rate, trunk, scales) == pytest.approx(measured, rel=0.04)


def test_residual_shift_lies_between_the_block_and_one() -> None:
    """A growing trunk lifts the shift from the non-residual value towards 1."""
    shifts = np.asarray(theory.residual_shift(0.5, np.array([0.0, 1.0, 10.0, 1e6])))
    assert shifts[0] == pytest.approx(theory.relu_block_shift(0.5))
    assert (np.diff(shifts) > 0).all()
    assert 0.999 < shifts[-1] < 1


def test_relu_and_dropout_commute_in_variance() -> None:
    """The closed form against 10⁶ units, dropout before or behind ReLU, to 1 %."""
    rng = np.random.default_rng(7)
    units = rng.normal(0, 1.5, 1_000_000)
    mask = (rng.random(units.shape) >= 0.3) / 0.7
    expected = theory.relu_dropout_variance(0.3, 1.5)
    assert np.maximum(units * mask, 0).var() == pytest.approx(expected, rel=0.01)
    assert (np.maximum(units, 0) * mask).var() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_head(correlation: float, *, pooled: bool) -> None:
    """A pooled feature over 16 positions, 200 000 samples: to 2 %."""
    rng = np.random.default_rng(8)
    samples, positions, rate = 200_000, 16, 0.4
    shared = np.sqrt(correlation) * rng.normal(size=(samples, 1))
    units = 0.8 + shared + np.sqrt(1 - correlation) * rng.normal(size=(samples, positions))
    mask = (rng.random((samples, 1 if pooled else positions)) >= rate) / (1 - rate)
    measured = units.mean(1).var() / (units * mask).mean(1).var()
    shift = theory.head_shift(rate, positions, 0.8, 1.0, correlation, pooled=pooled)
    assert shift == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("inverted", [True, False])
def test_cross_terms_of_a_head(*, pooled: bool, inverted: bool) -> None:
    """E[m_j m_k] of two positions' masks, over 10⁶ draws, to 1 %."""
    rng = np.random.default_rng(9)
    masks = (rng.random((1_000_000, 1 if pooled else 2)) >= 0.4).astype(np.float64)
    if inverted:
        masks /= 0.6
    measured = (masks[:, 0] * masks[:, -1]).mean()
    scale = theory.cross_term_scale(0.4, pooled=pooled, inverted=inverted)
    assert scale == pytest.approx(measured, rel=0.01)
