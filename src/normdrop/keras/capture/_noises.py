"""Recognising noise."""

from normdrop.keras.capture._description import CallOf, Describe, Description, layers
from normdrop.keras.layers import NoiseLayer
from normdrop.shifts.graph import Along, Distribution, Kind, Noise
from normdrop.values.noise import Gaussian
from normdrop.values.operations import NOISES


def _dropout(call: CallOf) -> Description:
    layer = call.operation
    given = layer.noise_shape or (None,) * len(call.shape)
    mask = tuple(
        extent if wanted is None else int(wanted)
        for extent, wanted in zip(call.shape, given, strict=True)
    )
    along = _along(mask, call.shape)
    return _described(
        Noise.dropout(float(layer.rate), along, active=call.training, mask_shape=mask)
    )


def _along(mask: tuple[int, ...], shape: tuple[int, ...]) -> Along:
    """What one draw of a mask covers, from the axes it has one value along."""
    shared = [axis for axis, extent in enumerate(mask) if extent != shape[axis]]
    if not shared:
        return Along.ELEMENT
    return Along.SAMPLE if len(shared) == len(shape) - 1 else Along.CHANNEL


def _spatial(call: CallOf) -> Description:
    layer = call.operation
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    axis = len(call.shape) - 1 if last else 1
    mask = tuple(n if each in {0, axis} else 1 for each, n in enumerate(call.shape))
    noise = Noise.dropout(float(layer.rate), Along.CHANNEL, active=call.training, mask_shape=mask)
    return Description(Kind.NOISE, noise, axis)


def _gaussian(call: CallOf) -> Description:
    deviation = Gaussian(float(call.operation.rate)).deviation
    return _described(
        _multiplier("gaussian", deviation, Along.ELEMENT, call.shape, on=call.training)
    )


def _multiplier(law: str, spread: float, along: Along, mask: tuple[int, ...], *, on: bool) -> Noise:
    return Noise(Distribution(law), along, on and spread > 0, spread=spread, mask_shape=mask)


def _alpha(call: CallOf) -> Description:
    rate = float(call.operation.rate)
    return _described(
        Noise.alpha_dropout(rate, Along.ELEMENT, active=call.training, mask_shape=call.shape)
    )


def _own(call: CallOf) -> Description:
    """A noise layer of this library, which says itself what it draws."""
    layer = call.operation
    axis = 1 if layer.data_format == "channels_first" else len(call.shape) - 1
    kept = {"element": set(range(len(call.shape))), "channel": {0, axis}, "sample": {0}}
    mask = tuple(n if each in kept[layer.along] else 1 for each, n in enumerate(call.shape))
    along, law = Along(layer.along), layer.noise
    name, spread = (
        ("gaussian", law.deviation) if isinstance(law, Gaussian) else ("uniform", law.beta)
    )
    noise = _multiplier(name, spread, along, mask, on=call.training)
    return Description(Kind.NOISE, noise, axis if along is Along.CHANNEL else None)


def _described(noise: Noise) -> Description:
    return Description(Kind.NOISE, noise)


_READERS: dict[tuple[str, str], Describe] = {
    ("bernoulli", "element"): _dropout,
    ("bernoulli", "channel"): _spatial,
    ("gaussian", "element"): _gaussian,
    ("alpha", "element"): _alpha,
}
ENTRIES: dict[type, Describe] = {
    NoiseLayer: _own,
    **{
        kind: each
        for noise in NOISES
        if (noise.law, noise.along) in _READERS
        for kind, each in layers(noise.keras_layers, _READERS[noise.law, noise.along]).items()
    },
}
