"""Recognising normalizations."""

from normdrop.keras.capture._description import CallOf, Describe, Description, given, layers
from normdrop.shifts.graph import Kind, Norm
from normdrop.values.operations import NORMS


def _batch(call: CallOf) -> Description:
    layer = call.operation
    axis = layer.axis % len(call.shape)
    # A frozen batch norm goes by what it has stored, in training too.
    by_batch = call.training and layer.trainable
    norm = Norm(
        "batch",
        carries_statistics=True,
        uses_batch_statistics=by_batch,
        updates_statistics=by_batch,
        axes=tuple(each for each in range(len(call.shape)) if each != axis),
        eps=float(layer.epsilon),
        momentum=1.0 - float(layer.momentum),
    )
    roles = given(
        gamma=layer.gamma,
        beta=layer.beta,
        running_mean=layer.moving_mean,
        running_var=layer.moving_variance,
    )
    return Description(Kind.NORM, norm, axis, roles)


def _plain(family: str, axes: tuple[int, ...], eps: float, groups: int = 1) -> Norm:
    return Norm(
        family,
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=axes,
        eps=eps,
        groups=groups,
    )


def _layer(call: CallOf) -> Description:
    layer = call.operation
    rank = len(call.shape)
    chosen = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    axes = tuple(sorted(axis % rank for axis in chosen))
    norm = _plain("layer", axes, float(layer.epsilon))
    roles = given(gamma=getattr(layer, "gamma", None), beta=getattr(layer, "beta", None))
    return Description(Kind.NORM, norm, axes[0] if len(axes) == 1 else None, roles)


def _rms(call: CallOf) -> Description:
    layer = call.operation
    axis = layer.axis % len(call.shape)
    norm = _plain("rms", (axis,), float(layer.epsilon))
    return Description(Kind.NORM, norm, axis, given(gamma=getattr(layer, "scale", None)))


def _group(call: CallOf) -> Description:
    layer = call.operation
    axes = tuple(range(1, len(call.shape)))
    norm = _plain("group", axes, float(layer.epsilon), int(layer.groups))
    roles = given(gamma=getattr(layer, "gamma", None), beta=getattr(layer, "beta", None))
    return Description(Kind.NORM, norm, layer.axis % len(call.shape), roles)


_READERS: dict[str, Describe] = {"batch": _batch, "layer": _layer, "rms": _rms, "group": _group}
ENTRIES: dict[type, Describe] = {
    kind: each
    for family, read in _READERS.items()
    for kind, each in layers(NORMS[family].keras_layers, read).items()
}
