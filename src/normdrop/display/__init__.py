"""How values look: terminal tables, figures, HTML fragments. Knows plain tables, not models.

Figures need plotly and live in `normdrop.display.figures`, which nothing here imports.
"""

from normdrop.display._numbers import duration as duration
from normdrop.display._numbers import p_value as p_value
from normdrop.display._numbers import percentage as percentage
from normdrop.display._numbers import rounded as rounded
from normdrop.display._numbers import with_uncertainty as with_uncertainty
from normdrop.display._table import Column as Column
from normdrop.display._table import Row as Row
from normdrop.display._table import Table as Table
from normdrop.display._table import Tone as Tone
from normdrop.display._table import escaped as escaped
from normdrop.display._table import in_markdown as in_markdown
from normdrop.display._table import printable as printable
