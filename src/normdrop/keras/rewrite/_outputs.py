"""Whether a Keras model computes in inference what it did."""

from typing import Any

import keras
import numpy as np

from normdrop.keras._synthetic import synthetic

_SEED = 20190
_COUNT = 2


class Witness:
    """The outputs of a model in inference on made-up inputs.

    A model that does not run on them has none, and nothing is said of it.
    """

    def __init__(self, model: keras.Model, example: Any) -> None:  # noqa: ANN401 - see capture
        generator = np.random.default_rng(_SEED)
        self._inputs = synthetic(example, _COUNT, generator, first=False)
        self._outputs = self._run(model)

    def agrees(self, model: keras.Model, tolerance: float = 0.0) -> bool:
        """Whether a model yields these outputs.

        Args:
            model: The model as it is now.
            tolerance: The largest difference, as a share of the largest output; 0 for the same
                outputs to the last bit.
        """
        if self._outputs is None:
            return True
        now = self._run(model)
        if now is None or len(now) != len(self._outputs):
            return False
        return all(map(_close, self._outputs, now, [tolerance] * len(now)))

    def _run(self, model: keras.Model) -> list[np.ndarray] | None:
        learned = {id(variable) for variable in model.weights}
        seeds = [variable for variable in model.variables if id(variable) not in learned]
        before = [keras.ops.convert_to_numpy(seed).copy() for seed in seeds]
        try:
            outputs = model(self._inputs, training=False)
        except Exception:  # noqa: BLE001 - any model may refuse made-up inputs in its own way
            return None
        finally:
            # Noise that is always on draws the same the next time.
            for seed, value in zip(seeds, before, strict=True):
                seed.assign(value)
        return [np.array(keras.ops.convert_to_numpy(each)) for each in keras.tree.flatten(outputs)]


def _close(was: np.ndarray, is_now: np.ndarray, tolerance: float) -> bool:
    if was.shape != is_now.shape:
        return False
    if not np.issubdtype(was.dtype, np.floating):
        return bool(np.array_equal(was, is_now))
    finite = np.abs(was[np.isfinite(was)])
    scale = float(finite.max()) if finite.size else 1.0
    return bool(np.allclose(was, is_now, rtol=0.0, atol=tolerance * scale, equal_nan=True))
