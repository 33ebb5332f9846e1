"""What reaches every norm layer, seen batch after batch."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import keras

from normdrop.errors import CaptureError, NormdropError
from normdrop.keras._errors import call_and_reason
from normdrop.keras.watch._noise_calls import NoiseCalls
from normdrop.keras.watch._norm_call import NormCall
from normdrop.keras.watch._norm_calls import Answer, answered
from normdrop.shifts.stream import Batch


class Listener:
    """Runs a model with its norm calls answered in their place.

    Use it as a context manager inside `untouched(model)`.

    Args:
        model: Any built model.
        noise: Seeds and switches its noise layers, where a mode asks for it.
    """

    def __init__(self, model: keras.Model, noise: NoiseCalls | None = None) -> None:
        self._model = model
        self._noise = noise
        self._answer: Answer = _no_answer
        self._inside = ExitStack()

    def __enter__(self) -> Self:
        """Let the norm layers answer."""
        self._inside.enter_context(answered(self._model, self._answered))
        return self

    def __exit__(self, *error: object) -> None:
        """Give them their own call back."""
        self._inside.close()

    def run(
        self, batch: Batch, answer: Answer, *, training: bool = False, noisy: bool = False
    ) -> Any:  # noqa: ANN401 - whatever the model returns
        """Call the model with a batch and answer its norm calls.

        Args:
            batch: Whose arguments it is called with, and whose number its noise hangs on.
            answer: Gives the norm layers' outputs.
            training: What the model is called with.
            noisy: Whether noise layers are on, whatever it is called with.

        Raises:
            CaptureError: The model raised; the message names the batch and the call.
        """
        self._answer = answer
        args, kwargs = batch.arguments
        try:
            with self._noisy(batch.number, on=True if noisy else None):
                return self._model(*args, training=training, **kwargs)
        except NormdropError:
            raise
        except Exception as error:
            where, what = call_and_reason(error)
            raise CaptureError(
                f"batch {batch.number + 1}, {where or self._model.name}: "
                f"{type(error).__name__}: {what}"
            ) from error

    def _answered(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        return self._answer(call)

    @contextmanager
    def _noisy(self, seed: int, *, on: bool | None) -> Iterator[None]:
        if self._noise is None:
            yield
            return
        self._noise.start(seed, on=on)
        with self._noise.watched():
            yield


def _no_answer(call: NormCall) -> Any:  # noqa: ANN401 - never returns
    raise LookupError(call)
