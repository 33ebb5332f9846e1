"""The report is one safe file that needs nothing from outside."""

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs
from synthetic_outcomes import DESCRIPTION, ORDERS, comparison, ended, race, troubled

from normdrop.errors import NormdropError
from normdrop.lab.comparison import Comparison
from normdrop.report import to_html, write_html

HOSTILE = "</script><script>alert(1)</script><img src=http://x.example/a onerror=alert(2)>"


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, and its text outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Elements close in the order they were opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep scripts and text apart."""
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def html() -> str:
    """The report of ten orders with eleven seeds, one divergence and one failure."""
    return to_html(troubled())


def test_everything_is_there(html: str) -> None:
    """Ranking, published figures, sentences, trials, failures, settings, versions, checksum."""
    page = Page(html)
    assert page.open == []
    for words in (
        *ORDERS,
        *troubled().sentences(),
        "Every trial",
        "seed 10",
        "0.0324",
        "the training loss is nan in epoch 3",
        "out of memory",
        "batch_size",
        "2.13.0",
        "a" * 64,
    ):
        assert words in page.text, words
    assert sum(tag == "td" for tag, _ in page.elements) >= 10 * 13 + 10 * 12


def test_figures_stand_as_data(html: str) -> None:
    """Four figures, each JSON that plotly takes, each with its place on the page."""
    page = Page(html)
    places = [attrs["id"] for tag, attrs in page.elements if attrs.get("class") == "plot" and tag]
    sources = re.findall(
        r'<script type="application/json" data-figure="([^"]+)">(.*?)</script>', html, re.DOTALL
    )
    assert (
        [name for name, _ in sources]
        == places
        == ["ranking", "test-curves", "train-curves", "modes"]
    )
    for _, source in sources:
        figure = json.loads(source)
        assert figure["data"]
        assert figure["layout"]["height"] > 0


def test_no_request_to_anywhere(html: str) -> None:
    """No address, no link, no source outside the file; the page's own policy forbids them too."""
    page = Page(html)
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(name, "data:,") == "data:,", (tag, attributes)
        assert tag not in {"iframe", "object", "embed", "base", "form"}
    assert "://" not in html
    assert "@import" not in html
    assert "url(" not in html
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") and t == "meta")
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_the_library_is_whole(html: str) -> None:
    """What is unpacked in the browser is plotly's own source, byte for byte."""
    packed = re.search(r'<script type="text/plain" id="plotly">(.*?)</script>', html, re.DOTALL)
    assert packed is not None
    assert gzip.decompress(base64.b64decode(packed[1])).decode() == get_plotlyjs()
    assert len(html) < 2_500_000


def test_names_and_messages_cannot_act() -> None:
    """Markup in a name, message, title, note, setting or version is shown and never acts."""
    variants = (HOSTILE, ORDERS[1])
    description = replace(
        DESCRIPTION,
        title=HOSTILE,
        question=HOSTILE,
        source=HOSTILE,
        variants=variants,
        published={"test_loss": {HOSTILE: 0.03}},
        published_label=HOSTILE,
        data_notes=(HOSTILE,),
    )
    outcomes = []
    for result in race(7, ORDERS[:2]):
        name = HOSTILE if result.trial.variant == ORDERS[0] else ORDERS[1]
        trial = replace(
            result.trial, variant=name, data=HOSTILE, recipe=HOSTILE, settings={HOSTILE: HOSTILE}
        )
        outcomes.append(replace(result, trial=trial, versions={HOSTILE: HOSTILE}))
    outcomes[0] = ended(outcomes[0], "failed", HOSTILE)
    text = to_html(Comparison(description, tuple(outcomes)))
    page, plain = Page(text), Page(to_html(comparison(7)))
    count = [tag for tag, _ in page.elements].count("script")
    assert count == [tag for tag, _ in plain.elements].count("script")
    assert "img" not in {tag for tag, _ in page.elements}
    assert page.open == []
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert page.text.count(HOSTILE) >= 12


def test_light_dark_print_and_phone(html: str) -> None:
    """The page has a dark scheme, a sheet for print and a viewport for phones."""
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


def test_same_comparison_same_file() -> None:
    """The report holds no clock and no random name: two runs give the same bytes."""
    assert to_html(comparison(3)) == to_html(comparison(3))


def test_nothing_finished_still_reports() -> None:
    """With no result there are no figures and no library, and every failure is listed."""
    outcomes = tuple(ended(o, "failed", f"boom {o.trial.seed}", epochs=1) for o in race(2))
    html = to_html(Comparison(DESCRIPTION, outcomes))
    assert 'id="plotly"' not in html
    assert html.count("failed after\n1 epoch.") == 20
    assert Page(html).open == []


def test_writes_atomically(tmp_path: Path) -> None:
    """The file is written whole, folders are made, and a place that cannot be is named."""
    path = write_html(comparison(1), tmp_path / "out" / "report.html")
    assert path.read_text(encoding="utf-8") == to_html(comparison(1))
    with pytest.raises(NormdropError, match="cannot write"):
        write_html(comparison(1), path / "report.html")
