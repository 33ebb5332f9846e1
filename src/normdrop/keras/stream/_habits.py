"""What norm layers go by in training and in evaluation, seen on one batch."""

from dataclasses import dataclass
from typing import Any

from normdrop.keras._norm_call import NormCall
from normdrop.keras._switches import is_still
from normdrop.keras.stream._answers import answer_as_called
from normdrop.keras.watch._listener import Listener
from normdrop.shifts.stream import Batch


@dataclass(frozen=True)
class Habits:
    """Norm layers that do not follow the model's mode.

    Attributes:
        frozen: Paths of those that go by their moving statistics in training: not trainable, called
            with `training=False` by the model's own code, or of momentum 1, so that they never
            learn.
        always: Paths of those that go by their batch in evaluation.
    """

    frozen: frozenset[str]
    always: frozenset[str]


def habits(listener: Listener, batch: Batch) -> Habits:
    """Run a batch in both modes and look; moving statistics and states are not put back here."""
    training = _looked(listener, batch, training=True)
    evaluating = _looked(listener, batch, training=False)
    return Habits(
        frozenset(path for path, by in training.items() if not by),
        frozenset(path for path, by in evaluating.items() if by),
    )


def _looked(listener: Listener, batch: Batch, *, training: bool) -> dict[str, bool]:
    """Norm layer path to whether it learns of, or goes by, its batch."""
    seen: dict[str, bool] = {}

    def answer(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        by_batch = call.from_batch and not (training and is_still(call.layer))
        seen[call.path] = seen.get(call.path, False) or by_batch
        return answer_as_called(call)

    listener.run(batch, answer, training=training)
    return seen
