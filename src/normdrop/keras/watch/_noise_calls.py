"""Noise layers of a model: which they are, seeded one by one, switched on and off."""

import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.random.seed_generator import global_seed_generator  # what unseeded calls draw from

from normdrop.keras._backend import backend
from normdrop.keras.capture import children, is_open, paths_of
from normdrop.values.operations import KERAS_STRENGTHS


class NoiseCalls:
    """What a pass knows of noise: every layer that made some, in order, and which are to be still.

    Noise is what a layer draws from seed generators that it or its parts own, or, for a layer of
    the user's, from Keras' global one. Before each call those are seeded by the pass, the layer
    and how often it was called, so that a layer's noise stays the same when another is switched
    off. A layer is switched by the `training` argument of its call; one that takes none cannot be,
    and neither can a model. What a layer of the user's hands that argument on to is switched with
    it, so whoever answers norm calls has to know by itself which mode is meant.

    Use it inside `untouched(model)`: seed generators are written to.

    Attributes:
        layers: Path of every layer that made noise so far and that can be switched off.
    """

    def __init__(self, model: keras.Model) -> None:
        self._paths = paths_of(model)
        self._owners, self._unknown = _candidates(model)
        self._backend = backend()
        self._seed = 0
        self._silent: Container[str] = ()
        self._on: bool | None = None
        self._calls: Counter[str] = Counter()
        self.layers: dict[str, keras.layers.Layer] = {}

    def start(self, seed: int, *, silent: Container[str] = (), on: bool | None = None) -> None:
        """Begin a pass with a seed of its own.

        Args:
            seed: The same seed gives the same noise.
            silent: Paths of layers that are off.
            on: Whether all others make noise; `None` leaves it to the mode they are called in.
        """
        self._seed, self._silent, self._on = seed, silent, on
        self._calls.clear()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Seed and switch the model's noise layers inside."""
        own = [(layer, self._own(layer)) for layer in self._owners]
        with _calling([*own, *((layer, self._others(layer)) for layer in self._unknown)]):
            yield

    @contextmanager
    def switched(self, *, on: bool) -> Iterator[None]:
        """Switch the model's noise layers inside; nothing is seeded, so that noise goes on.

        Nothing but an argument changes, so that calls inside may be compiled. A layer of the user's
        that has layers inside and draws from the global generator is not known, and not switched.
        """
        closed = [layer for layer in self._unknown if not is_open(layer)]
        layers = [layer for layer in (*self._owners, *closed) if _is_switch(layer)]
        with _calling([(layer, _with_mode(layer, on=on)) for layer in layers]):
            yield

    @property
    def mixed(self) -> list[str]:
        """Paths of the layers that make noise of their own and have norm layers inside."""
        return [
            self._paths[id(layer)] for layer in self._owners if is_open(layer) and _norms(layer)
        ]

    def _own(self, layer: keras.layers.Layer) -> Callable[..., Any]:
        """The call of a layer with seed generators of its own."""
        path, called = self._paths[id(layer)] or "call()", layer.call
        generators = _generators(layer)

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
            on = self._switched(path, layer, kwargs)
            for index, generator in enumerate(generators):
                _assign(generator, self._number(path, index))
            self._backend.seed(self._number(path, len(generators)))
            if on and _is_switch(layer):
                self.layers.setdefault(path, layer)
            return called(*args, **kwargs)

        return call

    def _others(self, layer: keras.layers.Layer) -> Callable[..., Any]:
        """The call of a user's layer, which may draw from the global generator."""
        path, called = self._paths[id(layer)] or "call()", layer.call

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
            on = self._switched(path, layer, kwargs)
            generator = global_seed_generator()
            around = _state(generator)
            _assign(generator, self._number(path, 0))
            start = _state(generator)
            self._backend.seed(self._number(path, 1))
            outputs = called(*args, **kwargs)
            drew = not np.array_equal(_state(generator), start)
            if drew and on and _is_switch(layer):
                self.layers.setdefault(path, layer)
            generator.state.assign(around)  # the layer around draws on where it was
            return outputs

        return call

    def _switched(self, path: str, layer: keras.layers.Layer, kwargs: dict[str, Any]) -> bool:
        """Set the mode that a layer is called in; whether it is on."""
        self._calls[path] += 1
        on = bool(kwargs.get("training")) if self._on is None else self._on
        on = on and path not in self._silent
        known = path in self.layers or not is_open(layer) or layer in self._owners
        if _is_switch(layer) and known:
            kwargs["training"] = on
        return on

    def _number(self, path: str, index: int) -> int:
        """A seed for one generator in one call of one layer, far from all others."""
        words = (self._seed, zlib.crc32(path.encode()), self._calls[path], index)
        return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


