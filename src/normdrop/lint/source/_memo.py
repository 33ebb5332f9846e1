"""A mapping that works its values out once."""

from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key")
Found = TypeVar("Found")


class Memo(dict[Key, Found]):
    """What a function yields, kept for each argument; read like a dictionary, at its speed.

    >>> lengths = Memo(len)
    >>> lengths["norm"], lengths
    (4, {'norm': 4})
    """

    def __init__(self, function: Callable[[Key], Found]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Key) -> Found:
        found = self[key] = self._function(key)
        return found
