"""The size of the shift at every norm layer: which method is trusted with which model.

That noise reaches a norm is read off the graph (`normdrop.shifts.graph.paths`) and needs no number.
Its size is, of these, the first that can be had:

1. With batches, what they show: against the running statistics where those are trained; where they
   are not, against what train mode makes of the same batches.
2. Moments, where no weights are trained, moments know every norm that noise reaches, and none of
   that noise comes through an addition of tensors that depend on each other.
3. `simulate`, where the running statistics are those of a new layer or hardly anything else, from
   fewer inputs where more exceed its budget; where these do, too, moments again, with an error for
   each such addition on the way, as far as they are few.
4. `invert`, where they are trained, if it fits its budget and finds inputs that fit the statistics.
5. The stored statistics themselves, for noise directly before a norm, where they are trained.
6. What noise of two spectra shows together with them, as far as both agree.

Else the size is unknown, and the layer says why. An engine that fails leaves a note, no error.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from normdrop.errors import NormdropError
from normdrop.shifts.expected import plan
from normdrop.shifts.graph import Captured, Graph, Kind, Node
from normdrop.shifts.graph.paths import active_noise, noise_before
from normdrop.shifts.moments import expected_shifts, stored_shifts
from normdrop.shifts.report import LayerShift, Method, ShiftReport
from normdrop.verbs._framework import Model
from normdrop.verbs._invert import inverted_report, is_trained
from normdrop.verbs._measure import measure
from normdrop.verbs._predict import bounded_report, simulated_on, simulated_report

if TYPE_CHECKING:
    from normdrop.shifts.stream import Arguments

BUDGET = 2e10
"""Multiply-adds that `check` may spend on one model: one to three seconds of one core."""
_BATCHES = 4
_EXAMPLES = 512
_TOUCHED = 8
"""What moving a value through memory costs, in multiply-adds."""
_CALL = 2e5
"""What the call of an operation costs by itself, in multiply-adds."""
_BLAMED_BY_MOMENTS = 128
"""Noise layers that moments are shared out among: beyond, time grows with their number squared."""
_BACKWARD = 3
"""A forward and a backward pass in forward passes."""
_STEPS = (40, 20)
"""Steps of an inversion that still find inputs."""
_FEWEST = 32
"""Inputs of an inversion that still do."""
_SIMULATED = (32, 16)
"""Inputs of a simulation that still tell, with a larger error."""
_BOUNDED = (32, 16, 8)
"""Inputs of each kind that bound a shift."""
_BOUNDED_PASSES = 4
_FEWEST_BLAMED = 4
_OFF_PER_ADDITION = 1 / 32
"""The part of log Δ that moments are off by for each addition of two tensors on the way of noise:
they take both sides as independent, and a trunk and its branches are not."""
_MOST_ADDITIONS = 16
"""Beyond so many of them moments tell nothing."""
_WEIGHTED = {Kind.WEIGHT, Kind.RECURRENT, Kind.ATTENTION}
_BROUGHT = {Kind.PARAMETER, Kind.CONSTANT}


def evidence(
    framework: Model,
    example: object,
    captured: Captured,
    batches: Iterable[object] | None = None,
    *,
    fast: bool = False,
) -> ShiftReport:
    """The shift at every norm layer that noise reaches, by the best method there is.

    Args:
        framework: The model.
        example: What it takes.
        captured: Its graphs.
        batches: As for `measure`.
        fast: Whether to leave the size unknown wherever the model would have to run.

    Returns:
        One value per norm layer, each with its method, under the names that the graph has for
        layers. Empty for a model without noise before a norm.

    Raises:
        CaptureError: The model raised on a batch.
        UsageError: There is no batch, or none that the model takes.
    """
    graph = captured.train
    reached: dict[str, Node] = {}
    additions: dict[str, int] = {}
    for norm in graph:
        ways = noise_before(graph, norm) if norm.carries_statistics else ()
        if ways:
            reached[norm.layer] = norm
            met = {node.id for way in ways for node in way.between if _joins(graph, node)}
            additions[norm.layer] = max(len(met), additions.get(norm.layer, 0))
    if not reached:
        return ShiftReport([], "moments")
    if batches is not None:
        return _renamed(_measured(framework, batches), graph)
    question = _Question(framework, example, captured, reached, additions)
    if fast:
        return question.answer((), "only its reach was asked for", "moments")
    return (_trained if is_trained(framework) else _untrained)(question)


@dataclass
class _Question:
    """One model whose shifts are asked for.

    Attributes:
        framework: The model.
        example: What it takes.
        captured: Its graphs.
        reached: The norms that noise reaches, by path.
        additions: How many additions of tensors noise meets on its way to each of them.
        notes: Which engines failed so far, and how.
    """

    framework: Model
    example: object
    captured: Captured
    reached: Mapping[str, Node]
    additions: Mapping[str, int]
    notes: list[str] = field(default_factory=list)

    def tried(self, method: Method, engine: Callable[[], ShiftReport]) -> ShiftReport | None:
        """What an engine finds; nothing, and a note, where it fails."""
        try:
            return _renamed(engine(), self.captured.train)
        except Exception as error:  # noqa: BLE001 - whatever is odd in a user's model may break an engine in any way, and the next one answers
            text = str(error).partition("\n")[0]
            what = text if isinstance(error, NormdropError) else f"{type(error).__name__}: {text}"
            self.notes.append(f"{method} failed on this model: {what}")
            return None

    def affords(self, passes: float, count: float) -> bool:
        """Whether so many forward passes of `count` examples are within the budget."""
        calls = passes * len(self.captured.train) * _CALL
        return calls + passes * count * _per_example(self.captured.train) <= BUDGET

    def answer(self, known: Iterable[LayerShift], reason: str, method: Method) -> ShiftReport:
        """What is known, and why the size is unknown at the other norms that noise reaches."""
        layers = {layer.path: layer for layer in known}
        for path, norm in self.reached.items():
            if path not in layers:
                axis = 1 if norm.channel_axis is None else norm.channel_axis
                layers[path] = LayerShift.without_value(path, method, norm.shape[axis], reason)
        return ShiftReport(list(layers.values()), method, tuple(self.notes))


def _measured(framework: Model, batches: Iterable[object]) -> ShiftReport:
    """By 1."""
    if is_trained(framework):
        return measure(framework.model, batches, blame=True)
    sample: list[Arguments] = []
    examples = 0
    for batch in framework.reading(batches, limit=_BATCHES):
        if examples < _EXAMPLES:
            sample.append(batch.arguments)
            examples += batch.size
    return simulated_on(framework, sample)


def _untrained(question: _Question) -> ShiftReport:
    """By 2 or 3."""
    framework, example = question.framework, question.example
    noises = len({node.layer for node in active_noise(question.captured.train)})
    carried: ShiftReport | None = None
    if not framework.has_learned_statistics():
        few = noises <= _BLAMED_BY_MOMENTS
        carried = question.tried(
            "moments",
            lambda: ShiftReport(expected_shifts(question.captured, blame=few), "moments"),
        )
        known = {layer.path for layer in carried or () if layer.shift > 0}
        if carried is not None and known >= question.reached.keys():
            if not any(question.additions.values()):
                return carried
            carried = _doubted(carried, question.additions)
    reason = "simulating this model takes longer than a check may: pass batches, or call predict"
    most = plan.simulated(_positions(question))
    for count in (most, *(few for few in _SIMULATED if few < most)):
        if question.affords(plan.SIMULATED_REPEATS + 3, count):
            # One pass without each noise layer: of many, in a deep model, nobody waits for that.
            left_out = question.affords(2 * (1 + noises), plan.simulated_blamed(count, noises))
            found = question.tried(
                "simulate",
                partial(
                    simulated_report,
                    framework,
                    example,
                    count=count,
                    blame=left_out,
                ),
            )
            if found is not None:
                reason = "the call was not seen when the model ran"
                return question.answer(found, reason, "simulate")
            reason = "no method works with this model: pass batches"
            break
    return question.answer(carried or (), reason, "moments")


def _joins(graph: Graph, node: Node) -> bool:
    """Whether two tensors that the model computes are added here."""
    flowing = [each for each in graph.sources(node) if each.kind not in _BROUGHT]
    return node.kind is Kind.ADD and len(flowing) > 1


def _doubted(carried: ShiftReport, additions: Mapping[str, int]) -> ShiftReport:
    """Moments with the error that additions on the way make; left out where these are many."""
    layers = [
        replace(layer, error=abs(math.log(layer.shift)) * met * _OFF_PER_ADDITION)
        if met and layer.shift > 0
        else layer
        for layer in carried
        if (met := additions.get(layer.path, 0)) <= _MOST_ADDITIONS
    ]
    return replace(carried, layers=layers)


def _trained(question: _Question) -> ShiftReport:
    """By 4, 5 or 6."""
    framework, example = question.framework, question.example
    most = plan.inversion_inputs(_positions(question))
    noises = {node.layer for node in active_noise(question.captured.train)}
    reason = (
        "inverting its stored statistics takes longer than a check may: pass batches, or call "
        "predict"
    )
    for count, steps in [(most, _STEPS[0]), (most, _STEPS[1]), (_FEWEST, _STEPS[1])]:
        passes = _BACKWARD * steps + plan.INVERTED_REPEATS + 1
        blame = 2 * (1 + len(noises)) * plan.INVERTED_BLAMED / count
        if question.affords(passes + blame, count):
            found = question.tried(
                "invert",
                partial(inverted_report, framework, example, steps=steps, count=count),
            )
            if found is not None and any(layer.shift > 0 for layer in found):
                return question.answer(found, "the call was not seen when the model ran", "invert")
            reason = "no inputs show its stored statistics: pass batches"
            break
    direct = list(stored_shifts(question.captured))
    runs = 2 * (1 + len(noises)) * _FEWEST_BLAMED
    for count in _BOUNDED:
        if question.affords(_BOUNDED_PASSES, count):
            blame = question.affords(_BOUNDED_PASSES + runs / count, count) * _FEWEST_BLAMED
            found = question.tried(
                "simulate",
                partial(bounded_report, framework, example, count=count, blame=blame),
            )
            known = {layer.path for layer in direct}
            direct += [layer for layer in found or () if layer.path not in known]
            break
    return question.answer(direct, reason, "invert")


def _positions(question: _Question) -> int:
    return question.framework.inputs(question.example, 0).positions


def _per_example(graph: Graph) -> float:
    """What a forward pass of one example costs, in multiply-adds, roughly."""
    total = 0.0
    for node in graph:
        values = math.prod(node.shape)
        weights = sum(math.prod(each.shape) for each in node.parameters.values())
        channels = node.shape[node.channel_axis] if node.channel_axis is not None else 1
        each = weights / max(1, channels) if node.kind in _WEIGHTED else 0.0
        total += values * (_TOUCHED + each)
    return total / max(1, graph.batch_size)


def _renamed(report: ShiftReport, graph: Graph) -> ShiftReport:
    """Layers under the names of the graph, where an engine knows a norm by its statistics alone."""
    names = {
        norm.parameters["running_mean"].path.rpartition("running_mean")[0].rstrip("."): norm.layer
        for norm in graph
        if norm.carries_statistics and "running_mean" in norm.parameters
    }
    layers = [replace(layer, path=names.get(layer.path, layer.path)) for layer in report]
    return replace(report, layers=layers)
