"""How much a shift matters."""

from typing import Literal

Severity = Literal["error", "warning", "note"]

_ERROR_BELOW = 0.8
_WARNING_BELOW = 0.95


def severity(shift: float) -> Severity:
    """How much a shift matters, whichever way it goes.

    Args:
        shift: eval variance / train variance; 1 is no shift.

    Returns:
        `"error"` below 0.8 or above 1/0.8, `"warning"` below 0.95 or above 1/0.95, else `"note"`.
        A shift that is not a number is a note.

    >>> severity(0.5), severity(1.3), severity(0.9), severity(1.0)
    ('error', 'error', 'warning', 'note')
    """
    distance = min(shift, 1 / shift) if shift > 0 else shift
    if distance < _ERROR_BELOW:
        return "error"
    return "warning" if distance < _WARNING_BELOW else "note"
