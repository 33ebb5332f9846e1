"""Python source as the rules see it: followed as far as can be proven, never executed."""

from typing import TYPE_CHECKING

from normdrop.lint.source._files import SUFFIXES as SUFFIXES
from normdrop.lint.source._files import NoFileError as NoFileError
from normdrop.lint.source._files import Text as Text
from normdrop.lint.source._files import files as files
from normdrop.lint.source._files import read_text as read_text
from normdrop.lint.source._files import unreadable as unreadable
from normdrop.lint.source._index import SourceCall as SourceCall
from normdrop.lint.source._memo import Memo as Memo
from normdrop.lint.source._names import MODEL_WORDS as MODEL_WORDS
from normdrop.lint.source._names import counts_classes as counts_classes
from normdrop.lint.source._names import functional_call as functional_call
from normdrop.lint.source._source import Source as Source
from normdrop.lint.source._source import open_project as open_project
from normdrop.lint.source._source import parse_source as parse_source

if TYPE_CHECKING:
    # Others only name these types, and most checks make no value of them.
    from normdrop.lint.source._project import Project as Project
    from normdrop.lint.source._sketch import Sketch as Sketch
    from normdrop.lint.source._values import LayerOperation as LayerOperation
