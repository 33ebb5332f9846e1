"""What dropout before norm layers costs a residual network on real data, and what gets it back.

    NORMDROP_DATA=... python -m story           # from benchmarks/; resumes where it stopped
    NORMDROP_DATA=... python -m story NAME...   # only trains these networks

Writes `story.json` beside this folder, `docs/story.svg`, and the numbers in `docs/story.md`.
"""

import json
import sys
from pathlib import Path

import torch
from story.figure import figure
from story.measures import story
from story.page import publish
from story.training import trained

_BENCHMARKS = Path(__file__).parents[1]
_DOCS = _BENCHMARKS.parent / "docs"


def main() -> None:
    """Train what is missing, measure, and publish."""
    torch.set_num_threads(1)
    if sys.argv[1:]:
        for variant in sys.argv[1:]:
            trained(variant)
        return
    numbers = story()
    (_BENCHMARKS / "story.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    (_DOCS / "story.svg").write_text(figure(numbers), encoding="utf-8")
    publish(numbers, _DOCS / "story.md")


main()
