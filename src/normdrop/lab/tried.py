"""A repair on trial: a model trained as it was and as it is mended, with the same seeds."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from normdrop.errors import UsageError
from normdrop.lab.examples import Examples
from normdrop.lab.fit import Diverged, TrainingLoop
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.statistics import planned_test
from normdrop.lab.task import CLASSIFICATION, Reduction, Task
from normdrop.mending.repairs import LEVEL, Fix, Proof
from normdrop.shifts.graph import Activation, Graph, Kind
from normdrop.verbs import Model, is_keras, opened

Watched: TypeAlias = Callable[[str, int, int | None], None]

_MOST_EXAMPLES = 20_000
_HELD_OUT = 5
"""Of so many examples one is tested on, where no others are given."""
_FEWEST_STEPS = 4
_TIMED_STEPS = 3
_PLANNED = 0.8
"""The share of the time that is planned for; the rest is for what was estimated too low."""
_PASSES_OF_A_LOOK = 1.3
"""What an epoch takes with its look at losses, in times of its training steps."""
_TINY = 1e-12


@dataclass(frozen=True)
class _Training:
    """What is trained, and on what.

    Attributes:
        task: What the loss is.
        examples: To train on, and to test on.
        settings: How.
        ends: How the model's outputs become scores: `"softmax"`, `"sigmoid"` or nothing.
    """

    task: Task
    examples: tuple[Examples, Examples]
    settings: TrainingSettings
    ends: str

    def loop(self, seed: int) -> TrainingLoop:
        """The training of one network."""
        return TrainingLoop(self.task, *self.examples, self.settings, seed)

    @property
    def words(self) -> str:
        """For people."""
        epochs = "1 epoch" if self.settings.epochs == 1 else f"{self.settings.epochs} epochs"
        return f"{epochs} of {len(self.examples[0])} examples, tested on {len(self.examples[1])}"


def try_fix(
    model: Any,  # noqa: ANN401 - a model of torch or Keras, or what makes one
    mended: Fix[Any],
    batches: Iterable[object],
    *,
    test: Iterable[object] | None = None,
    seeds: int = 6,
    epochs: int = 10,
    minutes: float = 10.0,
    learning_rate: float = 1e-3,
    progress: Watched | None = None,
) -> Fix[Any]:
    """Train a model as it was and as it is mended, with the same seeds, and say whether it helps.

    Both begin with the same weights, and see the same batches in the same order; Adam trains them.
    The endpoint is the test loss after the last epoch, tested by flips of the signs of the paired
    differences: with fewer than 6 seeds nothing can be shown.

    Args:
        model: What was mended, as it was; each seed begins with its weights. Or a callable that
            makes it anew, so that each seed has initial weights of its own.
        mended: What `normdrop.fix` made of it.
        batches: `(inputs, targets)`, as for `measure`, of one input: class numbers as integers, or
            rows of zeros and one 1, for cross-entropy; other numbers for the squared error. At most
            20000 examples are read. The first batch says how many are trained on at a time.
        test: The same to test on; every fifth example of `batches` if left out, or the same.
        seeds: How many.
        epochs: How many each is trained for, if there is time.
        minutes: How long it may take in all: what does not fit is left out, first epochs, then
            examples, at last seeds.
        learning_rate: Adam's.
        progress: Called with a word for the step, and how many of how many are done.

    Returns:
        The mended model as it was given, its `proof` filled in.

    Raises:
        UsageError: Nothing was changed; a number is out of range; the batches are not of that
            form; the model does not return one tensor; there is no time for anything; or it is a
            Keras model on another backend than torch.

    >>> import normdrop
    >>> def make():
    ...     return nn.Sequential(
    ...         nn.Linear(4, 16), nn.Dropout(0.5), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)
    ...     )
    >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    >>> tried = try_fix(
    ...     make, normdrop.fix(make(), (4,)), [(x, (x[:, 0] > 0).long())], seeds=1, epochs=1
    ... )
    >>> tried.proof.verdict
    'too few seeds'
    """
    if not mended.changes:
        raise UsageError("nothing was changed in the model, so that there is nothing to try")
    if seeds < 1 or epochs < 1 or not minutes > 0 or not learning_rate > 0:
        raise UsageError("try_fix: seeds, epochs, minutes and learning_rate must be positive")
    start = time.monotonic()
    first = opened(mended.model, "try_fix")
    makes = _maker(model)
    with first.untouched(gradients=True):
        plan = _planned(first, batches, test, epochs, learning_rate)
        plan = _fitted(plan, _pair(plan, makes, mended, 0), seeds, 60 * minutes * _PLANNED)
        found: list[tuple[_End, _End]] = []
        for seed in range(seeds):
            # What was estimated too low must not run on for hours.
            if found and (time.monotonic() - start) * (1 + 1 / len(found)) > 60 * minutes:
                break
            pair = _pair(plan, makes, mended, seed)
            both = [
                _trained(plan, network, seed, _share(progress, 2 * seed + half, 2 * seeds, plan))
                for half, network in enumerate(pair)
            ]
            found.append((both[0], both[1]))
    return replace(mended, proof=_proof(plan, found))


@dataclass(frozen=True, slots=True)
class _End:
    """What training left behind: NaN where it diverged."""

    loss: float
    accuracy: float | None


def _maker(model: Any) -> Callable[[], Any]:  # noqa: ANN401 - see `try_fix`
    """What gives the model of one seed: made anew, or a copy."""
    if not isinstance(model, nn.Module) and not is_keras(model) and callable(model):
        return model  # type: ignore[no-any-return] # what users' callables give is checked later
    copies: Callable[[], Any] = opened(model, "try_fix").copied
    return copies


def _pair(
    plan: _Training, makes: Callable[[], Any], mended: Fix[Any], seed: int
) -> tuple[nn.Module, nn.Module]:
    """The networks of one seed, as it was and mended, with the same weights."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what users' own code draws from
    as_it_was = makes()
    copy = opened(mended.model, "try_fix").copied()
    if is_keras(as_it_was):
        weights = {weight.path: weight for weight in as_it_was.weights}
        for weight in copy.weights:
            if weight.path in weights:
                weight.assign(weights[weight.path])
    else:
        # not strict: a bias that was removed is in the one alone
        copy.load_state_dict(as_it_was.state_dict(), strict=False)
    return _Scores(as_it_was, plan), _Scores(copy, plan)


