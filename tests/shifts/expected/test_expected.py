"""What the expected shift makes of passes, whatever framework they are of."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest

from normdrop.shifts.expected import (
    Both,
    Statistics,
    StoredFit,
    causes,
    mismatch,
    report,
    shifts,
    untrusted,
)

Numbers = Statistics[np.ndarray]


class _Passes:
    """A norm layer whose train variance is a product over noise layers, times a jitter."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self.factors = factors

    def train(self, inputs: float, seed: int) -> dict[str, Numbers]:
        return {"norm": _of(inputs * math.prod(self.factors.values()) * (1 + 0.1 * (-1) ** seed))}

    def evaluate(self, inputs: float, statistics: Mapping[str, Numbers]) -> dict[str, Numbers]:
        del statistics
        return {"norm": _of(inputs)}

    def settled(self, inputs: float, kept: Mapping[str, Numbers]) -> dict[str, Numbers]:
        return self.evaluate(inputs, kept)

    def answers(self, inputs: float, statistics: Mapping[str, Numbers]) -> list[np.ndarray]:
        del statistics
        return [np.full((1, 2), inputs)]

    def one_by_one(self, inputs: float, seed: int) -> tuple[Both, dict[str, Both]]:
        del seed
        whole = math.prod(self.factors.values()) * inputs
        evaluated = {"norm": _of(inputs)}
        without = {
            name: Both({"norm": _of(whole / factor)}, evaluated)
            for name, factor in self.factors.items()
        }
        return Both({"norm": _of(whole)}, evaluated), without

    def without_gradients(self) -> AbstractContextManager[None]:
        return nullcontext()


def _of(variance: float) -> Numbers:
    return Statistics(np.zeros(2), np.full(2, variance))


def test_shift_and_its_error() -> None:
    """Statistics are averaged over passes; the error is that of log Δ over them."""
    found = shifts(_Passes({"drop": 2.0}), [3.0, 5.0], 2)
    (layer,) = report(found, {}, "simulate", ["a note"])
    assert layer.shift == pytest.approx(0.5)
    logs = [-math.log(2 * factor) for factor in (1.1, 0.9, 1.1, 0.9)]
    assert layer.error == pytest.approx(np.std(logs, ddof=1) / 2)


def test_a_single_pass_has_no_error() -> None:
    """One number has no spread, and a report says so."""
    (layer,) = report(shifts(_Passes({}), [1.0], 1), {}, "simulate")
    assert layer.error is None


def test_shares_are_the_parts_of_log_shift() -> None:
    """Independent factors share by their logarithms; one of none is left out."""
    shares = causes(_Passes({"one": 2.0, "other": 4.0, "none": 1.0}), [1.0, 2.0])["norm"]
    assert shares == pytest.approx({"other": 2 / 3, "one": 1 / 3})
    assert list(shares) == ["other", "one"]


def test_no_shift_has_no_causes() -> None:
    """Where both modes agree there is nothing to explain."""
    assert causes(_Passes({"none": 1.0}), [1.0]) == {"norm": {}}


def test_mismatch_is_a_high_quantile() -> None:
    """The worst layers tell most; without trained layers there is none."""
    assert mismatch([]) == 0
    assert mismatch(range(11)) == 9


def test_what_does_not_fit_is_unknown() -> None:
    """Every layer says why it has no shift, and the note says what to do."""
    found = untrusted({"norm": 3}, StoredFit(mismatch=0.5, initial=0.0))
    assert found["norm"].unknown == "the stored statistics do not fit the weights"
    assert "mismatch 0.5" in found.notes[0]
    assert "measure on real data" in found.notes[0]
    assert "still weigh 12 %" in str(StoredFit(mismatch=0.0, initial=0.12))
