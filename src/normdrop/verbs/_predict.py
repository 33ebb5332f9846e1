"""The expected shift, without data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from normdrop.errors import CaptureError, unknown
from normdrop.shifts.expected import INITIAL_ABOVE, bounded, causes, plan, report, shifts, widened
from normdrop.shifts.report import ShiftReport
from normdrop.shifts.stream import Arguments
from normdrop.verbs._framework import Model, ModelPasses, example_of, opened
from normdrop.verbs._invert import invert, inverted_report, is_trained
from normdrop.verbs._types import AnyModel, PredictMethod

_PINK, _WHITE = 1.0, 0.0
"""Powers of the frequency by which the amplitude of made-up inputs falls."""
_BOUNDED, _BLAMED = 32, 8
"""Inputs that bound the shift of a trained model, and those that its causes are found with."""


def simulate(model: object, example: object, *, seed: int = 0, blame: bool = True) -> ShiftReport:
    """Expected shift at every norm layer with running statistics, by running the model.

    The model runs in train mode, its statistics are collected, and it runs in eval mode with those
    statistics, both on the same made-up inputs: pink noise of mean 0 and variance 1 per channel.
    The weights are taken as they are; the stored running statistics play no part. Costs three
    forward passes of a sample of 32 to 1024 inputs, the fewer the larger they are, and one more on
    white noise, whose shift tells how much depends on the inputs; blame costs two more, or two of 8
    inputs for each noise layer where those are more. The model is left as it was found, and costs
    a copy of its weights and buffers in memory.

    Args:
        model: A model of any framework.
        example: What the model takes; see `predict`. Only shapes and dtypes matter.
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: The example is nothing a model could take.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 64, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> layer = simulate(model, (8,))["2"]
    >>> round(layer.shift, 1), dict(layer.causes)
    (0.5, {'1': 1.0})
    """
    return simulated_report(opened(model, "predict").ready(), example, seed=seed, blame=blame)


def simulated_report(
    framework: Model,
    example: object,
    *,
    count: int | None = None,
    seed: int = 0,
    blame: bool = True,
) -> ShiftReport:
    """The same of a model whose door is open, from `count` inputs."""
    inputs = framework.inputs(example, seed)
    count = count or plan.simulated(inputs.positions)
    with framework.untouched():
        passes = framework.passes(seed)
        try:
            found = shifts(passes, [inputs.draw(count)], plan.SIMULATED_REPEATS)
        except CaptureError:
            given = inputs.given()
            if given is None:
                raise
            return _on_given(passes, given, blame=blame)
        small = inputs.draw(plan.simulated_blamed(count, len(passes.noise_layers)))
        shares = causes(passes, [small]) if blame else {}
        if inputs.positions > 1:
            white = inputs.draw(count // 2, _WHITE)
            found = widened(found, shifts(passes, [white], 1))
    return report(found, shares, "simulate")


def _on_given(passes: ModelPasses, given: Arguments, *, blame: bool) -> ShiftReport:
    """The same on the example itself, for a model that insists on its size."""
    found = shifts(passes, [given], plan.INVERTED_REPEATS)
    note = "The model takes no other number of examples than the one given, which stands for all."
    return report(found, causes(passes, [given]) if blame else {}, "simulate", (note,))


def bounded_report(framework: Model, example: object, *, count: int, blame: int) -> ShiftReport:
    """The shift of a trained model from few made-up inputs, or why it is unknown.

    Such inputs are not those that the weights were trained on. So there are four estimates of each
    shift, from pink and from white noise: the ratio of the variances of both modes, which is right
    if all that reaches the norm is as much larger or smaller on real inputs; and what noise adds,
    out of the stored variance, which is right if noise alone is as it would be. Their mean is the
    shift, half of what lies between them its error.

    Args:
        framework: The model.
        example: What it takes.
        count: Inputs of each kind; there are two forward passes of both.
        blame: Inputs that each noise layer's share is found with; 0 for none.
    """
    inputs = framework.inputs(example, 0)
    with framework.untouched():
        passes = framework.passes(0)
        given: Arguments | None = None
        try:
            found = [
                shifts(passes, [inputs.draw(count, steepness)], 1)
                for steepness in ((_PINK, _WHITE) if inputs.positions > 1 else (_PINK,))
            ]
        except CaptureError:
            given = inputs.given()
            if given is None:
                raise
            found = [shifts(passes, [given], 1)]
        stored = {path: one.numbers() for path, one in passes.stored.items()}
        shares = causes(passes, [given or inputs.draw(blame)]) if blame else {}
    layers = [
        bounded(path, [each.at(path) for each in found], stored[path], shares.get(path, {}))
        for path in found[0].eval
    ]
    return ShiftReport(layers, "simulate")


def simulated_on(framework: Model, batches: Sequence[Arguments]) -> ShiftReport:
    """The same on inputs of the user's."""
    with framework.untouched():
        passes = framework.passes(0)
        found = shifts(passes, batches, plan.SIMULATED_REPEATS)
        return report(found, causes(passes, batches), "simulate")


