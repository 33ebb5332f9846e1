"""Recognising attention and recurrent layers, which are one call each."""

import keras

from normdrop.keras.capture._description import CallOf, Describe, Description
from normdrop.shifts.graph import Along, Attention, Kind, Noise, Recurrent


def _attention(call: CallOf) -> Description:
    rate = float(getattr(call.operation, "dropout", 0.0) or 0.0)
    noise = Noise.dropout(rate, Along.ELEMENT, active=call.training)
    return Description(Kind.ATTENTION, Attention(noise))


def _rate(layer: keras.layers.Layer) -> float:
    """The largest rate of what is dropped of the inputs or the state of any cell."""
    cell = getattr(layer, "cell", layer)
    cells = [layer, *getattr(cell, "cells", [cell])]
    names = ("dropout", "recurrent_dropout")
    return max(float(getattr(each, name, 0.0) or 0.0) for each in cells for name in names)


def _recurrent(cell: str) -> Describe:
    def describe(call: CallOf) -> Description:
        rate = _rate(call.operation)
        noise = Noise.dropout(rate, Along.ELEMENT, active=call.training)
        return Description(Kind.RECURRENT, Recurrent(cell, noise))

    return describe


ENTRIES: dict[type, Describe] = {
    keras.layers.MultiHeadAttention: _attention,
    keras.layers.GroupQueryAttention: _attention,
    keras.layers.Attention: _attention,
    keras.layers.LSTM: _recurrent("lstm"),
    keras.layers.GRU: _recurrent("gru"),
    keras.layers.SimpleRNN: _recurrent("rnn"),
    keras.layers.RNN: _recurrent("rnn"),
    keras.layers.ConvLSTM1D: _recurrent("lstm"),
    keras.layers.ConvLSTM2D: _recurrent("lstm"),
    keras.layers.ConvLSTM3D: _recurrent("lstm"),
}
