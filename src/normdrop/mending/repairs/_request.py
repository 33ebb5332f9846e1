"""What the user asks of a fix."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from normdrop.errors import unknown
from normdrop.mending.repairs._places import MOVES, Move


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of a fix.

    Attributes:
        move: What becomes of noise that feeds a norm: one move for all layers, or one for some, by
            path. Left out, each layer gets the first move that leaves no finding.
        prefer: Which moves come first wherever they do no harm, the first of them before all.
        remove_bias: Whether a cancelled bias is removed rather than set to zero.

    Raises:
        UsageError: There is no such move.

    >>> Request({"features": "head"}).of("features.drop"), Request("uniform").of("drop")
    ('head', 'uniform')
    """

    move: Move | Mapping[str, Move] | None = None
    prefer: tuple[Move, ...] = ()
    remove_bias: bool = False
    _by_path: Mapping[str, Move] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse moves that are none."""
        given = self.move
        by_path = dict(given) if isinstance(given, Mapping) else {"": given} if given else {}
        for move in self.prefer:
            if move not in MOVES:
                raise unknown(f"prefer: no move is called {move!r}", move, tuple(MOVES))
        for path, move in by_path.items():
            if move not in MOVES:
                where = f" for {path!r}" if path else ""
                raise unknown(f"no move is called {move!r}{where}", move, tuple(MOVES))
        object.__setattr__(self, "_by_path", by_path)

    def of(self, layer: str) -> Move | None:
        """What is asked for a layer: by its own path, or else by that of a module around it."""
        path = layer
        while path not in self._by_path:
            if not path:
                return None
            path = path.rpartition(".")[0]
        return self._by_path[path]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are spoken of."""
        return tuple(path for path in self._by_path if path)
