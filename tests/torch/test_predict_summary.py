"""The accuracy that the documentation states is the published table's, and nothing else."""

from pathlib import Path

from family.summary import TARGETS, publish, summary

_ROOT = Path(__file__).parents[2]
_PUBLISHED = (_ROOT / "benchmarks" / "predict.txt").read_text(encoding="utf-8")
_TABLE = """\
fresh weights, simulate (targets: median 0.02, 90 % 0.05, rank correlation 0.98)
                                    layers  median e  90 % e   largest  truth's own median
slow-net                                 2    0.0100  0.0600    0.0700    0.0010
good-net                                 3    0.0010  0.0020    0.0030    0.0010
all ReLU                                 2    0.0100  0.0600    0.0700    0.0010
all ELU, GELU and SiLU                   3    0.0010  0.0020    0.0030    0.0010
all                                      5    0.0050  0.0500    0.0700    0.0010
rank correlation 0.9700
true shift within 1 ± 0.01 but predicted outside 1 ± 0.02: 4 layers
2 networks; not measured: late-net

statistics that lag: mismatch above 0.024, or 3% initial
  lagging   all          9 of   10 flagged; mismatch 5 % 0.1, median 0.1, 95 % 0.1
  lagging   left         1 of    2 flagged; mismatch 5 % 0.1, median 0.1, 95 % 0.1
  settled   all          0 of   20 flagged; mismatch 5 % 0.1, median 0.1, 95 % 0.1
3 networks; not measured: none
"""


def test_page_states_the_published_numbers(tmp_path: Path) -> None:
    """Publishing the table again changes no byte of the page."""
    written = (_ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    page = tmp_path / "predict.md"
    page.write_text(written, encoding="utf-8")
    publish(_PUBLISHED, page)
    assert page.read_text(encoding="utf-8") == written


def test_every_method_is_published() -> None:
    """All three methods have a part of the table."""
    assert all(f"weights, {method} (" in _PUBLISHED for method in TARGETS)


def test_names_what_falls_short_and_what_is_missing() -> None:
    """A network beyond either target is named, one within is not, and neither is left out."""
    text = " ".join(summary(_TABLE).split())
    assert "beyond 0.02 or 0.05: slow-net (0.010, 0.060)." in text
    assert "good-net" not in text
    assert "Not measured: late-net." in text
    assert "| simulate, fresh weights | 2 | 5 | 0.005 (≤ 0.02) | 0.050 (≤ 0.05) | 0.9700" in text
    assert "9 of 10 models" in text
