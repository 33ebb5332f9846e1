"""How values look: terminal tables, figures, HTML fragments. Knows plain tables, not models.

Figures need plotly and live in `normdrop.values.display.figures`, which nothing here imports.
"""

from normdrop.values.display._levels import MARKS as MARKS
from normdrop.values.display._levels import STYLES as STYLES
from normdrop.values.display._levels import Headline as Headline
from normdrop.values.display._levels import Level as Level
from normdrop.values.display._numbers import duration as duration
from normdrop.values.display._numbers import percentage as percentage
from normdrop.values.display._numbers import rounded as rounded
from normdrop.values.display._numbers import with_uncertainty as with_uncertainty
from normdrop.values.display._table import Column as Column
from normdrop.values.display._table import Row as Row
from normdrop.values.display._table import ShownAsTables as ShownAsTables
from normdrop.values.display._table import Table as Table
from normdrop.values.display._table import Tone as Tone
from normdrop.values.display._table import escaped as escaped
from normdrop.values.display._table import in_markdown as in_markdown
