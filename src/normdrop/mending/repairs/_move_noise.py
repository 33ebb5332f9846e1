"""Noise that feeds a norm: moved, or replaced by noise that the norm hardly notices."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from normdrop.errors import CaptureError
from normdrop.lint.rules import ModelMend
from normdrop.mending.harm import HARMS
from normdrop.mending.repairs._candidates import Candidate, Refusal
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._places import Move
from normdrop.mending.repairs._snapshot import Snapshot, worse
from normdrop.mending.repairs._uniform import UNWARNED, cap, largest_beta, rate_of, with_betas

_LEAST_BETA = 0.01
_OWN = frozenset({ModelMend.MOVE_NOISE, ModelMend.FOLD_BIAS})
"""What mends the findings that a move may bring about: noise elsewhere, and a bias it uncovers."""


@dataclass
class Moved:
    """What became of the noise.

    Attributes:
        changes: What was done.
        refused: What could not be done.
        sentences: What is worth knowing about it.
        now: The model as it is now.
        taken: Which move became of each layer, by path.
    """

    changes: list[Change]
    refused: list[Refusal]
    sentences: list[str]
    now: Snapshot
    taken: Mapping[str, Move]


def move_noise(editor: Editor, before: Snapshot, waiting: Sequence[Candidate]) -> Moved:
    """Give each noise layer the first of its options that leaves no finding.

    All are changed at once and judged together; an option that leaves an error or a warning, or
    takes the shift of any norm layer farther from 1, gives way to the layer's next one.
    """
    refused: list[Refusal] = []
    waiting = list(waiting)
    while waiting:
        mark = editor.journal.mark()
        placed = {candidate.path: _realise(editor, candidate) for candidate in waiting}
        failed, now = _judged(editor, before, waiting, placed)
        if now is None:
            editor.journal.back_to(mark)
            failed = _culprits(editor, failed)
        if now is not None and not failed:
            waiting.sort(key=lambda each: each.node.id)
            changes = [_change(editor, before, now, each, placed[each.path]) for each in waiting]
            sentences = list(_sentences(before, now, waiting, placed))
            taken = {each.path: each.options[0].move for each in waiting}
            return Moved(changes, refused, sentences, now, taken)
        editor.journal.back_to(mark)
        for candidate, reason in failed:
            candidate.tried[candidate.options.pop(0).move] = reason
            if not candidate.options:
                waiting.remove(candidate)
                refused.append(Refusal(candidate.finding, reason))
    return Moved([], refused, [], before, {})


def _realise(editor: Editor, candidate: Candidate) -> object:
    """Change the model by a candidate's first option; the layer that draws now."""
    option = candidate.options[0]
    if option.move == "uniform":
        return editor.to_uniform(candidate.layer, candidate.node)
    if option.edge is None:
        return editor.to_weaker(candidate.layer)
    editor.move(candidate.layer, option.edge)
    return candidate.layer


def _culprits(editor: Editor, failed: list[tuple[Candidate, str]]) -> list[tuple[Candidate, str]]:
    """Of the changes with which the model does not run, those with which it does not alone."""
    found = []
    for candidate, _ in failed:
        mark = editor.journal.mark()
        _realise(editor, candidate)
        try:
            editor.snapshot()
        except CaptureError as error:
            found.append((candidate, f"the model does not run with the change: {error}"))
        editor.journal.back_to(mark)
    return found or failed


def _judged(
    editor: Editor, before: Snapshot, waiting: Sequence[Candidate], placed: Mapping[str, object]
) -> tuple[list[tuple[Candidate, str]], Snapshot | None]:
    """The candidates whose option fails, and why; and the model as it is then if it runs."""
    try:
        now = _tuned(editor, editor.snapshot(), waiting, placed)
    except CaptureError as error:
        return [
            (each, f"the model does not run with the change: {error}") for each in waiting
        ], None
    failed: dict[str, tuple[Candidate, str]] = {}
    for candidate in waiting:
        reason = _fault(before, now, candidate, placed[candidate.path])
        if reason:
            failed[candidate.path] = candidate, reason
    for candidate, reason in _spoiled(before, now, waiting, placed):
        failed.setdefault(candidate.path, (candidate, reason))
    return list(failed.values()), now


def _tuned(
    editor: Editor, now: Snapshot, waiting: Sequence[Candidate], placed: Mapping[str, object]
) -> Snapshot:
    """Give uniform noise the half-width, and lowered dropout the rate, that the norms bear."""
    now = _lowered(editor, now, waiting, placed)
    uniform = {
        now.names[id(layer)]: (layer, candidate)
        for candidate in waiting
        if candidate.options[0].move == "uniform"
        and id(layer := placed[candidate.path]) in now.names
    }
    caps = {path: cap(each.node.noise) for path, (_, each) in uniform.items() if each.node.noise}
    if not caps:
        return now
    beta = largest_beta(now.captured, caps)
    betas = {path: min(beta, math.floor(most * 1000) / 1000) for path, most in caps.items()}
    for path, (layer, _) in uniform.items():
        editor.set_beta(layer, betas[path])
    # What would be seen of the model anew, without running it once more.
    return replace(now, captured=with_betas(now.captured, betas))


def _lowered(
    editor: Editor, now: Snapshot, waiting: Sequence[Candidate], placed: Mapping[str, object]
) -> Snapshot:
    """The model with lowered dropout at its rate, and removed dropout at 0."""
    weaker = {
        now.names[id(layer)]: (layer, candidate)
        for candidate in waiting
        if candidate.options[0].move in {"lower", "remove"}
        and id(layer := placed[candidate.path]) in now.names
    }
    if not weaker:
        return now
    caps = {
        path: cap(each.node.noise)
        for path, (_, each) in weaker.items()
        if each.node.noise and each.options[0].move == "lower"
    }
    beta = largest_beta(now.captured, caps, UNWARNED) if caps else 0.0
    for path, (layer, _) in weaker.items():
        editor.set_rate(layer, rate_of(min(beta, caps.get(path, 0.0))))
    return editor.snapshot()