Call = Callable[..., Any]


@contextmanager
def _calling(calls: list[tuple[keras.layers.Layer, Call]]) -> Iterator[None]:
    """Give layers other calls inside."""
    # An instance's own `call` goes before its class's; one that is there already is kept.
    before = [(layer, layer.__dict__.get("call")) for layer, _ in calls]
    try:
        for layer, call in calls:
            layer.__dict__["call"] = call
        yield
    finally:
        for layer, call in before:
            layer.__dict__.pop("call", None)
            if call is not None:
                layer.__dict__["call"] = call


def _with_mode(layer: keras.layers.Layer, *, on: bool) -> Call:
    """The layer's call in one mode, whichever it is called in."""
    called = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
        return called(*args, **{**kwargs, "training": on})

    return call


def _norms(layer: keras.layers.Layer) -> bool:
    """Whether a layer is or has a norm layer."""
    every = layer._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
    return any(isinstance(each, keras.layers.BatchNormalization) for each in every)


def _candidates(
    model: keras.Model,
) -> tuple[list[keras.layers.Layer], list[keras.layers.Layer]]:
    """Layers with noise of their own, and layers of the user's that may use the global generator.

    As in the graph, a layer of Keras' with layers inside, such as attention, is one.
    """
    owners: list[keras.layers.Layer] = []
    unknown: list[keras.layers.Layer] = []
    seen: set[int] = set()

    def walk(layer: keras.layers.Layer) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if _generators(layer):
            owners.append(layer)
        elif not type(layer).__module__.startswith(("keras.", "normdrop.")) and not isinstance(
            layer, keras.layers.BatchNormalization
        ):
            unknown.append(layer)
        if is_open(layer):
            for child in children(layer):
                walk(child)

    walk(model)
    return owners, unknown


def _generators(layer: keras.layers.Layer) -> list[keras.random.SeedGenerator]:
    """The seed generators that a layer makes noise with, its own and those of its hidden parts."""
    inside = [layer] if is_open(layer) else layer._flatten_layers()  # noqa: SLF001 - no public walk
    return [
        generator
        for each in inside
        if _is_noisy(each)
        for generator in each._seed_generators  # noqa: SLF001 - Keras has no public list
    ]


def _is_noisy(layer: keras.layers.Layer) -> bool:
    """Whether any rate that a layer has is above 0; without rates it is for its call to say."""
    rates = [getattr(layer, name, None) for name in KERAS_STRENGTHS]
    known = [float(rate) for rate in rates if isinstance(rate, int | float)]
    return not known or any(rate > 0 for rate in known)


def _is_switch(layer: keras.layers.Layer) -> bool:
    takes_mode: bool = layer._call_has_training_arg  # noqa: SLF001 - what Keras goes by
    return takes_mode and not isinstance(layer, keras.Model)


def _assign(generator: keras.random.SeedGenerator, number: int) -> None:
    state = generator.state
    state.assign(ops.convert_to_tensor(np.array([number, 0]), dtype=state.dtype))


def _state(generator: keras.random.SeedGenerator) -> np.ndarray:
    return np.array(ops.convert_to_numpy(generator.state))
