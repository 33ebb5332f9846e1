"""Recognising attention and recurrent stacks, which hold noise of their own."""

from functools import partial
from typing import Any

from torch import Tensor

from normdrop.shifts.graph import Along, Attention, Kind, Recurrent
from normdrop.torch.capture._call import Call, Description, entries, entry
from normdrop.torch.capture._noises import bernoulli_noise
from normdrop.torch.capture._trees import tensors_in
from normdrop.values.operations import ATTENTIONS


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


ENTRIES = {
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
