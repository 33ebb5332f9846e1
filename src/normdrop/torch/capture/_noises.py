"""Recognising noise, by itself or within attention and recurrent stacks."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from normdrop.shifts.graph import Along, Attention, Distribution, Kind, Noise, Recurrent
from normdrop.torch._noise_layer import NoiseLayer
from normdrop.torch.capture._call import Call, DescribeModule, Description, entries, entry
from normdrop.torch.trees import tensors_in
from normdrop.values.noise import Bernoulli, Gaussian
from normdrop.values.operations import ATTENTIONS, NOISES, Function, NoiseOperation


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


def _attention(call: Call) -> Description:
    query, key = call.get("query"), call.get("key")
    weights = (*query.shape[:-1], key.shape[-2])
    rate = float(call.get("dropout_p") or 0.0)
    noise = bernoulli_noise(rate, tuple(weights), Along.ELEMENT, on=True, inside="attention")
    return Description(Kind.ATTENTION, Attention(noise), call.outputs[0].ndim - 1)


_PROJECTIONS = "in_proj_weight in_proj_bias bias_k bias_v out_proj_weight out_proj_bias"
_SEPARATE = " q_proj_weight k_proj_weight v_proj_weight"


def _multi_head(call: Call) -> Description:
    query, key, heads = call.get("query"), call.get("key"), int(call.get("num_heads"))
    weights = (query.shape[1] * heads, query.shape[0], key.shape[0])
    on = call.is_on("training", default=True)
    rate = float(call.get("dropout_p") or 0.0)
    noise = bernoulli_noise(rate, weights, Along.ELEMENT, on=on, inside="attention")
    roles = {name: call.get(name) for name in (_PROJECTIONS + _SEPARATE).split()}
    sources = [query, key, call.get("value")]
    return Description(Kind.ATTENTION, Attention(noise), 2, roles, sources)


def _recurrent(cell: str, call: Call) -> Description:
    """A recurrent stack; packed input is followed by its batch sizes."""
    packed = isinstance(call.positional[1], Tensor) and call.positional[1].ndim == 1
    weights, _, layers, rate, training = call.positional[3:8] if packed else call.positional[2:7]
    on = bool(training) and layers > 1
    noise = bernoulli_noise(float(rate), (), Along.ELEMENT, on=on, inside="layers")
    roles = _named(call, weights)
    return Description(Kind.RECURRENT, Recurrent(cell, noise), None, roles)


def _named(call: Call, weights: Any) -> dict[str, Tensor | None]:  # noqa: ANN401 - nested lists
    return {call.path(each).rpartition(".")[2]: each for each in tensors_in(weights)}


def _noise(module: nn.Module, x: Tensor) -> Description:
    """A noise layer of this library, which says itself what it draws."""
    assert isinstance(module, NoiseLayer)  # noqa: S101 - the table's key
    along, on, law, shape = Along(module.along), module.training, module.noise, tuple(x.shape)
    if isinstance(law, Bernoulli):
        noise: Noise = bernoulli_noise(law.rate, shape, along, on=on)
    elif isinstance(law, Gaussian):
        noise = multiplier("gaussian", law.deviation, shape, along, on=on)
    else:
        noise = multiplier("uniform", law.beta, shape, along, on=on)
    return Description(Kind.NOISE, noise, 1 if along is Along.CHANNEL else None)


ENTRIES = {
    "normdrop::multiply_noise": entry("input keys kind amount", _keyed),
    **{
        name: each
        for noise in NOISES
        for spelling in noise.functions
        for name, each in entries([spelling], partial(_dropout, noise, spelling)).items()
    },
    **{
        name: each
        for spelling, read in zip(ATTENTIONS, (_attention, _multi_head), strict=True)
        for name, each in entries([spelling], read).items()
    },
    **{
        name: entry("input", partial(_recurrent, cell))
        for name, cell in (
            ("lstm", "lstm"),
            ("gru", "gru"),
            ("rnn_tanh", "rnn"),
            ("rnn_relu", "rnn"),
        )
    },
}
WHOLE: dict[type[nn.Module], DescribeModule] = {NoiseLayer: _noise}
