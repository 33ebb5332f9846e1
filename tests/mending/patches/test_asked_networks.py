"""The networks of the guide, before and after, are what `fix` makes of them."""

import re
from pathlib import Path

import pytest

from normdrop.lint.rules import selected
from normdrop.mending.patches import harms_in, patch_text

_PAGE = (Path(__file__).parents[3] / "docs" / "fix.md").read_text(encoding="utf-8")
_NETWORKS = re.findall(
    r"\*\*(.+?)\*\*[^`]*?(?:`[^`]+`[^`]*?)*```python\n(.+?)```\n\n```diff\n(.+?)```",
    _PAGE.partition("## Networks that people ask about")[2],
    re.DOTALL,
)


def test_all_networks_of_the_page_are_read() -> None:
    """As many as have a source."""
    assert len(_NETWORKS) == _PAGE.count("```diff") >= 5


@pytest.mark.parametrize(("before", "shown"), [each[1:] for each in _NETWORKS])
def test_the_patch_is_the_one_shown(before: str, shown: str) -> None:
    """Line by line; and no dropout stands worse than before."""
    name = shown.splitlines()[0].removeprefix("--- ")
    patch = patch_text(name, before, selected(), unsafe=True)
    made = [line.rstrip() for line in patch.diff().splitlines()]
    assert made == [line.rstrip() for line in shown.splitlines()]
    did, does = harms_in(before), harms_in(patch.after)
    assert all(does[harm] <= did[harm] for harm in does)
    for left in patch.left:
        if left.finding.code == "ND101" and left.finding.severity != "note":
            assert "recalibrate after training" in left.reason
