"""The shift at every norm layer, watched while the Hugging Face `Trainer` trains."""

from typing import Any

from transformers import TrainerCallback, TrainerState

from normdrop.torch.monitor._monitor import ScalarWriter
from normdrop.torch.monitor._watched import Watched


class ShiftCallback(Watched, TrainerCallback):
    """Adds the shift at every norm layer to the trainer's log; needs `normdrop[transformers]`.

    Its measurements are those of `ShiftMonitor`, and training gives the same weights with it as
    without. They stand in `trainer.state.log_history`, which the trainer saves in its checkpoints.

    Args:
        every: Optimizer steps from one measurement to the next.
        sample: At most so many examples of a batch; see `ShiftMonitor`.
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8).
        writer: Gets the numbers too, such as `torch.utils.tensorboard.SummaryWriter`.

    Example:
        >>> callback = ShiftCallback(every=100)  # Trainer(..., callbacks=[callback])
        >>> len(callback.history)
        0
    """

    def __init__(
        self,
        every: int = 100,
        *,
        sample: int | None = None,
        warn: bool = True,
        writer: ScalarWriter | None = None,
    ) -> None:
        super().__init__(every, sample=sample, warn=warn)
        self._writer = writer

    def on_train_begin(self, args: object, state: TrainerState, *_: Any, **given: Any) -> None:  # noqa: ANN401, ARG002 - nothing of the rest is used
        """Begin to watch."""
        leading = bool(state.is_world_process_zero)
        self._begin(given["model"], int(state.global_step), leading=leading)

    def on_step_end(self, args: object, state: TrainerState, *_: Any, **__: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Count the step, and log it if it was measured."""
        found = self._step()
        if not found:
            return
        state.log_history.append({**found, "epoch": state.epoch, "step": state.global_step})
        if self._writer is not None:
            for name, value in found.items():
                self._writer.add_scalar(name, value, state.global_step)

    def on_train_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Watch no longer."""
        self._end()