def moments(model: object, example: object) -> ShiftReport:
    """The shift at every norm layer from carried means and variances; the model does not run.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.

    Args:
        model: A model of any framework.
        example: What the model takes; see `predict`.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: An example no model could take.

    >>> from torch import nn
    >>> report = moments(nn.Sequential(nn.Dropout(0.3), nn.BatchNorm1d(8)), (8,))
    >>> round(report["1"].shift, 6)
    0.7
    """
    from normdrop.shifts.moments import carried_report

    return carried_report(opened(model, "predict").ready().capture(example))


_METHODS: Mapping[str, Callable[[object, object], ShiftReport]] = MappingProxyType(
    {"moments": moments, "simulate": simulate, "invert": invert}
)


def predict(
    model: AnyModel, example: object = None, method: PredictMethod | None = None
) -> ShiftReport:
    """The expected shift at every norm layer, without data.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        example: What the model takes: a tensor, an array, a tuple (positional) or dict (keyword)
            of these, or in their place `normdrop.Input` or a tuple of ints, without the batch
            axis. Only shapes and element types matter; but tensors that share no batch axis, as
            the nodes and edges of a graph, are taken as they are. May be left out for a Keras model
            that declares its inputs.
        method: `"simulate"` runs the model in both modes on made-up inputs; `"invert"` first finds
            inputs that the stored statistics allow; `"moments"` carries means and variances
            through the model's graph. By default the first for fresh weights, and for statistics
            that few batches have reached, and the second for trained ones; the result names it.

    Returns:
        The layers, worst first, with the noise layers to blame.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model or one on the `meta` device, an unknown method, or an example that is
            nothing of the above.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Dropout(0.5), nn.BatchNorm2d(16))
    >>> report = predict(model, (3, 8, 8))
    >>> report["2"].severity, report.method, dict(report["2"].causes)
    ('error', 'simulate', {'1': 1.0})
    """
    framework = opened(model, "predict", example=example).ready()
    if method is not None and method not in _METHODS:
        raise unknown(f"unknown method {method!r}", method, tuple(_METHODS))
    example = example_of(framework, example, "predict")
    if method is not None:
        found = _METHODS[method](model, example)
    elif is_trained(framework):
        found = _of_trained(framework, example)
    else:
        initial = framework.initial_share()
        found = simulated_report(framework, example)
        found = replace(found, notes=(*found.notes, *_young(initial)))
    return replace(found, _graph=lambda: framework.capture(example).train)


def _of_trained(framework: Model, example: object) -> ShiftReport:
    """By inversion; what few made-up inputs show where the model does not bear it."""
    try:
        return inverted_report(framework, example)
    except Exception as error:  # noqa: BLE001 - whatever an odd model breaks, the next method answers
        found = bounded_report(framework, example, count=_BOUNDED, blame=_BLAMED)
        text = str(error).partition("\n")[0]
        note = f"The stored statistics could not be inverted: {text}"
        return replace(found, notes=(*found.notes, note))


def _young(initial: float) -> tuple[str, ...]:
    """What to know of running statistics that few batches have reached."""
    if initial <= INITIAL_ABOVE:
        return ()
    note = (
        f"Few batches have reached the running statistics, whose initial values still weigh "
        f"{100 * initial:.0f} %: the shift is that of statistics settled for these weights."
    )
    return (note,)
