"""Recognising noise that a function or layer of torch adds by itself."""

from functools import partial

from normdrop.shifts.graph import Along, Distribution, Kind, Noise
from normdrop.torch.capture._call import Call, Description, entries, entry
from normdrop.values.operations import NOISES, Function, NoiseOperation


def bernoulli_noise(
    rate: float, shape: tuple[int, ...], along: Along, *, on: bool, inside: str = ""
) -> Noise:
    """Inverted dropout of a tensor of this shape."""
    mask, along = _mask(shape, along)
    return Noise.dropout(rate, along, active=on, mask_shape=mask, inside=inside)


def multiplier(
    distribution: str, spread: float, shape: tuple[int, ...], along: Along, *, on: bool
) -> Noise:
    """Gaussian or uniform noise around 1."""
    mask, along = _mask(shape, along)
    active = on and spread > 0
    return Noise(Distribution(distribution), along, active, spread=spread, mask_shape=mask)


def _mask(shape: tuple[int, ...], along: Along) -> tuple[tuple[int, ...], Along]:
    """The shape of a mask; a channel of one element is an element."""
    axes = {Along.CHANNEL: 2, Along.SAMPLE: 1}.get(along, len(shape))
    mask = shape[:axes] + (1,) * (len(shape) - axes)
    return mask, Along.ELEMENT if mask == shape else along


def alpha(rate: float, shape: tuple[int, ...], along: Along, *, on: bool) -> Noise:
    """Alpha dropout of a tensor of this shape."""
    mask, along = _mask(shape, along)
    return Noise.alpha_dropout(rate, along, active=on, mask_shape=mask)


def _dropout(noise: NoiseOperation, spelling: Function, call: Call) -> Description:
    """Dropout, on where the call says so by position, by either of two names or by default."""
    on = call.is_on(spelling.arguments[2], default=spelling.training is not False)
    along, rate = Along(noise.along), float(call.get("p", 0.5))
    make = alpha if noise.law == "alpha" else bernoulli_noise
    channels = 1 if along is Along.CHANNEL else None
    made = make(rate, call.shape, along, on=on)
    return Description(Kind.NOISE, made, channels, sources=[call.x])


def _keyed(call: Call) -> Description:
    """This library's own operator, which is called only to draw."""
    amount, law = float(call.get("amount")), str(call.get("kind"))
    if law == "bernoulli":
        noise = bernoulli_noise(amount, call.shape, Along.ELEMENT, on=True)
    else:
        noise = multiplier(law, amount, call.shape, Along.ELEMENT, on=True)
    return Description(Kind.NOISE, noise, sources=[call.x])


ENTRIES = {
    "normdrop::multiply_noise": entry("input keys kind amount", _keyed),
    **{
        name: each
        for noise in NOISES
        for spelling in noise.functions
        for name, each in entries([spelling], partial(_dropout, noise, spelling)).items()
    },
}
