"""The shift on real data."""

from collections.abc import Callable

from normdrop.shifts.report import ShiftReport
from normdrop.verbs._framework import is_keras, torch_model


def measure(
    model: object,
    batches: object,
    metric: object = None,
    *,
    limit: int | None = None,
    device: object = None,
    blame: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> ShiftReport:
    """The shift at every norm layer on real data, what causes it, and what it costs.

    One pass in eval mode: per channel, the mean and biased variance of everything that reaches a
    norm layer, against the running statistics it divides by.

    Args:
        model: A `torch.nn.Module`, also one wrapped in `DistributedDataParallel` or
            `torch.compile`; or a built Keras model. Nothing about it changes, and the random state
            is put back.
        batches: Any iterable of inputs or of `(inputs, targets)`: a `DataLoader`, a list, a
            generator; for Keras also a `PyDataset`, a `tf.data.Dataset`, and batches
            `(inputs, targets, sample_weight)`. Inputs are a tensor, an array, a tuple (positional)
            or dict (keyword) of these. Pass batches as the model trains with, without augmentation
            if it is evaluated without. In a distributed run these are the batches of this process.
        metric: A function `(outputs, targets)` that returns a number per batch, or an object with
            `update` and `compute`, or Keras' own metric, which are copied; only the latter gets
            sample weights. With it every batch runs four times, with
            dropout on and off, by running and by batch statistics: `ShiftReport.modes` has the
            table and says in words what explains the difference. For a batch that is a dict the
            targets are that dict.
        limit: How many batches to read at most.
        device: Where batches are put; by default where the model is. Not for Keras, which has
            `keras.device`.
        blame: Whether to find each noise layer's share of each shift: two passes over at most 512
            of the examples for every noise layer.
        progress: Called with the batches done and, where known, how many there are.

    Returns:
        The layers, worst first.

    Raises:
        CaptureError: The model raised; the message names the batch and the module.
        UsageError: No model or one on the `meta` device; no batches, or none a model takes; NaN or
            infinity at a norm layer; a loader or metric that raised.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> batches = [torch.randn(64, 8) for _ in range(50)]
    >>> for batch in batches:
    ...     _ = model(batch)  # train mode: the running statistics come to be
    >>> layer = measure(model, batches, blame=True)["2"]
    >>> round(layer.shift, 1), dict(layer.causes), model.training
    (0.5, {'1': 1.0}, True)
    """
    if is_keras(model):
        from normdrop.keras.measure import measure as measure_keras

        return measure_keras(
            model, batches, metric, limit=limit, device=device, blame=blame, progress=progress
        )
    from normdrop.torch.measure import measure as measure_torch

    return measure_torch(
        torch_model(model, "measure"),
        batches,
        metric,
        limit=limit,
        device=device,  # type: ignore[arg-type] # a torch.device; torch is not imported here
        blame=blame,
        progress=progress,
    )
