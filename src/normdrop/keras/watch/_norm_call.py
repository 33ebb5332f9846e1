"""One call of a batch norm layer, answered from outside."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.errors import CaptureError
from normdrop.shifts.expected import Statistics


@dataclass(frozen=True)
class NormCall:
    """One call of a `BatchNormalization`, with all it takes to answer it.

    Attributes:
        path: The layer's path in the model.
        layer: The layer; its variables are read, never written.
        x: The input, channels along the layer's axis.
        mask: Which positions count in batch statistics, shaped as the input without its last axis,
            or `None` where all do.
        from_batch: Whether the call, as it was made, goes by its input's own statistics: in
            training, unless the layer is frozen.
    """

    path: str
    layer: keras.layers.BatchNormalization
    x: Any
    mask: Any
    from_batch: bool

    @property
    def axis(self) -> int:
        """The channel axis, counted from the front."""
        return int(self.layer.axis) % len(self.x.shape)

    def moments(self) -> Statistics[Any]:
        """The input's statistics as this norm takes them, tensors; differentiable."""
        return self._moments

    @cached_property
    def _moments(self) -> Statistics[Any]:
        x = self._wide
        axes = [each for each in range(len(x.shape)) if each != self.axis]
        if self.mask is None:
            mean = ops.mean(x, axes, keepdims=True)
            variance = ops.mean(ops.square(x - mean), axes)
        else:
            weights = self._weights(x)
            count = ops.maximum(ops.sum(weights, axes, keepdims=True), 1.0)
            mean = ops.sum(ops.where(weights > 0, x, 0.0), axes, keepdims=True) / count
            squares = ops.where(weights > 0, ops.square(x - mean), 0.0)
            variance = ops.sum(squares, axes) / ops.reshape(count, (-1,))
        return Statistics(ops.reshape(mean, (-1,)), variance)

    def stored(self) -> Statistics[np.ndarray]:
        """A copy of the moving statistics, float64; Keras stores the biased variance."""
        return Statistics(_numbers(self.layer.moving_mean), _numbers(self.layer.moving_variance))

    def by_batch(self) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """The output in training; the moving statistics are not touched.

        Raises:
            CaptureError: The layer renormalises, so that its output depends on what it met before.
        """
        if getattr(self.layer, "renorm", False):
            raise CaptureError(
                f"{self.path}: batch renormalization (renorm=True) mixes the batch's statistics "
                "with older ones, so train mode has no one answer; build the layer without renorm"
            )
        return self.by(self.moments())

    def by(self, moments: Statistics[Any]) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """The output with these statistics, tensors or arrays."""
        layer, x = self.layer, self._wide
        outputs = ops.batch_normalization(
            x,
            mean=_tensor(moments.mean, x.dtype),
            variance=_tensor(moments.variance, x.dtype),
            axis=self.axis,
            offset=_tensor(layer.beta, x.dtype) if layer.center else None,
            scale=_tensor(layer.gamma, x.dtype) if layer.scale else None,
            epsilon=layer.epsilon,
        )
        return ops.cast(outputs, layer.compute_dtype)

    @property
    def _wide(self) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """The input in single precision at least, as the layer itself takes it."""
        return ops.cast(self.x, keras.backend.result_type(self.x.dtype, "float32"))

    def _weights(self, x: Any) -> Any:  # noqa: ANN401 - tensors of the backend's
        """1 where a position counts, 0 where it is masked, shaped as the input."""
        if len(self.mask.shape) != len(x.shape) - 1:
            raise CaptureError(
                f"{self.path}: a mask of shape {tuple(self.mask.shape)} for an input of shape "
                f"{tuple(x.shape)}: it has the input's axes but the last"
            )
        whole = ops.broadcast_to(ops.expand_dims(self.mask, -1), ops.shape(x))
        return ops.cast(whole, x.dtype)


def by_running(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
    """The output by the layer's own moving statistics."""
    return call.by(Statistics(call.layer.moving_mean, call.layer.moving_variance))


def _tensor(values: Any, dtype: Any) -> Any:  # noqa: ANN401 - tensors of the backend's
    return ops.cast(ops.convert_to_tensor(values), dtype)


def _numbers(variable: Any) -> np.ndarray:  # noqa: ANN401 - a variable
    return np.array(ops.convert_to_numpy(variable), dtype=np.float64)
