"""Changes that can all be taken back."""

from collections.abc import Callable
from types import TracebackType
from typing import Self


class Journal:
    """Writes down how to take each change of a model back.

    As a context it takes everything back when an error leaves it, so that a model is changed as a
    whole or not at all.

    >>> numbers = [1]
    >>> journal = Journal()
    >>> mark = journal.mark()
    >>> numbers.append(2)
    >>> journal.on_undo(lambda: numbers.remove(2))
    >>> journal.back_to(mark)
    >>> numbers
    [1]
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.back_to(0)

    def on_undo(self, action: Callable[[], object]) -> None:
        """Write down what takes the latest change back."""
        self._undo.append(action)

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Take back every change since a mark, the latest first."""
        while len(self._undo) > mark:
            self._undo.pop()()
