"""One network in both frameworks: equal findings and equal predictions."""

from collections.abc import Callable

import numpy as np
import pytest
from keras_twins import Pair, copy_weights, plain, residual, vectors

import normdrop


@pytest.mark.parametrize("make", [plain, vectors, residual])
def test_twins_have_equal_predictions_and_findings(make: Callable[[], Pair]) -> None:
    """Shifts to 1e-4 and, norm by norm, the same shares; the same codes and severities."""
    model, twin, ours_shape, their_shape = make()
    copy_weights(model, twin)
    ours = normdrop.predict(model, ours_shape, method="moments")
    theirs = normdrop.predict(twin, their_shape, method="moments")
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.shift == pytest.approx(other.shift, rel=1e-4)
        np.testing.assert_allclose(one.shift_per_channel, other.shift_per_channel, rtol=1e-4)
        assert list(one.causes.values()) == pytest.approx(list(other.causes.values()), abs=1e-4)
    assert min(layer.shift for layer in ours) < 0.95

    def told(findings: normdrop.Findings) -> list[tuple[str, str]]:
        return [(each.code, each.severity) for each in findings]

    assert told(normdrop.check(model, ours_shape)) == told(normdrop.check(twin, their_shape))
