"""What each verb found as a page: verdict first, next command last, nothing from outside."""

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from torch import nn

import normdrop
from normdrop.lint.rules import check_files, selected
from normdrop.report import result_html, write_result
from normdrop.report._result import Result


def _model(*, clean: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5)]
    order = (0, 1, 2, 3) if clean else (0, 3, 1, 2)
    return nn.Sequential(*(layers[each] for each in order), nn.Linear(8, 2))


def _batches() -> list[torch.Tensor]:
    return [torch.randn(32, 8) for _ in range(3)]


def _squared(outputs: torch.Tensor, _targets: object) -> float:
    return float(outputs.square().mean())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Result, str]]:
    """One result of each verb, and what its page's first line has to say."""
    source = tmp_path_factory.mktemp("source") / "net.py"
    source.write_text(
        "from torch import nn\nmodel = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"
    )
    model = _model()
    data = [(batch, batch) for batch in _batches()]
    off = "1 of 1 norm layer is off by more than"
    return {
        "check of source": (check_files([str(source)], selected()), "1 error"),
        "check": (normdrop.check(model, (8,)), "1 error"),
        "check, clean": (normdrop.check(_model(clean=True), (8,)), "ok: nothing found"),
        "predict": (normdrop.predict(model, (8,)), off),
        "predict, clean": (normdrop.predict(_model(clean=True), (8,)), "ok: 1 norm layer within"),
        "measure": (normdrop.measure(model, data, _squared), off),
        "fix": (normdrop.fix(model, (8,)), "1 change made"),
        "recalibrate": (normdrop.recalibrate(model, data, _squared), "1 norm layer are new; "),
    }


NAMES = (
    *("check of source", "check", "check, clean", "predict", "predict, clean"),
    *("measure", "fix", "recalibrate"),
)


@pytest.mark.parametrize("name", NAMES)
def test_each_verb_has_a_page(
    name: str, results: dict[str, tuple[Result, str]], tmp_path: Path, browser: Browser
) -> None:
    """Its verdict stands above everything, its next command below; it fits a phone."""
    result, verdict = results[name]
    file = write_result(result, tmp_path / "page.html", name="net.py", following="normdrop data")
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme="dark")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    assert verdict in page.locator("header p").inner_text()
    assert page.locator("main > :last-child").inner_text() == "Next: normdrop data"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
    page.close()


def test_what_is_shown_is_data() -> None:
    """Neither a path nor a message nor a command acts in a page."""
    hostile = "</script><b>&"
    model = nn.Sequential()
    model.add_module(hostile.replace(".", ""), nn.Dropout(0.5))
    model.add_module("norm", nn.BatchNorm1d(8))
    for result in (normdrop.check(model, (8,)), normdrop.predict(model, (8,))):
        assert "<b>" not in result_html(result, name=hostile, following=hostile)
