"""Noise that feeds a norm: moved, or replaced by noise that the norm hardly notices."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from normdrop.errors import CaptureError
from normdrop.repairs import Change
from normdrop.severity import severity
from normdrop.torch.layers import UniformDropout
from normdrop.torch.rewrite._candidates import Candidate, Refusal
from normdrop.torch.rewrite._insert import put
from normdrop.torch.rewrite._journal import Journal
from normdrop.torch.rewrite._look import Look
from normdrop.torch.rewrite._uniform import cap, largest_beta

CODE = "ND101"
_LEAST_BETA = 0.01
_SAME = 0.002
"""Logarithms of shifts that differ by less are the same."""
_OWN = {CODE, "ND201"}
"""Findings that a move may bring about: noise elsewhere, and a bias it uncovers."""


@dataclass
class Moved:
    """What became of the noise.

    Attributes:
        changes: What was done.
        refused: What could not be done.
        sentences: What is worth knowing about it.
        now: A look at the model as it is now.
    """

    changes: list[Change]
    refused: list[Refusal]
    sentences: list[str]
    now: Look


def move_noise(
    model: nn.Module,
    before: Look,
    waiting: Sequence[Candidate],
    journal: Journal,
    look: Callable[[], Look],
) -> Moved:
    """Give each noise layer the first of its options that leaves no finding.

    All are changed at once and looked at together; an option that leaves an error or a warning, or
    takes the shift of any norm layer farther from 1, gives way to the layer's next one.
    """
    refused: list[Refusal] = []
    waiting = list(waiting)
    while waiting:
        mark = journal.mark()
        placed = {candidate.layer: _realise(model, journal, candidate) for candidate in waiting}
        failed, now = _judged(before, waiting, placed, look)
        if now is None:
            journal.back_to(mark)
            failed = _culprits(model, journal, failed, look)
        if now is not None and not failed:
            waiting.sort(key=lambda each: each.node.id)
            changes = [_change(before, now, each, placed[each.layer]) for each in waiting]
            return Moved(changes, refused, list(_sentences(before, now, waiting, placed)), now)
        journal.back_to(mark)
        for candidate, reason in failed:
            candidate.tried[candidate.options.pop(0).move] = reason
            if not candidate.options:
                waiting.remove(candidate)
                refused.append(Refusal(candidate.finding, reason))
    return Moved([], refused, [], before)


def _realise(model: nn.Module, journal: Journal, candidate: Candidate) -> nn.Module:
    """Change the model by a candidate's first option; the module that draws now."""
    option, module, noise = candidate.options[0], candidate.module, candidate.node.noise
    if option.spot is None:
        assert noise is not None  # noqa: S101 - a candidate is a noise layer
        uniform = UniformDropout(0.1, along=noise.along.value)  # type: ignore[arg-type] # a module drops no blocks
        journal.replace(model, module, uniform)
        return uniform
    journal.replace(model, module, nn.Identity())
    put(journal, model, module, option.spot)
    return module


def _culprits(
    model: nn.Module,
    journal: Journal,
    failed: list[tuple[Candidate, str]],
    look: Callable[[], Look],
) -> list[tuple[Candidate, str]]:
    """Of the changes with which the model does not run, those with which it does not alone."""
    found = []
    for candidate, _ in failed:
        mark = journal.mark()
        _realise(model, journal, candidate)
        try:
            look()
        except CaptureError as error:
            found.append((candidate, f"the model does not run with the change: {error}"))
        journal.back_to(mark)
    return found or failed


def _judged(
    before: Look,
    waiting: Sequence[Candidate],
    placed: dict[str, nn.Module],
    look: Callable[[], Look],
) -> tuple[list[tuple[Candidate, str]], Look | None]:
    """The candidates whose option fails, and why; and the look at the model if it runs."""
    try:
        now = _tuned(look(), waiting, placed, look)
    except CaptureError as error:
        return [
            (each, f"the model does not run with the change: {error}") for each in waiting
        ], None
    failed: dict[str, tuple[Candidate, str]] = {}
    for candidate in waiting:
        reason = _fault(now, candidate, placed[candidate.layer])
        if reason:
            failed[candidate.layer] = candidate, reason
    for candidate, reason in _spoiled(before, now, waiting, placed):
        failed.setdefault(candidate.layer, (candidate, reason))
    return list(failed.values()), now


def _tuned(
    now: Look,
    waiting: Sequence[Candidate],
    placed: dict[str, nn.Module],
    look: Callable[[], Look],
) -> Look:
    """Give uniform noise the half-width that the norm layers bear."""
    uniform = {
        now.names[id(module)]: (module, candidate)
        for candidate in waiting
        if isinstance(module := placed[candidate.layer], UniformDropout)
        and candidate.options[0].move == "uniform"
        and id(module) in now.names
    }
    caps = {path: cap(each.node.noise) for path, (_, each) in uniform.items() if each.node.noise}
    if not caps:
        return now
    beta = largest_beta(now.captured, caps)
    for path, (module, _) in uniform.items():
        module.beta = min(beta, math.floor(caps[path] * 1000) / 1000)
    return look()


