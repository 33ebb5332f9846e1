"""The shift at every norm layer, watched while Lightning trains."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from normdrop.torch.monitor._watched import Watched


class ShiftCallback(Watched, Callback):
    """Sends the shift at every norm layer to the trainer's loggers; needs `normdrop[lightning]`.

    Its measurements are those of `ShiftMonitor`, counted in optimizer steps, and training gives
    the same weights with it as without. `training_step` calls the module itself or one part that
    holds all norm layers.

    Args:
        every: Optimizer steps from one measurement to the next.
        sample: At most so many examples of a batch; see `ShiftMonitor`.
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8).

    Example:
        >>> from lightning.pytorch import Trainer
        >>> trainer = Trainer(
        ...     callbacks=[ShiftCallback(every=100)],
        ...     accelerator="cpu", logger=False, enable_checkpointing=False,
        ... )
    """

    def __init__(self, every: int = 100, *, sample: int | None = None, warn: bool = True) -> None:
        super().__init__(every, sample=sample, warn=warn)
        self._steps = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to watch."""
        self._steps = trainer.global_step
        self._begin(pl_module, self._steps, leading=trainer.is_global_zero)

    def on_train_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:  # noqa: ANN401 - nothing of the rest is used
        """Count the step, unless the batch's gradients were only accumulated."""
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        found = self._step()
        for logger in trainer.loggers if found else ():
            logger.log_metrics(found, step=self._steps)

    def on_train_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Watch no longer."""
        self._end()

    def on_exception(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Watch no longer."""
        self._end()
