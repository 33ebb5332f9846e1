"""The map of a model as a value: pictures, a tree, and what is known of its norms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from normdrop.errors import NormdropError, unknown
from normdrop.shifts.graph import Graph, Node
from normdrop.shifts.map._modules import modules_inside, noise_text, parameter_count, picture
from normdrop.shifts.map._noise import NoiseFlow, NormMark, noise_flow
from normdrop.shifts.map._picture import Artist, numbers_text, styled
from normdrop.values.display import (
    MARKS,
    Column,
    Headline,
    Row,
    ShownAsTables,
    Table,
    Tone,
    escaped,
)

_COLUMNS = (
    Column("module", meaning="module path, nested"),
    Column("output", "right", meaning="shape without the batch axis"),
    Column("parameters", "right", meaning="values that are learnt"),
    Column("noise", meaning="its number and strength; for a norm, which noise reaches it"),
    Column("shift", "right", "eval variance / train variance; of a module, its worst"),
)


@dataclass(frozen=True, eq=False)
class ModelMap(ShownAsTables):
    """A model's modules and data flow, noise traced from where it is added to the norms it reaches.

    Attributes:
        name: What the model is called.
        graph: The calls of one run in train mode.
        marks: Norm layer path to what is known of it.
        verdict: What the shifts say of the model.
        notes: What must be known to read the numbers, in sentences.

    >>> from torch import nn
    >>> import normdrop
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    >>> drawn = normdrop.view(model, (8,))
    >>> drawn.modules, drawn.noises
    (('',), {'1': 1})
    """

    name: str
    graph: Graph
    marks: Mapping[str, NormMark]
    verdict: Headline | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def _flow(self) -> NoiseFlow:
        return noise_flow(self.graph)

    @cached_property
    def _known(self) -> dict[str, NormMark]:
        """What is known of norms, also under the names that the graph has for them."""
        found = dict(self.marks)
        for norm in self.graph:
            statistics = norm.parameters.get("running_mean")
            if norm.carries_statistics and norm.layer not in found and statistics is not None:
                owner = statistics.path.rpartition(".")[0]
                if owner in found:
                    found[norm.layer] = found[owner]
        return found

    @property
    def modules(self) -> tuple[str, ...]:
        """Paths of the modules that have a picture of their own; `""` is the whole model."""
        return modules_inside(self._flow)

    @property
    def noises(self) -> dict[str, int]:
        """Path of each noise layer that is on in training to its number on the map."""
        return dict(self._flow.numbers)

    def reached_by(self, noise: str) -> tuple[str, ...]:
        """The norm layers that a noise layer's noise reaches with no norm between."""
        return self._flow.reached[self._flow.numbers[noise]]

    def shifted_by(self, noise: str) -> tuple[str, ...]:
        """The norm layers whose shift a noise layer is blamed for, also behind other norms."""
        number = self._flow.numbers[noise]
        return tuple(n for n, mark in self.marks.items() if number in self._flow.blamed(n, mark))

    def mark(self, norm: str) -> NormMark:
        """What is known of a norm layer."""
        return self._known.get(norm, NormMark(float("nan")))

    def svg(self, module: str = "", *, links: Mapping[str, str] | None = None) -> str:
        """The picture of one module; modules inside are open as long as it stays legible.

        Args:
            module: Path of the module, one of `modules`.
            links: Module path to where its own picture is, for a page; the picture then has no
                style of its own. By default it is whole by itself, as a file.

        Returns:
            An `svg` element, for screens light and dark, and for paper.

        Raises:
            UsageError: The model has no such module, or it is a single layer.
            NormdropError: graphlay is not installed.
        """
        if module not in self.modules:
            raise unknown(
                f"{self.name} has no module {module!r} of several layers", module, self.modules
            )
        try:
            artist = Artist(self.graph, self._flow, self._known, links or {})
            drawn = artist.draw(picture(self.graph, self._flow, module), module or self.name)
        except ImportError as error:
            raise NormdropError("a map needs graphlay: install normdrop[report]") from error
        return drawn if links is not None else styled(drawn)

    def to_table(self, depth: int | None = None) -> Table:
        """The modules as a tree: output, parameters, noise and shift.

        Args:
            depth: How many levels are shown; modules below are counted with those they are in.
        """
        rows = tuple(self._rows(depth))
        return Table(f"Map of {self.name}", _COLUMNS, rows, self.notes, self.verdict)

    def _rows(self, depth: int | None) -> Iterator[Row]:
        """One row for each module, and each function outside of one that is noise or a norm."""
        layers = [layer for layer in self.graph.layers if layer.used and layer.path]
        types = {layer.path: layer.type for layer in layers}
        functions = dict.fromkeys(
            node.layer
            for node in self._flow.nodes
            if node.layer.endswith(")") and (node.layer in self.noises or node.carries_statistics)
        )
        paths = [*types, *functions]
        shown = [path for path in paths if depth is None or path.count(".") < depth]
        shown.sort(key=_place_in(shown))
        last = {path: self._is_last(path, shown) for path in shown}
        yield self._row(self.name, self._flow.nodes)
        for path in shown:
            nodes = tuple(n for n in self._flow.nodes if path in n.modules or n.layer == path)
            name = f"{path.rpartition('.')[2]} {types.get(path, '')}".rstrip()
            yield self._row(_guide(path, last) + name, nodes)

    @staticmethod
    def _is_last(path: str, paths: list[str]) -> bool:
        parent = path.rpartition(".")[0]
        return [each for each in paths if each.rpartition(".")[0] == parent][-1] == path

    def _row(self, name: str, nodes: tuple[Node, ...]) -> Row:
        shape = "×".join(map(str, nodes[-1].shape[1:])) if nodes else "not called"
        count = parameter_count(nodes)
        norms = {node.layer: self.mark(node.layer) for node in nodes if node.carries_statistics}
        numbers = {self.noises[n.layer]: n for n in nodes if n.layer in self.noises}
        single = len(nodes) == 1
        noise = ""
        if single and numbers:
            number, node = next(iter(numbers.items()))
            noise = f"({number}) {noise_text(node.noise)}" if node.noise else f"({number})"
        elif single and norms:
            layer = nodes[0].layer
            sources = self._flow.blamed(layer, self.mark(layer))
            some = numbers_text(sources)
            noise = f"from ({some})" if sources else ""
        elif numbers:
            noise = f"{len(numbers)} noise"
        known = [mark for mark in norms.values() if mark.distance >= 0]
        worst = max(known, key=lambda mark: mark.distance) if known else None
        shift = ""  # a layer's mark stands before its row
        if worst is not None:
            shift = f"{worst.shift:.3f}" if single else f"{worst.shift:.3f} {MARKS[worst.level]}"
        elif norms:
            shift = f"unknown {MARKS['unknown']}"
        tone: Tone = "plain"
        if single and worst is not None and worst.level in {"error", "warning"}:
            tone = "error" if worst.level == "error" else "warning"
        return Row((name, shape, f"{count:,}" if count else "", noise, shift), tone)

    def to_dict(self) -> dict[str, object]:
        """Everything the map shows, in types that JSON knows."""
        return {
            "name": self.name,
            "verdict": None if self.verdict is None else str(self.verdict),
            "notes": list(self.notes),
            "modules": list(self.modules),
            "noises": [
                {"path": path, "number": number, "reaches": list(self._flow.reached[number])}
                for path, number in self.noises.items()
            ],
            "norms": [
                {
                    "path": path,
                    "shift": None if mark.level == "unknown" else mark.shift,
                    "level": mark.level,
                    "causes": dict(mark.causes),
                    "cost": mark.cost or None,
                }
                for path, mark in self.marks.items()
            ],
        }

    def _repr_html_(self) -> str:
        """How a notebook shows the map: the whole model, and each module on opening it."""
        first = "" if self.verdict is None else escaped(str(self.verdict))
        parts = [f"<p><strong>{first}</strong></p>", self.svg()]
        parts += [
            f"<details><summary>{escaped(path)}</summary>{self.svg(path)}</details>"
            for path in self.modules[1:]
        ]
        return f'<div style="max-width:100%;overflow-x:auto">{"".join(parts)}</div>'


def _place_in(paths: Sequence[str]) -> Callable[[str], tuple[int, ...]]:
    """Sorts paths so that each follows the one it is in, those beside one another as given."""
    place = {path: number for number, path in enumerate(paths)}

    def key(path: str) -> tuple[int, ...]:
        parts = path.split(".")
        return tuple(place.get(".".join(parts[:n]), -1) for n in range(1, len(parts) + 1))

    return key


def _guide(path: str, last: Mapping[str, bool]) -> str:
    """The lines of a tree before a module's name."""
    parts = path.split(".")
    above = (".".join(parts[:n]) for n in range(1, len(parts)))
    lines = "".join("   " if last.get(each, True) else "│  " for each in above)
    return lines + ("└─ " if last[path] else "├─ ")
