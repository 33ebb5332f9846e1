"""Which functions and classes of a file may come to draw a model, by the words in them."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence

from normdrop.lint.source._keras_layers import KERAS_NOISE_AND_NORMS
from normdrop.lint.source._memo import Memo
from normdrop.lint.source._names import MODEL_WORDS
from normdrop.lint.source._tensorflow_layers import TENSORFLOW_NOISE_AND_NORMS
from normdrop.lint.source._torch_layers import TORCH_NOISE_AND_NORMS
from normdrop.lint.source._values import Elsewhere, Imported, Names, definitions

_WORD = re.compile(rb"[A-Za-z_]\w*")
_MATTERS = re.compile(rb"[Dd]ropout|BatchNorm|batch_norm")
_NORM = re.compile("|".join(MODEL_WORDS).encode())
_ASKED = re.compile(rb"isinstance\([^()]*(?:\([^()]*\)[^()]*)*\)")
_DRAWS = re.compile(
    f"{TORCH_NOISE_AND_NORMS}|{KERAS_NOISE_AND_NORMS}|{TENSORFLOW_NOISE_AND_NORMS}".encode()
)


class Reach:
    """The words in the pieces of a file, and those of them that lead to noise or a norm.

    What is followed must speak of dropout or batch norm, and lead to the name of a layer or
    function that makes a node of noise or of a norm: without one nothing is said of its order.
    """

    def __init__(self, tree: ast.Module, imported: Names, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._words: Memo[ast.FunctionDef | ast.ClassDef, set[bytes]] = Memo(self._below)
        # Another file speaks of them for what is imported from it.
        beside = {
            name.encode()
            for name, value in imported.items()
            if isinstance(value, Elsewhere) and value.matters()
        }
        spoken = [({node.name.encode()}, self._words[node]) for node in definitions(tree.body)]
        self._speaking = _closed(spoken, lambda word: word in beside or bool(_MATTERS.search(word)))
        makers = beside | {
            name.encode()
            for name, value in imported.items()
            if isinstance(value, Imported)
            and _DRAWS.fullmatch(value.name.rpartition(".")[2].encode())
        }
        self._drawing = _closed(
            list(self._pieces(tree)), lambda word: word in makers or bool(_DRAWS.fullmatch(word))
        )

    def __bool__(self) -> bool:
        """Whether anything in the file may draw."""
        return bool(self._drawing)

    def __contains__(self, piece: ast.FunctionDef | ast.ClassDef) -> bool:
        """Whether a function, or a class with all its methods, is worth following."""
        return not (
            self._words[piece].isdisjoint(self._speaking)
            or self._all(piece).isdisjoint(self._drawing)
        )

    def _pieces(self, tree: ast.Module) -> Iterator[tuple[set[bytes], set[bytes]]]:
        """What each statement of the module, and each method, binds, and the words in it."""
        for node in definitions(tree.body):
            yield {node.name.encode()}, self._all(node)
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    yield {inner.name.encode()}, self._all(inner)
        apart = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
        for statement in tree.body:
            if not isinstance(statement, apart):
                words = self._between(statement.lineno - 1, statement.end_lineno)
                yield _bound(statement), words

    def _all(self, node: ast.FunctionDef | ast.ClassDef) -> set[bytes]:
        """All words of a definition; one that calls itself as a module runs its forward."""
        words = self._words[node] | self._between(node.lineno - 1, node.lineno)
        return words | {b"forward", b"call"} if b"self" in words else words

    def _below(self, node: ast.FunctionDef | ast.ClassDef) -> set[bytes]:
        """The words of a definition below its first line."""
        return self._between(node.lineno, node.end_lineno)

    def _between(self, first: int, last: int | None) -> set[bytes]:
        return set(_WORD.findall(b"\n".join(self._lines[first:last])))


def leading(tree: ast.Module, imported: Names, lines: Sequence[bytes]) -> set[bytes]:
    """The functions and classes of a file, and what it imports, in which words lead to a norm.

    What is asked for its type is not made: that does not count.
    """
    pieces = [
        ({node.name.encode()}, set(_WORD.findall(_made_in(node, lines))))
        for node in definitions(tree.body)
    ]
    beside = {
        name.encode()
        for name, value in imported.items()
        if isinstance(value, Elsewhere) and value.matters()
    }
    return _closed(pieces, lambda word: word in beside or bool(_NORM.match(word)))


def _made_in(node: ast.FunctionDef | ast.ClassDef, lines: Sequence[bytes]) -> bytes:
    return _ASKED.sub(b"", b"\n".join(lines[node.lineno - 1 : node.end_lineno]))


def _bound(node: ast.stmt) -> set[bytes]:
    """The names that a statement of the module binds."""
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            found.add(each.id.encode())
        elif isinstance(each, ast.FunctionDef | ast.ClassDef):
            found.add(each.name.encode())
    return found


def _closed(
    pieces: list[tuple[set[bytes], set[bytes]]], begins: Callable[[bytes], bool]
) -> set[bytes]:
    """The words that begin it, and the names of all pieces in which words that lead there stand."""
    found = {word for word in set().union(*(words for _, words in pieces)) if begins(word)}
    while True:
        more = {name for names, words in pieces if not words.isdisjoint(found) for name in names}
        if more <= found:
            return found
        found |= more
