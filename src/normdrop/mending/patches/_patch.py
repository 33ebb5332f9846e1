"""A patch of one file: every edit is checked before it is offered."""

import ast
import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from normdrop.lint.rules import Rule, Suppression, check_text, comments, suppress
from normdrop.mending.patches._patchers import MOVES, PATCHERS, RENAMES_KEYS
from normdrop.mending.patches._script import Edit, Script
from normdrop.values.findings import Finding

BIAS = "ND201"
_MOST_TRIES = 60
_Key = tuple[str, str, bytes, int]


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that a patch leaves, and why.

    Attributes:
        finding: What was found.
        reason: Why it is left, or what to do.
        flag: The option that would mend it; empty if none would.
    """

    finding: Finding
    reason: str
    flag: str = ""


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
    left: tuple[Left, ...] = ()

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
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            self.path,
            self.path,
        )
        unended = "\n\\ No newline at end of file\n"
        return "".join(line if line.endswith(("\n", "\r")) else line + unended for line in lines)


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
        self._suppressions = suppressions

    def run(self, *, unsafe: bool, remove_bias: bool) -> Patch:
        mended: list[Finding] = []
        left: dict[_Key, Left] = {}
        while True:
            found = dict(self._keyed(self._script))
            waiting = next((key for key in found if key not in left), None)
            if waiting is None:
                break
            finding = found[waiting]
            safe = _is_safe(finding)
            patched = self._patched(finding, with_bias=remove_bias or not safe)
            if patched is None:
                left[waiting] = Left(finding, finding.fix.what if finding.fix else "no remedy")
            elif safe or unsafe or (finding.code == BIAS and remove_bias):
                mended.append(finding)
                self._script = patched
            else:
                flag = "--remove-bias" if finding.code == BIAS else "--unsafe"
                left[waiting] = Left(finding, finding.fix.what if finding.fix else "", flag)
        # Lines have moved since a finding was left: say where it stands now.
        now = tuple(
            Left(finding, left[key].reason, left[key].flag) for key, finding in found.items()
        )
        before, after = self._first.code.decode(), self._script.code.decode()
        return Patch(self._first.path, before, after, tuple(mended), now)

    def _findings(self, script: Script) -> list[Finding]:
        text = script.code.decode()
        found = check_text(script.path, text, self._rules)
        written = comments(script.path, text.splitlines())
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

    def _patched(self, finding: Finding, *, with_bias: bool) -> Script | None:
        """The script with a finding mended; None where no edit does that alone."""
        before = Counter(each.code for each in self._findings(self._script))
        patcher = PATCHERS.get(finding.code)
        for number, edits in enumerate(patcher(self._script, finding) if patcher else ()):
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
            kept = code not in MOVES or _called(edited) == _called(script)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        after = Counter(each.code for each in found)
        if not kept or not after[code] < before[code]:
            return None
        grown = {each for each in after if after[each] > before[each]}
        if grown == {BIAS} and with_bias:
            return self._without_bias(edited, found, before)
        return None if grown else edited

    def _without_bias(
        self, script: Script, found: list[Finding], before: Counter[str]
    ) -> Script | None:
        """The script without the biases that a moved dropout no longer protects."""
        known = {each.message for each in self._findings(self._script)}
        fresh = [each for each in found if each.code == BIAS and each.message not in known]
        counts = Counter(each.code for each in found)
        for finding in fresh or [each for each in found if each.code == BIAS]:
            for edits in PATCHERS[BIAS](script, finding):
                edited = self._judged(script, edits, BIAS, counts, with_bias=False)
                if edited is not None:
                    now = Counter(each.code for each in self._findings(edited))
                    return edited if now[BIAS] <= before[BIAS] else None
        return None


def _called(script: Script) -> Counter[str]:
    """What a text calls, how often."""
    return Counter(ast.unparse(call.node.func) for call in script.source.calls)


def _is_safe(finding: Finding) -> bool:
    """Whether its repair keeps outputs and the keys of a state dict."""
    keeps = finding.fix is not None and not finding.fix.changes_outputs
    return keeps and finding.code not in RENAMES_KEYS


def _wordless(finding: Finding) -> str:
    """The message without the numbers of lines, which move."""
    return "".join(letter for letter in finding.message if not letter.isdigit())
