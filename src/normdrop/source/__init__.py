"""Python source as the rules see it: followed as far as can be proven, never executed."""

from typing import TYPE_CHECKING

from ._files import Text as Text
from ._files import files as files
from ._files import read_text as read_text
from ._index import Call as Call
from ._source import Source as Source
from ._source import read as read

if TYPE_CHECKING:
    # Others only name these types, and most checks make no value of them.
    from ._sketch import Sketch as Sketch
    from ._values import Part as Part
