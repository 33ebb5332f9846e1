"""One picture of a model as SVG: laid out by graphlay, coloured by style sheet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from normdrop.shifts.graph import Graph, Node
from normdrop.shifts.graph.paths import heads
from normdrop.shifts.map._modules import Box, Picture, is_sum, noise_text, parameter_count
from normdrop.shifts.map._noise import NoiseFlow, NormMark
from normdrop.values.display import MARKS, escaped

if TYPE_CHECKING:
    import graphlay

MAP_HUES = 6
"""How many colours noises have before they come round again; numbers tell them apart."""
_CHARACTER = 7.0
"""Width of a character of 12.5 px, in px, on the wide side."""
_LINE = 16
_LONGEST = 34
_PAD = 10
_OPTIONS = {
    "spacing": {
        "layer_gap": 26.0,
        "node_gap": 26.0,
        "dummy_gap": 16.0,
        "stub": 8.0,
        "port_gap": 12.0,
        "compound_padding": 14.0,
        "compound_header": 20.0,
    },
    "coords": {"terminal_centering": False},
}
MAP_STYLE = """
.nd-map, .nd-page { --nd-paper: #ffffff; --nd-ink: #1f2328; --nd-soft: #59636e; --nd-line: #8c959f;
  --nd-box: #f6f8fa; --nd-frame: #d0d7de; --nd-error: #b3261e; --nd-error-box: #fdeceb;
  --nd-warning: #8a5a00; --nd-warning-box: #fdf3dc; --nd-ok: #1a7f37; --nd-ok-box: #e9f6ec;
  --nd-n0: #6f42c1; --nd-n1: #c2410c; --nd-n2: #0b6bcb; --nd-n3: #a1136f; --nd-n4: #00707a;
  --nd-n5: #7a6200; --nd-many: #9a3412; }
.nd-map {
  font: 12.5px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
@media screen and (prefers-color-scheme: dark) { .nd-map, .nd-page {
  --nd-paper: #14171b; --nd-ink: #e3e7ec;
  --nd-soft: #9aa4b0; --nd-line: #7d8790; --nd-box: #1c2026; --nd-frame: #3a424c;
  --nd-error: #ff8a80; --nd-error-box: #3a1d1c; --nd-warning: #f0b849; --nd-warning-box: #352a12;
  --nd-ok: #56c271; --nd-ok-box: #15301c; --nd-n0: #b794f6; --nd-n1: #ff9a5c; --nd-n2: #6cb2ff;
  --nd-n3: #f58bcb; --nd-n4: #4fd0d9; --nd-n5: #e0c341; --nd-many: #ffb088; } }
.nd-map text { fill: var(--nd-ink); }
.nd-map .nd-type, .nd-map .nd-more { fill: var(--nd-soft); }
.nd-map .nd-name { font-weight: 600; }
.nd-map rect { fill: var(--nd-box); stroke: var(--nd-frame); stroke-width: 1.2; }
.nd-map .nd-frame > rect { fill: none; stroke-dasharray: 5 3; stroke-width: 1.2; }
.nd-map .nd-end rect { fill: var(--nd-paper); stroke-dasharray: 2 3; }
.nd-map .nd-module > rect { stroke: var(--nd-soft); stroke-width: 1.6; }
.nd-map .nd-head > rect { stroke-width: 2.4; }
.nd-map .nd-error > rect { fill: var(--nd-error-box); stroke: var(--nd-error); }
.nd-map .nd-warning > rect { fill: var(--nd-warning-box); stroke: var(--nd-warning); }
.nd-map .nd-ok > rect { fill: var(--nd-ok-box); stroke: var(--nd-ok); }
.nd-map .nd-frame.nd-error > rect, .nd-map .nd-frame.nd-warning > rect,
.nd-map .nd-frame.nd-ok > rect { fill: none; }
.nd-map .nd-error > .nd-more { fill: var(--nd-error); font-weight: 600; }
.nd-map .nd-warning > .nd-more { fill: var(--nd-warning); font-weight: 600; }
.nd-map .nd-ok > .nd-more { fill: var(--nd-ok); }
.nd-map .nd-edge { fill: none; stroke: var(--nd-line); stroke-width: 1.2; }
.nd-map .nd-tip { fill: var(--nd-line); stroke: none; }
.nd-map .nd-shortcut { stroke-dasharray: 7 3; }
.nd-map .nd-noisy { stroke-width: 2.8; stroke: var(--nd-hue); }
.nd-map .nd-noisy + .nd-tip { fill: var(--nd-hue); }
.nd-map .nd-noise > rect { stroke: var(--nd-hue); stroke-width: 2.8; }
.nd-map .nd-number { fill: var(--nd-hue); font-weight: 700; }
.nd-h0 { --nd-hue: var(--nd-n0); } .nd-h1 { --nd-hue: var(--nd-n1); }
.nd-h2 { --nd-hue: var(--nd-n2); } .nd-h3 { --nd-hue: var(--nd-n3); }
.nd-h4 { --nd-hue: var(--nd-n4); } .nd-h5 { --nd-hue: var(--nd-n5); }
.nd-many { --nd-hue: var(--nd-many); }
.nd-map a:focus-visible { outline: 3px solid var(--nd-n2); outline-offset: 2px; }
.nd-map a { cursor: pointer; }
.nd-map a .nd-name { text-decoration: underline; text-underline-offset: 3px; }
"""
"""How the parts of a map look, light and dark; of a page, a notebook and a file alike."""


@dataclass(frozen=True)
class _Label:
    """A box with the words in it."""

    box: Box
    name: str
    type: str
    more: str
    classes: str
    noise: tuple[int, ...]
    tooltip: str
    width: float
    height: float


class Artist:
    """Draws the pictures of one model."""

    def __init__(
        self,
        graph: Graph,
        flow: NoiseFlow,
        marks: Mapping[str, NormMark],
        links: Mapping[str, str],
    ) -> None:
        """What is drawn, what is known of its norms, and where a module's own picture is."""
        self._flow = flow
        self._marks = marks
        self._links = links
        self._left_out: Mapping[str, int] = {}
        self._head = {node.id for head in heads(graph) for node in head}

    def draw(self, picture: Picture, title: str) -> str:
        """The picture as an `svg` element."""
        import graphlay

        plan = graphlay.Graph()
        drawn: dict[str, _Label] = {}
        self._left_out = picture.left_out
        self._place(plan, picture.boxes, None, drawn)
        ends = {**picture.entries, **picture.exits}
        for key, node in ends.items():
            words = _end_words(key, node, picture.path)
            plan.node(key, width=len(words) * _CHARACTER + 2 * _PAD, height=26.0)
        for start, end in picture.arrows:
            plan.edge(start, end)
        layout = graphlay.layout(plan, preset="process_map", options=_OPTIONS)
        places = dict(zip(layout.ids, layout.nodes, strict=True))
        low, high = layout.bounds["min"], layout.bounds["max"]
        left, top = low["x"] - 8, low["y"] - 8
        width, height = high["x"] - left + 8, high["y"] - top + 8
        parts = [
            (
                '<svg class="nd-map" xmlns="http://www.w3.org/2000/svg" '
                f'viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" width="{width:.0f}" '
                f'height="{height:.0f}" role="group" aria-label="{escaped(title)}">'
            )
        ]
        parts += self._frames(picture.boxes, places)
        for (pair, noise), edge in zip(picture.arrows.items(), layout.edges, strict=True):
            parts.append(_arrow(edge["points"], noise, shortcut=pair in picture.shortcuts))
        parts += [self._box(item, places[key]) for key, item in drawn.items()]
        parts += [
            self._end(_end_words(key, node, picture.path), node, places[key])
            for key, node in ends.items()
        ]
        return "\n".join([*parts, "</svg>"])

    def _place(
        self,
        plan: "graphlay.Graph",
        boxes: Iterable[Box],
        parent: int | None,
        drawn: dict[str, _Label],
    ) -> None:
        """Hand boxes to the layout, a module before what is in it."""
        around: dict[str, Any] = {} if parent is None else {"parent": parent}
        for box in boxes:
            if box.inside:
                words = len(_heading(box)) * _CHARACTER
                frame = plan.node(box.key, width=words + 2 * _PAD, height=40.0, **around)
                self._place(plan, box.inside, frame, drawn)
                continue
            item = drawn[box.key] = self._words(box)
            plan.node(box.key, width=item.width, height=item.height, **around)

    def _words(self, box: Box) -> _Label:
        """What a box says."""
        name, kind, more, classes = box.title, box.type, "", ["nd-box"]
        noise: tuple[int, ...] = ()
        node = box.node
        if box.is_module:
            classes.append("nd-module")
            more, level = self._summary(box.nodes)
            classes += [f"nd-{level}"] if level else []
        elif node.noise is not None and node.layer in self._flow.numbers:
            noise = (self._flow.numbers[node.layer],)
            kind = f"{kind} {noise_text(node.noise)}"
            classes += ["nd-noise", _hue(noise)]
        elif node.carries_statistics:
            mark, noise = self._mark(node), self._flow.blamed(node.layer, self._mark(node))
            classes += ["nd-norm", f"nd-{mark.level}"]
            more = _mark_words(mark, noise)
        elif is_sum(node):
            classes.append("nd-sum")
        if self._head.issuperset(each.id for each in box.nodes):
            classes.append("nd-head")
            more = more or "head"
        if self._left_out.get(box.key):
            more = f"{more} and {self._left_out[box.key]} earlier outputs".strip()
        name, kind = _short(name), _short(kind)
        first = len(name) + len(kind) + bool(name and kind) + (4 if noise and not more else 0)
        width = max(first, len(more)) * _CHARACTER + 2 * _PAD
        height = 14 + _LINE * (2 if more else 1)
        tooltip = self._tooltip(box, node)
        return _Label(box, name, kind, more, " ".join(classes), noise, tooltip, width, height)

    def _mark(self, node: Node) -> NormMark:
        return self._marks.get(node.layer, NormMark(float("nan"), unknown="not asked for"))

    def _summary(self, nodes: Sequence[Node]) -> tuple[str, str]:
        """What a closed module holds, and how bad the worst norm in it is."""
        norms = {node.layer: self._mark(node) for node in nodes if node.carries_statistics}
        noises = {node.layer for node in nodes if node.layer in self._flow.numbers}
        said = [f"{len(noises)} noise"] if noises else []
        if not norms:
            return " · ".join(said), ""
        worst = max(norms.values(), key=lambda mark: mark.distance)
        said.append(f"{len(norms)} norm{'s' if len(norms) > 1 else ''}")
        said.append(_mark_words(worst, ()) if worst.distance >= 0 else "shifts unknown")
        return " · ".join(said), worst.level

    def _tooltip(self, box: Box, node: Node) -> str:
        lines = [f"{box.path or 'the model'}: {box.type}".rstrip(": ")]
        lines.append(f"output {'×'.join(map(str, node.shape[1:])) or 'scalar'}")
        count = parameter_count(box.nodes)
        if count:
            lines.append(f"{count:,} parameters")
        if node.carries_statistics and not box.is_module:
            mark = self._mark(node)
            lines += [f"{share:.0%} of the shift from {path}" for path, share in _worst(mark)]
            lines += [f"unknown: {mark.unknown}"] if mark.unknown else []
            lines += [mark.cost] if mark.cost else []
        return "\n".join(lines)

    def _frames(self, boxes: Iterable[Box], places: Mapping[str, Any]) -> Iterator[str]:
        """The outlines of open modules, with their names."""
        for box in boxes:
            if not box.inside:
                continue
            left, top, width, height = _area(places[box.key])
            _, level = self._summary(box.nodes)
            classes = f"nd-frame nd-{level}" if level else "nd-frame"
            label = _heading(box)
            kind = box.type if (len(label) + 2) * _CHARACTER + 2 * _PAD <= width else ""
            yield (
                f'<g class="{classes}"><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}" rx="8"/>'
                + self._linked(
                    box.path,
                    f'<text x="{left + 10:.1f}" y="{top + 16:.1f}"><tspan class="nd-name">'
                    f"{escaped(box.title)}</tspan> "
                    f'<tspan class="nd-type">{escaped(kind)}</tspan></text>',
                    f"open {box.path}",
                )
                + "</g>"
            )
            yield from self._frames(box.inside, places)

    def _box(self, item: _Label, place: Mapping[str, Any]) -> str:
        left, top, width, height = _area(place)
        middle = left + width / 2
        number = ""
        if "nd-noise" in item.classes:
            number = f' <tspan class="nd-number">({item.noise[0]})</tspan>'
        words = " ".join(
            f'<tspan class="nd-{part}">{escaped(text)}</tspan>'
            for part, text in (("name", item.name), ("type", item.type))
            if text
        )
        lines = (
            f'<text x="{middle:.1f}" y="{top + 19:.1f}" text-anchor="middle">{words}{number}</text>'
        )
        if item.more:
            lines += (
                f'<text class="nd-more" x="{middle:.1f}" y="{top + 19 + _LINE:.1f}" '
                f'text-anchor="middle">{escaped(item.more)}</text>'
            )
        noise = f' data-noise="{" ".join(map(str, item.noise))}"' if item.noise else ""
        shape = (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'rx="{height / 2 if "nd-noise" in item.classes else 5:.0f}"/>{lines}'
        )
        shape = (
            f'<g class="{item.classes}"{noise}><title>{escaped(item.tooltip)}</title>{shape}</g>'
        )
        path = item.box.path
        return self._linked(path, shape, f"open {path}") if item.box.is_module else shape

    def _linked(self, path: str, inner: str, label: str) -> str:
        target = self._links.get(path)
        if target is None:
            return inner
        return f'<a href="{escaped(target)}" aria-label="{escaped(label)}">{inner}</a>'

    def _end(self, words: str, node: Node, place: Mapping[str, Any]) -> str:
        left, top, width, height = _area(place)
        inner = (
            f'<g class="nd-end"><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="13"/><text class="nd-type" x="{left + width / 2:.1f}" '
            f'y="{top + 17:.1f}" text-anchor="middle">{escaped(words)}</text></g>'
        )
        around = next((path for path in reversed(node.modules) if path in self._links), "")
        return self._linked(around, inner, words)


def _heading(box: Box) -> str:
    return f"{box.title} {box.type}".strip()


def _end_words(key: str, node: Node, path: str) -> str:
    """Where a flow comes from or goes to, as seen from a module."""
    way = "from" if key.startswith("in:") else "to"
    return f"{way} {_short(node.layer or node.operation)}" if path or node.layer else node.operation


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else "…" + text[-_LONGEST + 1 :]


def _area(place: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, width and height."""
    width, height = place["size"]["width"], place["size"]["height"]
    return place["center"]["x"] - width / 2, place["center"]["y"] - height / 2, width, height


def _worst(mark: NormMark) -> list[tuple[str, float]]:
    return sorted(mark.causes.items(), key=lambda item: -item[1])[:3]


def _mark_words(mark: NormMark, noise: Sequence[int]) -> str:
    """A norm's shift in a few words; the mark before them is never colour alone."""
    if mark.level == "unknown":
        said = "shift unknown" if noise else ""
    else:
        said = f"{MARKS[mark.level]} shift {mark.shift:.2f}"
    reached = f"from ({numbers_text(noise)})" if noise else ""
    return " ".join(filter(None, (said, reached)))


def numbers_text(noise: Sequence[int]) -> str:
    """The numbers of some noises, as many as there is room for.

    >>> numbers_text((1, 2)), numbers_text((1, 2, 3, 4, 5))
    ('1, 2', '1, 2, 3 …')
    """
    most = 3
    return ", ".join(map(str, noise[:most])) + (" …" if len(noise) > most else "")


def _hue(noise: Sequence[int]) -> str:
    return f"nd-h{(noise[0] - 1) % MAP_HUES}" if len(noise) == 1 else "nd-many"


def _arrow(points: Sequence[Mapping[str, float]], noise: frozenset[int], *, shortcut: bool) -> str:
    """A way between boxes, its corners rounded, with a tip at its end."""
    corners = [(point["x"], point["y"]) for point in points]
    (x0, y0), (x1, y1) = corners[-2:]
    length = max(abs(x1 - x0), abs(y1 - y0), 1e-9)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    size = 7.0 if noise else 6.0
    base = (x1 - dx * size, y1 - dy * size)
    corners[-1] = base
    classes = ["nd-edge"]
    data = ""
    if noise:
        numbers = sorted(noise)
        classes += ["nd-noisy", _hue(numbers)]
        data = f' data-noise="{" ".join(map(str, numbers))}"'
    if shortcut:
        classes.append("nd-shortcut")
    wide = size * 0.55
    tip = (
        f"M{x1:.1f} {y1:.1f}L{base[0] - dy * wide:.1f} {base[1] + dx * wide:.1f}"
        f"L{base[0] + dy * wide:.1f} {base[1] - dx * wide:.1f}Z"
    )
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    hue = next((each for each in classes if each.startswith(("nd-h", "nd-many"))), "")
    return (
        f'<g class="nd-arrow {hue}"{data}><path class="{" ".join(classes)}" d="{line}"/>'
        f'<path class="nd-tip" d="{tip}"/></g>'
    )


def styled(svg: str) -> str:
    """An `svg` element that brings its style with it, as a file or in a notebook."""
    opening, _, rest = svg.partition(">")
    return f"{opening}>\n<style>{MAP_STYLE}</style>{rest}"