class _Scores(nn.Module):
    """A model of either framework, whose outputs are what the loss takes."""

    def __init__(self, model: Any, plan: _Training) -> None:  # noqa: ANN401 - of either framework
        super().__init__()
        self.model = model
        self._keras = is_keras(model)
        self._ends = plan.ends if plan.task is CLASSIFICATION else ""
        self._classifies = plan.task is CLASSIFICATION

    def forward(self, x: Tensor) -> Tensor:
        """Scores of shape (batch, classes, ...), or values."""
        outputs = self.model(x, training=self.training) if self._keras else self.model(x)
        if not isinstance(outputs, Tensor):
            raise UsageError(
                f"the model returns a {type(outputs).__name__}: try_fix takes one that returns one "
                "tensor, such as the scores of the classes"
            )
        if not self._classifies:
            return outputs
        single = outputs.ndim == 1 or outputs.shape[1] == 1
        if self._ends == "softmax":
            return outputs.clamp_min(_TINY).log()
        if self._ends == "sigmoid":
            outputs = torch.logit(outputs, eps=1e-6)
        if single:
            one = outputs.reshape(len(outputs), 1)
            return torch.cat([torch.zeros_like(one), one], 1)
        return outputs


def _planned(
    model: Model,
    batches: Iterable[object],
    test: Iterable[object] | None,
    epochs: int,
    learning_rate: float,
) -> _Training:
    """What is trained, by what the model and the batches are, if time is no matter."""
    if is_keras(model.model) and not isinstance(model.model, nn.Module):
        raise UsageError("try_fix trains with torch: set KERAS_BACKEND=torch for a Keras model")
    train, size = _read(model, batches)
    inputs, targets = train
    held = np.arange(len(inputs)) % _HELD_OUT == _HELD_OUT - 1
    other = train if test is None else _read(model, test)[0]
    # Data that know no split give the same rows to test on.
    same = np.array_equal(np.sort(other[0], axis=None), np.sort(inputs, axis=None))
    pairs = (
        ((inputs[~held], targets[~held]), (inputs[held], targets[held])) if same else (train, other)
    )
    if min(len(rows) for rows, _ in pairs) < 2:  # noqa: PLR2004 - batch norm has a variance of two
        raise UsageError("try_fix takes at least two examples to train on, and two to test on")
    classes = _labels(np.concatenate([labels for _, labels in pairs]))
    task = _squared if classes is None else CLASSIFICATION
    device = _device(model.model)
    examples = [
        _examples(rows, labels if classes is None else classes(labels), device)
        for rows, labels in pairs
    ]
    settings = TrainingSettings(epochs, min(size, len(examples[0])), learning_rate)
    ends = _last_activation(model.capture(inputs[:2]).eval)
    return _Training(task, (examples[0], examples[1]), settings, ends)


