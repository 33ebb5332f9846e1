"""A patch of one file: every edit is checked before it is offered."""

import ast
import difflib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from normdrop.lint.rules import Rule, SourceMend, Suppression, check_text, comments, suppress
from normdrop.lint.source import Text
from normdrop.mending.patches import _arguments, _calls, _flow, _siblings
from normdrop.mending.patches._script import Edit, Script
from normdrop.values.findings import Finding

_MOST_TRIES = 60


def _later(script: Script, finding: Finding) -> Iterator[list[Edit]]:
    """The layer goes behind later ones, wherever the layers are listed."""
    yield from _siblings.later(script, finding)
    yield from _flow.along_statements(script, finding)
    yield from _flow.along_flow(script, finding)


# What yields the edits that may mend a finding, the preferred one first.
_PATCHERS: dict[SourceMend, Callable[[Script, Finding], Iterator[list[Edit]]]] = {
    SourceMend.MOVE_LATER: _later,
    SourceMend.MOVE_EARLIER: _siblings.earlier,
    SourceMend.PLAIN_DROPOUT: _arguments.plain_dropout,
    SourceMend.LEAVE_OUT_BIAS: _arguments.leave_out_bias,
    SourceMend.LEAVE_OUT_ARGUMENT: _arguments.leave_out_argument,
    SourceMend.TURN_MOMENTUM: _arguments.turn_momentum,
    SourceMend.RENAME_ARGUMENT: _arguments.rename_argument,
    SourceMend.HAND_ON_MODE: _arguments.hand_on_mode,
    SourceMend.MAKE_IN_CONSTRUCTOR: _calls.make_in_constructor,
    SourceMend.USE_OUTPUT: _calls.use_output,
    SourceMend.MULTIPLY_NOISE: _calls.noise_as_factor,
    SourceMend.ASK_FOR_MODE: _calls.ask_for_mode,
}
_MOVES = frozenset({SourceMend.MOVE_LATER, SourceMend.MOVE_EARLIER})
"""They move calls, and neither add nor lose any."""
_CHANGES_KEYS = frozenset({SourceMend.LEAVE_OUT_BIAS, SourceMend.LEAVE_OUT_ARGUMENT})
"""They may change the keys of a state dict even where they keep outputs."""
_Key = tuple[str, str, bytes, int]


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
    """

    path: str
    before: str
    after: str
    mended: tuple[Finding, ...] = ()
    left: tuple[LeftFinding, ...] = ()

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

    Raises:
        SyntaxError: It is not Python.

    >>> from normdrop.lint.rules import selected
    >>> code = "from keras.layers import Dropout\nlayer = Dropout(p=0.5)\n"
    >>> print(patch_text("net.py", code, selected()).after, end="")
    from keras.layers import Dropout
    layer = Dropout(rate=0.5)
    """
    return _Patching(Script(path, code.encode()), rules, suppressions).run(
        unsafe=unsafe, remove_bias=remove_bias or unsafe
    )


