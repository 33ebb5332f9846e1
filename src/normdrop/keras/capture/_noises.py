"""Recognising noise."""

import math

from normdrop.keras.capture._description import CallOf, Describe, Description, layers
from normdrop.keras.layers import NoiseLayer
from normdrop.shifts.graph import Along, Distribution, Kind, Noise
from normdrop.values.noise import Gaussian
from normdrop.values.operations import NOISES

_ALPHA = -1.7580993408473766
"""What alpha dropout sets dropped units to: -λα of SELU (Klambauer et al., 2017)."""


def bernoulli(rate: float, along: Along, mask: tuple[int, ...], *, on: bool) -> Noise:
    """Inverted dropout."""
    return Noise(
        Distribution.BERNOULLI,
        along,
        active=on and rate > 0,
        rate=rate,
        scale=1 / (1 - rate) if rate < 1 else 0.0,
        mask_shape=mask,
    )


def _dropout(call: CallOf) -> Description:
    layer = call.operation
    given = layer.noise_shape or (None,) * len(call.shape)
    mask = tuple(
        extent if wanted is None else int(wanted)
        for extent, wanted in zip(call.shape, given, strict=True)
    )
    return _described(
        bernoulli(float(layer.rate), _along(mask, call.shape), mask, on=call.training)
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
    noise = bernoulli(float(layer.rate), Along.CHANNEL, mask, on=call.training)
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
    scale = ((1 - rate) * (1 + rate * _ALPHA**2)) ** -0.5 if rate < 1 else math.nan
    return _described(
        Noise(
            Distribution.BERNOULLI,
            Along.ELEMENT,
            active=call.training and rate > 0,
            rate=rate,
            scale=scale,
            fill=_ALPHA,
            offset=-scale * _ALPHA * rate,
            mask_shape=call.shape,
        )
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