def _read(model: Model, batches: Iterable[object]) -> tuple[tuple[Any, Any], int]:
    """Inputs and targets of all batches as arrays, and the size of the first."""
    inputs: list[Any] = []
    targets: list[Any] = []
    size = count = 0
    for batch in model.reading(model.batches_of(batches)):
        args, kwargs = batch.arguments
        if len(args) != 1 or kwargs or not hasattr(args[0], "shape"):
            raise UsageError("try_fix takes batches of one input, such as (images, labels)")
        if batch.targets is None or not hasattr(batch.targets, "shape"):
            raise UsageError("try_fix takes batches with targets: (inputs, targets)")
        inputs.append(_array(args[0]))
        targets.append(_array(batch.targets))
        size, count = size or batch.size, count + batch.size
        if count >= _MOST_EXAMPLES:
            break
    return (np.concatenate(inputs), np.concatenate(targets)), size


def _array(values: Any) -> Any:  # noqa: ANN401 - of either framework
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _labels(targets: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - an array
    """What makes class numbers of targets; None where they are values."""
    if targets.dtype.kind in "iub":
        return lambda given: _flat(given).astype(np.int64)
    if targets.ndim > 1 and targets.shape[1] > 1:
        hot = np.isin(targets, (0, 1)).all() and (targets.sum(1) == 1).all()
        return (lambda given: given.argmax(1)) if hot else None
    both = np.isin(targets, (0, 1)).all()
    return (lambda given: _flat(given).astype(np.int64)) if both else None


def _flat(targets: Any) -> Any:  # noqa: ANN401 - an array
    """Without an axis of one number for each example."""
    return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets  # noqa: PLR2004 - (N, 1)


def _examples(inputs: Any, targets: Any, device: torch.device) -> Examples:  # noqa: ANN401 - arrays
    given = torch.from_numpy(np.ascontiguousarray(inputs))
    if given.ndim == 4:  # noqa: PLR2004 - images, which `Examples` keeps with channels last
        given = given.permute(0, 2, 3, 1).contiguous()
    return Examples(given.to(device), torch.from_numpy(np.ascontiguousarray(targets)).to(device))


def _device(model: Any) -> torch.device:  # noqa: ANN401 - a torch module
    return next((each.device for each in model.parameters()), torch.device("cpu"))


def _squared_error(outputs: Tensor, _: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
    each = functional.mse_loss(
        outputs.float().reshape(targets.shape), targets.float(), reduction="none"
    ).reshape(len(targets), -1)
    mean = each.mean(1)
    return mean.sum() if reduction == "sum" else mean.mean()


_squared = Task("predicts values", "regression", _squared_error)
_LOSSES: Mapping[str, str] = {CLASSIFICATION.name: "cross-entropy", _squared.name: "squared error"}


def _last_activation(graph: Graph) -> str:
    """`"softmax"` or `"sigmoid"` where a model ends in one."""
    node = graph[graph.outputs[0]]
    while node.kind in {Kind.RESHAPE, Kind.NOISE} and len(node.inputs) == 1:
        node = graph.sources(node)[0]
    details = node.details
    name = details.name if isinstance(details, Activation) else ""
    return name if name in {"softmax", "sigmoid"} else ""


def _fitted(
    plan: _Training, networks: Iterable[nn.Module], seeds: int, seconds: float
) -> _Training:
    """As much of a plan as there is time for."""
    step = sum(_step_seconds(plan, network) for network in networks) * _PASSES_OF_A_LOOK
    size = plan.settings.batch_size
    steps = math.floor(seconds / seeds / step)
    if steps < _FEWEST_STEPS:
        raise UsageError(
            f"a training step of both models takes {step:.1f} s: {seeds} seeds do not fit into "
            f"{seconds / 60 / _PLANNED:.3g} minutes, even with {_FEWEST_STEPS} steps each"
        )
    train, test = plan.examples
    per_epoch = train.batch_count(size)
    if steps < per_epoch:
        share = steps / per_epoch
        kept = max(2, int(len(test) * share))
        fewer = train.first(steps * size), test.first(max(kept, min(len(test), size)))
        return replace(plan, examples=fewer, settings=replace(plan.settings, epochs=1))
    epochs = min(plan.settings.epochs, steps // per_epoch)
    return replace(plan, settings=replace(plan.settings, epochs=epochs))


def _step_seconds(plan: _Training, network: nn.Module) -> float:
    """What a training step takes; the first one, which makes everything ready, is not counted."""
    few = plan.examples[0].first((_TIMED_STEPS + 1) * plan.settings.batch_size)
    test = plan.examples[1].first(plan.settings.batch_size)
    settings = replace(plan.settings, epochs=1)
    times: list[float] = []
    loop = TrainingLoop(plan.task, few, test, settings, 0)
    next(loop.epochs(network, lambda _: times.append(time.perf_counter())))
    return min((after - before for before, after in pairwise(times)), default=0.01)


def _trained(
    plan: _Training, network: nn.Module, seed: int, progress: Callable[[float], None]
) -> _End:
    """Train one network."""
    try:
        *_, last = plan.loop(seed).epochs(network, progress)
    except Diverged:
        return _End(math.nan, None)
    return _End(last.test_loss, last.test_accuracy)


def _share(
    progress: Watched | None, done: int, total: int, plan: _Training
) -> Callable[[float], None]:
    """What passes on how far one training is, in epochs of all of them."""
    if progress is None:
        return lambda _: None
    epochs = plan.settings.epochs
    return lambda passed: progress(
        f"trying the repair, seed {done // 2 + 1}", done * epochs + int(passed), total * epochs
    )


def _proof(plan: _Training, found: list[tuple[_End, _End]]) -> Proof:
    before = tuple(each.loss for each, _ in found)
    after = tuple(each.loss for _, each in found)
    tested = planned_test(np.array(before) - np.array(after), LEVEL)
    right = [(was.accuracy, now.accuracy) for was, now in found]
    known = [(was, now) for was, now in right if was is not None and now is not None]
    return Proof(
        _LOSSES[plan.task.name],
        before,
        after,
        tuple(was for was, _ in known),
        tuple(now for _, now in known),
        tested.p,
        None if tested.interval is None else (tested.interval.low, tested.interval.high),
        tested.detectable,
        plan.words,
    )
