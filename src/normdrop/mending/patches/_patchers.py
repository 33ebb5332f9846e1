"""Which patches mend which findings."""

from collections.abc import Callable, Iterator
from itertools import chain

from normdrop.mending.patches._script import Edit, Script
from normdrop.values.findings import Finding

from . import _arguments, _calls, _flow, _siblings

Patcher = Callable[[Script, Finding], Iterator[list[Edit]]]


def _later(script: Script, finding: Finding) -> Iterator[list[Edit]]:
    """Dropout goes behind the norm, wherever the layers are listed."""
    return chain(
        _siblings.later(script, finding),
        _flow.along_statements(script, finding),
        _flow.along_flow(script, finding),
    )


PATCHERS: dict[str, Patcher] = {
    "ND101": _later,
    "ND106": _siblings.earlier,
    "ND107": _later,
    "ND108": _arguments.plain_dropout,
    "ND201": _arguments.leave_out_bias,
    "ND202": _arguments.drop_keyword,
    "ND206": _arguments.turn_momentum,
    "ND207": _arguments.drop_keyword,
    "ND301": _arguments.pass_training,
    "ND302": _calls.keep_dropout,
    "ND403": _calls.use_output,
    "ND404": _arguments.rename_keyword,
    "ND501": _calls.multiply_noise,
    "ND502": _calls.ask_for_mode,
}
"""What yields the patches of a rule's findings, the preferred one first, by its code."""

MOVES = frozenset({"ND101", "ND106", "ND107"})
"""Rules whose patches move calls, and neither add nor lose any."""

RENAMES_KEYS = frozenset({"ND201", "ND202"})
"""Rules whose patches keep outputs, and yet change the keys of a state dict."""
