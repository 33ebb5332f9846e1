"""The page on recalibration shows what the benchmark printed."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_shows_the_benchmarks_last_table() -> None:
    """Every shift and loss of the five rows, in order."""
    printed = (ROOT / "benchmarks" / "recalibrate.txt").read_text("utf-8")
    rows = printed.partition("loss in eval mode\n")[2].strip().splitlines()
    page = (ROOT / "docs" / "recalibrate.md").read_text("utf-8")
    shown = [line for line in page.splitlines() if line.count("|") == 6][2:]
    assert len(rows) == 5
    for row, line in zip(rows, shown, strict=True):
        assert row.split()[-4:] == [cell.strip() for cell in line.split("|")[2:-1]]