def _fault(before: Snapshot, now: Snapshot, candidate: Candidate, layer: object) -> str:
    """What is wrong with where a noise layer is now; empty if nothing."""
    path = now.names.get(id(layer))
    if path is None or not now.nodes(path):
        return "the model does not call the dropout where it was put"
    if path != candidate.path and now.nodes(candidate.path):
        drawn = any(each.noise and each.noise.active for each in now.nodes(candidate.path))
        if drawn:
            return "the model keeps calling the dropout that was taken out"
    harm = now.harms(path) - before.harms(candidate.path)
    if harm:
        return HARMS[min(harm)]
    return _unborne(now, candidate, path)


def _unborne(now: Snapshot, candidate: Candidate, path: str) -> str:
    """What noise would still do to norms, that keeps it from standing at a path."""
    noise = now.nodes(path)[0].noise
    if candidate.options[0].move == "uniform" and noise and noise.spread < _LEAST_BETA:
        return f"not even uniform noise of half-width {_LEAST_BETA} is borne there"
    left = [each for each in now.of(ModelMend.MOVE_NOISE) if each.layers[:1] == (path,)]
    loud = next((each for each in left if each.severity != "note"), None)
    if loud is not None and loud.shift is not None and not candidate.requested:
        return f"a shift of {loud.shift:.3g} would stay"
    return ""


def _spoiled(
    before: Snapshot, now: Snapshot, waiting: Sequence[Candidate], placed: Mapping[str, object]
) -> Iterator[tuple[Candidate, str]]:
    """The candidates that make anything worse than it was."""
    paths = {now.names.get(id(placed[each.path])): each for each in waiting}
    for norm, shift in now.shifts.items():
        if worse(before, now, norm):
            causes = [paths[cause] for cause in shift.causes if cause in paths]
            moved = [each for each in causes if each.options[0].edge is not None]
            was = before.shifts[norm].shift
            reason = f"the shift at {norm} would go from {was:.3g} to {shift.shift:.3g}"
            # What the user insists on has its price; uniform noise is the last to blame.
            yield from _blamed(moved or causes or waiting, reason)
    known = {(each.code, each.layers[:1]) for each in before.findings}
    for finding in now.findings:
        if finding.severity == "note" or now.mends.get(finding.code) in _OWN:
            continue
        if (finding.code, finding.layers[:1]) not in known:
            involved = [paths[layer] for layer in finding.layers if layer in paths]
            yield from _blamed(involved or waiting, f"{finding.code} would be found")


def _blamed(blamed: Iterable[Candidate], reason: str) -> Iterator[tuple[Candidate, str]]:
    for candidate in blamed:
        if not candidate.requested:
            yield candidate, reason


def spoils(before: Snapshot, now: Snapshot) -> str:
    """What is worse than it was, whatever was changed; empty if nothing is."""
    for norm, shift in now.shifts.items():
        if worse(before, now, norm):
            return (
                f"the shift at {norm} would go from {before.shifts[norm].shift:.3g} to "
                f"{shift.shift:.3g}"
            )
    known = Counter(each.code for each in before.findings if each.severity != "note")
    found = Counter(each.code for each in now.findings if each.severity != "note")
    grown = [code for code in found - known if now.mends.get(code) is not ModelMend.FOLD_BIAS]
    if grown:
        return f"{grown[0]} would be found"
    did, does = before.harmed, now.harmed
    more = next((harm for harm in HARMS if does[harm] > did[harm]), None)
    return HARMS[more] if more else ""


def _change(
    editor: Editor, before: Snapshot, now: Snapshot, candidate: Candidate, layer: object
) -> Change:
    """What was done, in words."""
    option = candidate.options[0]
    was = _described(candidate)
    norm = candidate.finding.layers[1] if len(candidate.finding.layers) > 1 else ""
    if option.edge is None:
        what = f"{was} replaced by {editor.words(layer)}"
    else:
        what = f"{was} moved {option.words}"
    return Change(
        candidate.finding.code,
        candidate.path,
        what,
        now.names[id(layer)],
        norm,
        before.shifts[norm].shift if norm in before.shifts else None,
        now.shifts[norm].shift if norm in now.shifts else None,
    )


def _described(candidate: Candidate) -> str:
    name = type(candidate.layer).__name__
    noise = candidate.node.noise
    rate = noise.rate if noise is not None else 0.0
    return f"{name}({rate:.3g})" if rate > 0 else name


def _sentences(
    before: Snapshot, now: Snapshot, waiting: Sequence[Candidate], placed: Mapping[str, object]
) -> Iterator[str]:
    """What stays behind a move, and why a better-known one was given up."""
    for candidate in waiting:
        move, path = candidate.options[0].move, now.names[id(placed[candidate.path])]
        left = [each for each in now.of(ModelMend.MOVE_NOISE) if each.layers[:1] == (path,)]
        if move == "branch" and left and left[0].shift is not None:
            yield (
                f"{path} still reaches {left[0].layers[1]} through the addition or concatenation "
                f"after its branch: its share of the shift there stays at {left[0].shift:.3g}."
            )
        for tried, reason in candidate.tried.items():
            yield (
                f"{candidate.path}: not moved to the {tried}, since {reason}; move={tried!r} "
                "insists."
            )
    grown = [norm for norm in now.shifts if worse(before, now, norm)]
    if grown and any(candidate.requested for candidate in waiting):
        yield f"As asked, and against advice: the shift grows at {', '.join(grown)}."