class _Patching:
    """The edits of one text, one finding at a time."""

    def __init__(
        self, script: Script, rules: Sequence[Rule], suppressions: Sequence[Suppression]
    ) -> None:
        self._first = script
        self._script = script
        self._rules = rules
        self._mends = {rule.code: rule.source_mend for rule in rules}
        self._suppressions = suppressions

    def run(self, *, unsafe: bool, remove_bias: bool) -> Patch:
        mended: list[Finding] = []
        left: dict[_Key, LeftFinding] = {}
        unwritten = dict(self._keyed(self._script))
        while True:
            found = dict(self._keyed(self._script))
            unwritten = _carried(unwritten, found)
            waiting = next((key for key in found if key not in left), None)
            if waiting is None:
                break
            finding = found[waiting]
            safe = self._is_safe(finding)
            patched = self._patched(finding, with_bias=remove_bias or not safe)
            if patched is None:
                left[waiting] = LeftFinding(
                    finding, finding.fix.what if finding.fix else "no remedy"
                )
            elif safe or unsafe or (self._is_bias(finding.code) and remove_bias):
                mended.append(finding)
                unwritten.pop(waiting, None)
                self._script = patched
            else:
                flag = "--remove-bias" if self._is_bias(finding.code) else "--unsafe"
                left[waiting] = LeftFinding(finding, finding.fix.what if finding.fix else "", flag)
        # Lines have moved since a finding was left: say where it stands now, and where it stood.
        now = tuple(
            LeftFinding(finding, left[key].reason, left[key].flag, unwritten.get(key))
            for key, finding in found.items()
        )
        before, after = self._first.code.decode(), self._script.code.decode()
        return Patch(self._first.path, before, after, tuple(mended), now)

    def _findings(self, script: Script) -> list[Finding]:
        found = check_text(script.path, script.code.decode(), self._rules)
        written = comments(script.path, Text(script.code).lines())
        return suppress(found, [*written, *self._suppressions])[0]

    def _keyed(self, script: Script) -> Iterator[tuple[_Key, Finding]]:
        """The findings, each by a key that lasts while other lines move."""
        seen: Counter[tuple[str, str, bytes]] = Counter()
        for finding in self._findings(script):
            number = finding.location.line if finding.location else 1
            line = script.code[script.lines[number - 1] : script.lines[number]].strip()
            key = finding.code, _wordless(finding), line
            seen[key] += 1
            yield (*key, seen[key]), finding

    def _is_bias(self, code: str) -> bool:
        return self._mends[code] is SourceMend.LEAVE_OUT_BIAS

    def _is_safe(self, finding: Finding) -> bool:
        """Whether its patch keeps outputs and the keys of a state dict."""
        keeps = finding.fix is not None and not finding.fix.changes_outputs
        return keeps and self._mends[finding.code] not in _CHANGES_KEYS

    def _edits(self, script: Script, finding: Finding) -> Iterator[list[Edit]]:
        """The edits that may mend a finding, the preferred one first."""
        mend = self._mends[finding.code]
        if mend is not None:
            yield from _PATCHERS[mend](script, finding)

    def _patched(self, finding: Finding, *, with_bias: bool) -> Script | None:
        """The script with a finding mended; None where no edit does that alone."""
        before = Counter(each.code for each in self._findings(self._script))
        for number, edits in enumerate(self._edits(self._script, finding)):
            if number == _MOST_TRIES:
                break
            edited = self._judged(self._script, edits, finding.code, before, with_bias=with_bias)
            if edited is not None:
                return edited
        return None

    def _judged(
        self,
        script: Script,
        edits: list[Edit],
        code: str,
        before: Counter[str],
        *,
        with_bias: bool,
    ) -> Script | None:
        """The edited script, if only the finding is gone by it."""
        try:
            edited = script.edited(edits)
            found = self._findings(edited)
            kept = self._mends[code] not in _MOVES or _called(edited) == _called(script)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        after = Counter(each.code for each in found)
        if not kept or not after[code] < before[code]:
            return None
        grown = {each for each in after if after[each] > before[each]}
        if grown and with_bias and all(map(self._is_bias, grown)):
            return self._without_bias(edited, found, before)
        return None if grown else edited

    def _without_bias(
        self, script: Script, found: list[Finding], before: Counter[str]
    ) -> Script | None:
        """The script without the biases that a moved dropout no longer protects."""
        known = {each.message for each in self._findings(self._script)}
        biases = [each for each in found if self._is_bias(each.code)]
        counts = Counter(each.code for each in found)
        for finding in [each for each in biases if each.message not in known] or biases:
            for edits in self._edits(script, finding):
                edited = self._judged(script, edits, finding.code, counts, with_bias=False)
                if edited is not None:
                    now = Counter(each.code for each in self._findings(edited))
                    return edited if now[finding.code] <= before[finding.code] else None
        return None


def _carried(before: dict[_Key, Finding], now: Iterable[_Key]) -> dict[_Key, Finding]:
    """What stood at keys before an edit, by the keys of now.

    Where the edit changed a line, the same words of the same rule are the same finding, in order.
    """
    carried = {key: before[key] for key in now if key in before}
    rest = [key for key in before if key not in carried]
    for key in now:
        same = next((old for old in rest if old[:2] == key[:2]), None)
        if key not in carried and same is not None:
            carried[key] = before[same]
            rest.remove(same)
    return carried


def _called(script: Script) -> Counter[str]:
    """What a text calls, how often."""
    return Counter(ast.unparse(call.node.func) for call in script.source.calls)


def _wordless(finding: Finding) -> str:
    """The message without the numbers of lines, which move."""
    return "".join(letter for letter in finding.message if not letter.isdigit())
