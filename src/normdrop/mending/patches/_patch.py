"""A patch of one file: every edit is checked before it is offered."""

import ast
import difflib
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from normdrop.lint.rules import Rule, SourceMend, Suppression, check_source, comments, suppress
from normdrop.lint.source import Text
from normdrop.mending.harm import HARMS
from normdrop.mending.patches import _arguments, _calls, _flow, _layer_lists
from normdrop.mending.patches._moves import Layout, Row
from normdrop.mending.patches._script import Edit, Edited, Mending, Script
from normdrop.mending.patches._weaker_noise import Weaker
from normdrop.mending.repairs import KEPT, MOVES, UNWARNED, Move, Outlook
from normdrop.values.findings import Finding

_MOST_OPTIONS = 200
_MOST_TRIES = 6
_MOST_ROUNDS = 12
_RANK = {"error": 0, "warning": 1, "note": 2}
_NO_PLACE = "nothing here is behind all norms and before a weight with no other dropout between"
_Patcher = Callable[[Script, Finding], Iterator[Mending]]


def _as_options(edit: Callable[[Script, Finding], Iterator[list[Edit]]]) -> _Patcher:
    """What yields edits that move nothing, as what yields options."""
    return lambda script, finding: map(Mending, edit(script, finding))


def _later(script: Script, finding: Finding) -> Iterator[Mending]:
    """The layer goes behind later ones, wherever the layers are listed."""
    yield from _layer_lists.later(script, finding)
    yield from _flow.along_statements(script, finding)
    yield from _flow.along_flow(script, finding)


# What yields the edits that may mend a finding, the preferred one first.
_PATCHERS: dict[SourceMend, _Patcher] = {
    SourceMend.MOVE_LATER: _later,
    SourceMend.MOVE_EARLIER: _layer_lists.earlier,
    SourceMend.PLAIN_DROPOUT: _as_options(_arguments.plain_dropout),
    SourceMend.LEAVE_OUT_BIAS: _as_options(_arguments.leave_out_bias),
    SourceMend.LEAVE_OUT_ARGUMENT: _as_options(_arguments.leave_out_argument),
    SourceMend.TURN_MOMENTUM: _as_options(_arguments.turn_momentum),
    SourceMend.RENAME_ARGUMENT: _as_options(_arguments.rename_argument),
    SourceMend.HAND_ON_MODE: _as_options(_arguments.hand_on_mode),
    SourceMend.MAKE_IN_CONSTRUCTOR: _as_options(_calls.make_in_constructor),
    SourceMend.USE_OUTPUT: _as_options(_calls.use_output),
    SourceMend.MULTIPLY_NOISE: _as_options(_calls.noise_as_factor),
    SourceMend.ASK_FOR_MODE: _as_options(_calls.ask_for_mode),
}
_MOVES = frozenset({SourceMend.MOVE_LATER, SourceMend.MOVE_EARLIER})
"""They move calls, and neither add nor lose any."""
_WEAKENS = frozenset[Move]({"lower", "uniform", "remove"})
"""They leave dropout where it is, or take it out."""
_CHANGES_KEYS = frozenset({SourceMend.LEAVE_OUT_BIAS, SourceMend.LEAVE_OUT_ARGUMENT})
"""They may change the keys of a state dict even where they keep outputs."""


