"""Dropout whose rate is lowered, that becomes uniform noise, or that goes."""

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from normdrop.mending.patches._flow import removed
from normdrop.mending.patches._layer_lists import left_out
from normdrop.mending.patches._script import Edit, Mending, Script
from normdrop.mending.repairs import KEPT, UNWARNED, Move
from normdrop.shifts.graph import Node
from normdrop.values.location import Location

_LAYER = re.compile(r"Dropout|(Alpha)?Dropout[123]d|SpatialDropout[123]D")
_FUNCTION = re.compile(r"torch\.nn\.functional\.\w*dropout\w*")


@dataclass(frozen=True, slots=True)
class Weaker:
    """Noise that may be weakened.

    Attributes:
        node: Its call, as the source describes it.
        places: Where the text calls it and makes it.
        shift: What it is expected to shift, if that is known.
    """

    node: Node
    places: tuple[Location, ...]
    shift: float | None

    def options(self, script: Script, move: Move) -> Iterator[Mending]:
        """The edits of one move."""
        for call in self._calls(script):
            if move == "lower":
                yield from self._lowered(script, call)
            elif move == "uniform":
                yield from self._uniform(script, call)
            elif move == "remove":
                yield from self._gone(script, call)

    def variance(self, kept: float) -> float:
        """The variance of noise that keeps the shift at a bound: Δ is 1 / (1 + c v)."""
        noise = self.node.noise
        own = noise.second_moment_factor - 1 if noise is not None else math.nan
        most = 1 / kept - 1
        if not own > 0:
            return most
        shift = self.shift if self.shift is not None and 0 < self.shift < 1 else 1 / (1 + own)
        return min(own, own * most / (1 / shift - 1))

    def share(self, variance: float) -> float:
        """How much of the noise's variance another one is."""
        noise = self.node.noise
        own = noise.second_moment_factor - 1 if noise is not None else math.nan
        return min(1.0, variance / own) if own > 0 else 1.0

    @property
    def rate(self) -> float:
        """The highest rate that leaves no warning, rounded down."""
        variance = self.variance(UNWARNED)
        return math.floor(100 * variance / (1 + variance)) / 100

    @property
    def beta(self) -> float:
        """The largest half-width of uniform noise that keeps the shift at its bound."""
        return math.floor(100 * math.sqrt(3 * self.variance(KEPT))) / 100

    def _calls(self, script: Script) -> Iterator[ast.Call]:
        """What makes the noise, or the function that is it."""
        for place in self.places:
            for node in reversed(script.at(place)):
                if isinstance(node, ast.Call) and _is_noise(script, node):
                    yield node
                    break

    def _lowered(self, script: Script, call: ast.Call) -> Iterator[Mending]:
        rate = _rate(script, call)
        if rate is not None and self.rate > 0:
            yield Mending([Edit(*script.span(rate), f"{self.rate:.3g}".encode())], move="lower")

    def _uniform(self, script: Script, call: ast.Call) -> Iterator[Mending]:
        name = script.source.name(call.func)
        if not _LAYER.fullmatch(name.rpartition(".")[2]) or self.beta <= 0:
            return
        kit = "torch" if name.startswith("torch") else "keras"
        along = "" if name.endswith("Dropout") else ', along="channel"'
        text = f"UniformDropout({self.beta:.3g}{along})"
        edits = [Edit(*script.span(call), text.encode())]
        wanted = f"normdrop.{kit}.UniformDropout"
        if script.source.imported.get("UniformDropout") != wanted:
            line = f"from normdrop.{kit} import UniformDropout".encode()
            edits.append(_imported(script, line))
        yield Mending(edits, move="uniform")

    def _gone(self, script: Script, call: ast.Call) -> Iterator[Mending]:
        for place in self.places:
            for edits in (*left_out(script, place), *removed(script, place)):
                yield Mending([*edits, *_unmade(script, call)], move="remove")


def _is_noise(script: Script, call: ast.Call) -> bool:
    name = script.source.name(call.func)
    layer = name.rpartition(".")[2]
    return bool(_LAYER.fullmatch(layer) or _FUNCTION.fullmatch(name))


def _rate(script: Script, call: ast.Call) -> ast.Constant | None:
    """The rate, where it is a number."""
    position = 1 if _FUNCTION.fullmatch(script.source.name(call.func)) else 0
    written = [each.value for each in call.keywords if each.arg in {"p", "rate"}]
    written += call.args[position : position + 1]
    rate = written[0] if written else None
    return rate if isinstance(rate, ast.Constant) and isinstance(rate.value, float) else None


def _imported(script: Script, line: bytes) -> Edit:
    """An import behind those at the top of the file."""
    tops = [
        each for each in script.source.tree.body if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    _, end = script.line_of(script.span(tops[-1])[1] - 1)
    return Edit(end, end, line + script.newline)


def _unmade(script: Script, call: ast.Call) -> list[Edit]:
    """The line that makes a layer which is called in one place, and there no more."""
    made = script.parents.get(call)
    target = made.targets[0] if isinstance(made, ast.Assign) and len(made.targets) == 1 else None
    if not isinstance(made, ast.Assign) or not isinstance(target, ast.Attribute):
        return []
    uses = [
        each
        for each in ast.walk(script.source.tree)
        if isinstance(each, ast.Attribute) and each.attr == target.attr
    ]
    lines = script.whole_lines(*script.span(made))
    return [Edit(*lines, b"")] if lines and len(uses) == 2 else []  # noqa: PLR2004 - made and called
