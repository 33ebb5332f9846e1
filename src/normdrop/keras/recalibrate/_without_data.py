"""New moving statistics without data: from inputs that the stored statistics allow."""

import keras

from normdrop.keras import _running as statistics
from normdrop.keras._backend import backend
from normdrop.keras._switches import is_still, norms_of
from normdrop.keras.invert import inverted
from normdrop.keras.watch._untouched import untouched
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import STEPS, correction, need_fit, settled, under


def without_data(
    model: keras.Model, example: object, frozen: tuple[str, ...] = (), *, seed: int = 0
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Raises:
        NormdropError: The stored statistics lag behind the weights; nothing can be told from them.
        CaptureError: The model raised.
        UsageError: No input is a floating-point one, or the backend has no gradients.
    """
    norms = norms_of(model)
    still = {path for path, layer in norms.items() if is_still(layer)}
    named = under(norms, frozen)
    with untouched(model):
        passes, inputs, found, fit = inverted(model, example, STEPS, seed)
        need_fit(fit)
        with backend().without_gradients():
            after = settled(lambda seen: passes.evaluate(inputs, seen), found.eval)
    made = correction(passes.stored, found.train, after, fit, named | still | passes.frozen)
    undo = statistics.snapshot(norms.values())
    statistics.write(norms, made.new)
    return made.recalibration(undo)