def _fault(now: Look, candidate: Candidate, module: nn.Module) -> str:
    """What is wrong with where a noise layer is now; empty if nothing."""
    path = now.names.get(id(module))
    if path is None or not now.nodes(path):
        return "the model does not call the dropout where it was put"
    if path != candidate.layer and now.nodes(candidate.layer):
        drawn = any(each.noise and each.noise.active for each in now.nodes(candidate.layer))
        if drawn:
            return "the model keeps calling the dropout that was taken out"
    if isinstance(module, UniformDropout) and module.beta < _LEAST_BETA:
        return f"not even uniform noise of half-width {_LEAST_BETA} is borne there"
    left = [each for each in now.of(CODE) if each.layers[:1] == (path,)]
    shift = next((each.shift for each in left if each.shift is not None), None)
    if shift is not None and not candidate.wished and severity(shift) != "note":
        return f"a shift of {shift:.3g} would stay"
    return ""


def _spoiled(
    before: Look, now: Look, waiting: Sequence[Candidate], placed: dict[str, nn.Module]
) -> Iterator[tuple[Candidate, str]]:
    """The candidates that make anything worse than it was."""
    paths = {now.names.get(id(placed[each.layer])): each for each in waiting}
    for norm, shift in now.shifts.items():
        if worse(before, now, norm):
            causes = [paths[cause] for cause in shift.causes if cause in paths]
            moved = [each for each in causes if each.options[0].move != "uniform"]
            was = before.shifts[norm].shift
            reason = f"the shift at {norm} would go from {was:.3g} to {shift.shift:.3g}"
            # What the user insists on has its price; uniform noise is the last to blame.
            yield from _blamed(moved or causes or waiting, reason)
    known = {(each.code, each.layers[:1]) for each in before.findings}
    for finding in now.findings:
        if finding.severity == "note" or finding.code in _OWN:
            continue
        if (finding.code, finding.layers[:1]) not in known:
            involved = [paths[layer] for layer in finding.layers if layer in paths]
            yield from _blamed(involved or waiting, f"{finding.code} would be found")


def _blamed(blamed: Iterable[Candidate], reason: str) -> Iterator[tuple[Candidate, str]]:
    for candidate in blamed:
        if not candidate.wished:
            yield candidate, reason


def worse(before: Look, now: Look, norm: str) -> bool:
    """Whether a norm layer's expected shift is farther from 1 than it was."""
    was = before.shifts.get(norm)
    if was is None or not was.shift > 0:
        return False
    after = now.shifts[norm].shift
    return not after > 0 or abs(math.log(after)) > abs(math.log(was.shift)) + _SAME


def _change(before: Look, now: Look, candidate: Candidate, module: nn.Module) -> Change:
    """What was done, in words."""
    option = candidate.options[0]
    was = _described(candidate)
    norm = candidate.finding.layers[1] if len(candidate.finding.layers) > 1 else ""
    if isinstance(module, UniformDropout) and option.move == "uniform":
        what = f"{was} replaced by {module}"
    else:
        what = f"{was} moved {option.words}"
    return Change(
        CODE,
        candidate.layer,
        what,
        now.names[id(module)],
        norm,
        before.shifts[norm].shift if norm in before.shifts else None,
        now.shifts[norm].shift if norm in now.shifts else None,
    )


def _described(candidate: Candidate) -> str:
    name = type(candidate.module).__name__
    noise = candidate.node.noise
    rate = noise.rate if noise is not None else 0.0
    return f"{name}({rate:.3g})" if rate > 0 else name


def _sentences(
    before: Look, now: Look, waiting: Sequence[Candidate], placed: dict[str, nn.Module]
) -> Iterator[str]:
    """What stays behind a move, and why a better-known one was given up."""
    for candidate in waiting:
        move, path = candidate.options[0].move, now.names[id(placed[candidate.layer])]
        left = [each for each in now.of(CODE) if each.layers[:1] == (path,)]
        if move == "branch" and left and left[0].shift is not None:
            yield (
                f"{path} still reaches {left[0].layers[1]} through the addition or concatenation "
                f"after its branch: its share of the shift there stays at {left[0].shift:.3g}."
            )
        for tried, reason in candidate.tried.items():
            yield (
                f"{candidate.layer}: not moved to the {tried}, since {reason}; move={tried!r} "
                "insists."
            )
    grown = [norm for norm in now.shifts if worse(before, now, norm)]
    if grown:
        yield f"As asked, and against advice: the shift grows at {', '.join(grown)}."
