"""A line of the user's source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A line of the user's source.

    Attributes:
        file: Its path.
        line: The line, counted from 1.
        column: The column, counted from 1; 0 where it is not known.

    >>> str(Location("model.py", 12)), str(Location("model.py", 12, 5))
    ('model.py:12', 'model.py:12:5')
    """

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        """As editors take it: `file:line:column`."""
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