@dataclass(frozen=True, slots=True)
class LeftFinding:
    """A finding that a patch leaves, and why.

    Attributes:
        finding: What was found, where it stands once the file is written.
        reason: Why it is left, or what to do.
        flag: The option that would mend it; empty if none would.
        unwritten: The finding where it stands as long as the file is not written; None for one that
            an edit of another has brought to light.
    """

    finding: Finding
    reason: str
    flag: str = ""
    unwritten: Finding | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """The edits of one file.

    Attributes:
        path: The file.
        before: Its text, with the line ends it has.
        after: Its text once edited.
        mended: The findings that are gone.
        left: Those that are not.
        options: All that could become of dropout that feeds a norm, if that was asked for.
    """

    path: str
    before: str
    after: str
    mended: tuple[Finding, ...] = ()
    left: tuple[LeftFinding, ...] = ()
    options: tuple[Outlook, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    @property
    def is_complete(self) -> bool:
        """Whether neither an error nor a warning is left."""
        return all(each.finding.severity == "note" for each in self.left)

    def diff(self) -> str:
        """What changes, as `patch` reads it."""
        lines = difflib.unified_diff(
            lines_of(self.before), lines_of(self.after), self.path, self.path
        )
        unended = "\n\\ No newline at end of file\n"
        return "".join(line if line.endswith("\n") else line + unended for line in lines)


def lines_of(text: str) -> list[str]:
    r"""Lines as `patch` and `git apply` count them: only a line feed ends one.

    Python's own `splitlines` ends them at form feeds and other separators too, where a patch would
    be torn.

    >>> lines_of("a\n\x0c\nb")
    ['a\n', '\x0c\n', 'b']
    """
    return io.StringIO(text, newline="\n").readlines()


def patch_text(
    path: str,
    code: str,
    rules: Sequence[Rule],
    *,
    unsafe: bool = False,
    remove_bias: bool = False,
    suppressions: Sequence[Suppression] = (),
    prefer: Sequence[Move] = (),
    weigh: bool = False,
) -> Patch:
    r"""Mend what rules find in Python source, as far as an edit does so.

    An edit is kept only if the text still parses, the finding is gone, and no rule finds more than
    before. What changes outputs, or the keys of a state dict, waits for `unsafe`.

    Args:
        path: The file's path, for locations.
        code: Its text.
        rules: The rules whose findings are mended, which also judge each edit.
        unsafe: Whether edits that change what the model computes are made.
        remove_bias: Whether cancelled biases are removed; `unsafe` does so too.
        suppressions: Accepted findings, beside those that comments in the file accept.
        prefer: What becomes of dropout that feeds a norm, the first of these that does no harm
            before all; by default it moves, or is left where there is no place.
        weigh: Whether to say what else could become of it.

    Raises:
        SyntaxError: It is not Python.

    >>> from normdrop.lint.rules import selected
    >>> code = "from keras.layers import Dropout\nlayer = Dropout(p=0.5)\n"
    >>> print(patch_text("net.py", code, selected()).after, end="")
    from keras.layers import Dropout
    layer = Dropout(rate=0.5)
    """
    return _Patching(Script(path, code.encode()), rules, suppressions, prefer).run(
        unsafe=unsafe, remove_bias=remove_bias or unsafe, weigh=weigh
    )


@dataclass
class _Pending:
    """A finding that is being mended.

    Attributes:
        finding: What was found.
        options: What may mend it and was not tried yet, the preferred first.
        option: What is tried now.
        reason: Why the last option was given up.
    """

    finding: Finding
    options: Iterator[Mending]
    option: Mending | None = None
    reason: str = ""

    def advance(self, reason: str = "") -> bool:
        """Go on to the next option; whether there is one."""
        self.reason = reason or self.reason
        self.option = next(self.options, None)
        return self.option is not None


class _State:
    """A text, what is found in it, and where each finding stood in the text as it was at first."""

    def __init__(self, script: Script, found: list[Finding], firsts: list[Finding | None]) -> None:
        self.script = script
        self.found = found
        self.firsts = firsts

    @cached_property
    def layout(self) -> Layout:
        """The models it describes."""
        return Layout(self.script)

    @cached_property
    def calls(self) -> Counter[str]:
        """What it calls, how often."""
        return Counter(ast.unparse(call.node.func) for call in self.script.source.calls)

    def first(self, finding: Finding) -> Finding | None:
        """Where a finding stood at first."""
        return next(
            (first for each, first in zip(self.found, self.firsts, strict=True) if each is finding),
            None,
        )


class _Patching:
    """The edits of one text: those of all findings are made together, and judged together."""

    def __init__(
        self,
        script: Script,
        rules: Sequence[Rule],
        suppressions: Sequence[Suppression],
        prefer: Sequence[Move],
    ) -> None:
        self._rules = rules
        self._prefer = prefer
        self._taken: dict[int, Move] = {}
        self._by_code = {rule.code: rule for rule in rules}
        self._suppressions = suppressions
        found = self._findings(script)
        self._start = _State(script, found, list(found))

    def run(self, *, unsafe: bool, remove_bias: bool, weigh: bool) -> Patch:
        def is_allowed(finding: Finding) -> bool:
            bias = remove_bias and self._is_bias(finding)
            return unsafe or bias or self._is_safe(finding)

        state, mended, left = self._all_mended(self._start, is_allowed, with_bias=remove_bias)
        options = tuple(self._weighed()) if weigh else ()
        _, offered, _ = self._all_mended(state, lambda each: not is_allowed(each), with_bias=True)
        flags = {id(each): self._flag(each) for each in offered}
        now = tuple(
            LeftFinding(
                each,
                self._reason(state, each, left.get(id(first), "")),
                flags.get(id(first), ""),
                first,
            )
            for each, first in zip(state.found, state.firsts, strict=True)
        )
        before, after = self._start.script.code.decode(), state.script.code.decode()
        return Patch(self._start.script.path, before, after, tuple(mended), now, options)

    def _weighed(self) -> Iterator[Outlook]:
        """All that could become of dropout that feeds a norm, in the text as it was at first."""
        layout, script = self._start.layout, self._start.script
        for finding in self._start.found:
            weaker = layout.weaker(finding) if self._is_by_place(finding) else None
            if weaker is None:
                continue
            place, taken = str(finding.location), self._taken.get(id(finding), "keep")
            yield Outlook(place, "keep", MOVES["keep"], finding.shift, 1.0, "", taken == "keep")
            later = islice(_later(script, finding), _MOST_OPTIONS)
            for option, _ in islice(layout.ranked(finding.location, later, set()), 1):
                move, stop = option.move or "head", option.behind or (0, 0)
                line = bisect_right(script.lines, stop[0])
                shift = 1.0 if move == "head" else None
                yield Outlook(
                    place, move, f"moved to behind line {line}", shift, 1.0, "", taken == move
                )
            for move, what, kept in (
                ("lower", f"rate {weaker.rate:.3g}", UNWARNED),
                ("uniform", f"UniformDropout({weaker.beta:.3g})", KEPT),
                ("remove", "taken out", 1.0),
            ):
                if any(True for _ in weaker.options(script, move)):
                    share = weaker.share(weaker.variance(kept))
                    yield Outlook(place, move, what, kept, share, "", taken == move)

    def _is_by_place(self, finding: Finding) -> bool:
        """Whether it is about dropout that feeds a norm."""
        rule = self._by_code[finding.code]
        return rule.by_cost and rule.source_mend is SourceMend.MOVE_LATER

    def _all_mended(
        self, state: _State, is_wanted: Callable[[Finding], bool], *, with_bias: bool
    ) -> tuple[_State, list[Finding], dict[int, str]]:
        """The text with all findings mended that can be, as they stood at first; see `_mended`.

        Those whose edits overlap take turns.
        """
        mended: list[Finding] = []
        left: dict[int, str] = {}
        tried: set[int] = set()
        while waiting := [
            (each, first)
            for each, first in zip(state.found, state.firsts, strict=True)
            if first is not None and id(first) not in tried and is_wanted(each)
        ]:
            firsts = {id(each): first for each, first in waiting}
            state, done, given_up = self._mended(
                state, [each for each, _ in waiting], with_bias=with_bias
            )
            self._taken |= {
                id(firsts[id(each)]): self._taken[id(each)]
                for each in done
                if id(each) in self._taken
            }
            mended += [firsts[id(each)] for each in done]
            left |= {id(firsts[id(each)]): reason for each, reason in given_up}
            tried |= {id(firsts[id(each)]) for each in (*done, *(each for each, _ in given_up))}
        return state, mended, left

    def _reason(self, state: _State, finding: Finding, tried: str) -> str:
        """Why a finding is left, and what to write."""
        what = finding.fix.what if finding.fix else "no remedy"
        if not self._by_code[finding.code].by_cost or self._mend(finding) not in _MOVES:
            return f"{tried}: {what}" if tried else what
        if finding.severity == "note":
            return "keep it: the norms behind it see little of it"
        if "keep" in self._prefer:
            return "kept as preferred: call normdrop.recalibrate after training"
        return f"{tried or _NO_PLACE}: {_by_hand(state.layout.weaker(finding))}"

    def _flag(self, finding: Finding) -> str:
        return "--remove-bias" if self._is_bias(finding) else "--unsafe"

    def _findings(self, script: Script) -> list[Finding]:
        found = check_source(script.source, self._rules)
        written = comments(script.path, Text(script.code).lines())
        return suppress(found, [*written, *self._suppressions])[0]

    def _is_bias(self, finding: Finding) -> bool:
        return self._mend(finding) is SourceMend.LEAVE_OUT_BIAS

    def _mend(self, finding: Finding) -> SourceMend | None:
        return self._by_code[finding.code].source_mend

    def _is_safe(self, finding: Finding) -> bool:
        """Whether its patch keeps outputs and the keys of a state dict."""
        keeps = finding.fix is not None and not finding.fix.changes_outputs
        return keeps and self._mend(finding) not in _CHANGES_KEYS

    def _pending(self, state: _State, waiting: list[Finding]) -> list[_Pending]:
        """The findings with their options; noise near the outputs chooses its place first."""
        taken: set[Row] = set()
        ranked = sorted(waiting, key=lambda each: -state.layout.depth(each.location))
        return [_Pending(each, self._options(state, each, taken)) for each in ranked]

    def _options(self, state: _State, finding: Finding, taken: set[Row]) -> Iterator[Mending]:
        """What may mend a finding, the preferred first."""
        mend = self._mend(finding)
        if mend is None or (self._by_code[finding.code].by_cost and finding.severity == "note"):
            return
        options = islice(_PATCHERS[mend](state.script, finding), _MOST_OPTIONS)
        if not self._is_by_place(finding):
            yield from islice(options, _MOST_TRIES)
            return
        weaker = state.layout.weaker(finding)
        moved = False
        for move in (*self._prefer, "head"):
            if move == "keep":
                return
            if move not in {"branch", "head"}:
                yield from weaker.options(state.script, move) if weaker is not None else ()
            elif not moved:
                moved = True
                ranked = state.layout.ranked(finding.location, options, taken)
                for option, rows in islice(ranked, _MOST_TRIES):
                    taken |= rows
                    yield option
                    taken -= rows

    def _mended(
        self, state: _State, waiting: list[Finding], *, with_bias: bool
    ) -> tuple[_State, list[Finding], list[tuple[Finding, str]]]:
        """The text with findings mended, those that are, and those that cannot be, with why.

        Findings that are neither wait for the edits of others, which theirs overlap.
        """
        pending = self._pending(state, waiting)
        open_ = [each for each in pending if each.advance()]
        for _ in range(_MOST_ROUNDS):
            chosen = _apart(open_)
            if not chosen:
                break
            edited, failed = self._judged(state, chosen, with_bias=with_bias)
            if edited is not None and not failed:
                given_up = [each for each in pending if each.option is None]
                self._taken |= {
                    id(each.finding): each.option.move
                    for each in chosen
                    if each.option is not None and each.option.move is not None
                }
                return (
                    edited,
                    [each.finding for each in chosen],
                    [(each.finding, each.reason) for each in given_up],
                )
            for each, reason in failed:
                if not each.advance(reason):
                    open_.remove(each)
        return state, [], [(each.finding, each.reason) for each in pending]

    def _judged(
        self, state: _State, chosen: list[_Pending], *, with_bias: bool
    ) -> tuple[_State | None, list[tuple[_Pending, str]]]:
        """The edited text, and the edits that do not do what they should, with why."""
        edits = [edit for each in chosen if each.option for edit in each.option.edits]
        try:
            script = state.script.edited(edits)
            found = self._findings(script)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None, self._culprits(state, chosen)
        trail = _Trail(state, script, found, Edited(edits), chosen)
        failed = {id(each): (each, why) for each in chosen if (why := self._fault(trail, each))}
        uncovered = []
        for finding in trail.new:
            blamed = trail.blamed(finding)
            if with_bias and self._is_bias(finding):
                uncovered.append(finding)
            else:
                failed |= {id(each): (each, f"{finding.code} would be found") for each in blamed}
        after = _State(script, found, trail.firsts)
        if failed or not uncovered:
            return after, list(failed.values())
        bare, done, _ = self._mended(after, uncovered, with_bias=False)
        for finding in [each for each in uncovered if not any(each is one for one in done)]:
            reason = f"{finding.code} would be found"
            failed |= {id(each): (each, reason) for each in trail.blamed(finding)}
        return bare, list(failed.values())

    def _culprits(self, state: _State, chosen: list[_Pending]) -> list[tuple[_Pending, str]]:
        """The edits that by themselves leave no Python; all, where only together they do."""
        reason = "the edit would leave no Python"
        found = []
        for each in chosen if len(chosen) > 1 else ():
            try:
                _ = state.script.edited(each.option.edits if each.option else ()).source
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                found.append((each, reason))
        return found or [(each, reason) for each in chosen]

    def _fault(self, trail: "_Trail", pending: _Pending) -> str:
        """Why an edit does not do what it should; empty if it does."""
        finding = pending.finding
        stays = trail.stays(pending)
        if stays is not None and _RANK[stays.severity] <= _RANK[finding.severity]:
            return "it would be found again where it would stand"
        weakens = pending.option is not None and pending.option.move in _WEAKENS
        if self._mend(finding) not in _MOVES or weakens:
            return ""
        if trail.calls_changed:
            return "the edit would lose or add a call"
        did = trail.before.layout.harms_within(trail.taken_from(pending))
        does = trail.after.harms_within(trail.put_to(pending))
        more = next((harm for harm in HARMS if does.get(harm, 0) > did.get(harm, 0)), None)
        return HARMS[more] if more else ""


class _Trail:
    """What became of findings when edits were made."""

    def __init__(
        self,
        before: _State,
        script: Script,
        found: list[Finding],
        edited: Edited,
        chosen: list[_Pending],
    ) -> None:
        self.before = before
        self._script = script
        self._found = found
        self._edited = edited
        self._chosen = chosen
        self._spans = {id(each): self.put_to(each) for each in chosen}
        self._stays: dict[int, Finding] = {}
        self.new: list[Finding] = []
        self.firsts: list[Finding | None] = []
        self._match()

    @cached_property
    def after(self) -> Layout:
        """The models of the edited text."""
        return Layout(self._script)

    @cached_property
    def calls_changed(self) -> bool:
        """Whether the edits together lose or add a call."""
        calls = Counter(ast.unparse(call.node.func) for call in self._script.source.calls)
        return calls != self.before.calls

    def put_to(self, pending: _Pending) -> list[tuple[int, int]]:
        """Where the text that an option puts in stands."""
        edits = pending.option.edits if pending.option else ()
        return [self._edited.span(edit) for edit in edits if edit.text]

    def taken_from(self, pending: _Pending) -> list[tuple[int, int]]:
        """Where the finding stood before."""
        place = pending.finding.location
        start = self.before.script.offset(place) if place else 0
        return [(start, start + 1)]

    def stays(self, pending: _Pending) -> Finding | None:
        """The finding as it is still there."""
        return self._stays.get(id(pending))

    def blamed(self, finding: Finding) -> list[_Pending]:
        """The edits that may have brought a finding about: those near it, or else all."""
        places = [place for place in (finding.location, *finding.related) if place is not None]
        offsets = {self._script.offset(each) for each in places if each.file == self._script.path}
        scopes = {self._scope(offset) for offset in offsets}
        near = [
            each
            for each in self._chosen
            if any(self._scope(start) in scopes for start, _ in self._spans[id(each)])
        ]
        return near or self._chosen

    def _match(self) -> None:
        """Find each finding of now among those of before."""
        known: dict[tuple[str, int], tuple[Finding, Finding | None]] = {}
        for each, first in zip(self.before.found, self.before.firsts, strict=True):
            now = self._position(each)
            if now is not None:
                known[each.code, now] = each, first
        pending = {id(each.finding): each for each in self._chosen}
        moved = {
            (each.code, id(by)): each
            for each in self.before.found
            for by in self._chosen
            if each.location == by.finding.location
        }
        for finding in self._found:
            offset = self._script.offset(finding.location) if finding.location else 0
            was, first = known.get((finding.code, offset), (None, None))
            if was is None:
                by = self._holder(offset)
                was = moved.get((finding.code, id(by))) if by is not None else None
                first = self.before.first(was) if was is not None else None
            if was is None:
                self.new.append(finding)
            elif id(was) in pending:
                self._stays[id(pending[id(was)])] = finding
            self.firsts.append(first)

    def _position(self, finding: Finding) -> int | None:
        if finding.location is None:
            return 0
        return self._edited.position(self.before.script.offset(finding.location))

    def _holder(self, offset: int) -> _Pending | None:
        """The option whose text stands at an offset."""
        return next(
            (
                each
                for each in self._chosen
                if any(start <= offset < end for start, end in self._spans[id(each)])
            ),
            None,
        )

    def _scope(self, offset: int) -> int:
        """The statement of the file that an offset stands in, by its number."""
        return bisect_right(self._tops, offset)

    @cached_property
    def _tops(self) -> list[int]:
        body = self._script.source.tree.body
        return [self._script.span(statement)[0] for statement in body]


def _apart(pending: Sequence[_Pending]) -> list[_Pending]:
    """As many as can be edited at once: those whose edits do not overlap."""
    found: list[_Pending] = []
    spans: list[tuple[int, int]] = []
    for each in pending:
        own = [(edit.start, edit.end) for edit in each.option.edits] if each.option else []
        if all(_is_beside(one, other) for one in own for other in spans):
            found.append(each)
            spans += own
    return found


def _is_beside(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one != other and (one[1] <= other[0] or other[1] <= one[0])


def _by_hand(weaker: Weaker | None) -> str:
    """What to write where dropout has no place to move to."""
    keep = "keep it and call normdrop.recalibrate after training"
    if weaker is None:
        return keep
    options = [
        *([f"write rate {weaker.rate:.3g} (--prefer lower)"] if weaker.rate > 0 else []),
        *([f"UniformDropout({weaker.beta:.3g}) (--prefer uniform)"] if weaker.beta > 0 else []),
    ]
    return ", or ".join([keep, *options])
