"""The page of a map in a browser: links, keys and buttons do what they say."""

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import nn

import normdrop
from normdrop.report import map_html, write_map


class Block(nn.Module):
    """A residual block with dropout before its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The branch and the trunk."""
        out: torch.Tensor = x + self.norm(self.drop(self.conv(x)))
        return out


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The map of a model of two stages of blocks, more than one picture has room for."""
    torch.manual_seed(0)
    stages = [nn.Sequential(*(Block() for _ in range(12))) for _ in range(2)]
    model = nn.Sequential(nn.Conv2d(3, 8, 3), *stages)
    return write_map(normdrop.view(model, (3, 8, 8)), tmp_path_factory.mktemp("map") / "map.html")


class Chain(nn.Module):
    """Noise that meets one norm, and shifts another behind it."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 8, 3)
        self.drop = nn.Dropout(p)
        self.first = nn.BatchNorm2d(8)
        self.last = nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The first norm stands between the noise and the last one."""
        out: torch.Tensor = self.last(self.first(self.drop(self.enter(x))).square())
        return out


def test_a_page_counts_norms_that_noise_shifts_from_afar() -> None:
    """What noise meets first, and what it shifts behind that; nothing of the kind without noise."""
    torch.manual_seed(0)
    model = normdrop.view(Chain(0.5), (3, 12, 12))
    assert model.reached_by("drop") == ("first",)
    assert set(model.shifted_by("drop")) == {"first", "last"}
    assert "reaches 1 norm, shifts 1 behind<" in map_html(model)
    near = normdrop.view(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout(), nn.BatchNorm2d(8)), (3, 9, 9)
    )
    assert "reaches 1 norm<" in map_html(near)
    assert not normdrop.view(Chain(0.0), (3, 12, 12)).noises


def _opened(browser: Browser, file: Path, **how: object) -> tuple[Page, list[str]]:
    page = browser.new_page(**how)  # type: ignore[arg-type] # one option of the browser's a test
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    return page, complaints


def _shown(page: Page) -> list[str | None]:
    return [
        each.get_attribute("aria-label")
        for each in page.locator(".view").all()
        if each.is_visible()
    ]


def test_clicks_open_modules_and_lead_back(page_file: Path, browser: Browser) -> None:
    """One picture at a time; a module's box opens it, the trail and Escape lead up again."""
    page, complaints = _opened(browser, page_file)
    assert _shown(page) == ["Sequential"]
    page.locator('.view:visible a[aria-label="open 1"]').first.click()
    assert _shown(page) == ["1"]
    page.locator('.view:visible a[aria-label="open 1.3"]').first.click()
    assert _shown(page) == ["1.3"]
    page.keyboard.press("Escape")
    assert _shown(page) == ["1"]
    page.get_by_role("link", name="Sequential", exact=True).locator("visible=true").click()
    assert _shown(page) == ["Sequential"]
    page.go_back()
    assert _shown(page) == ["1"]
    assert complaints == []


def test_the_keyboard_alone_opens_a_module(page_file: Path, browser: Browser) -> None:
    """Tab reaches the first module inside, Enter opens it."""
    page, _ = _opened(browser, page_file)
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "a":
            break
    page.keyboard.press("Enter")
    assert _shown(page) == ["1"]


def test_one_noise_is_seen_alone(page_file: Path, browser: Browser) -> None:
    """Pressed, it stands out and the others fade; pressed again, all are back."""
    page, _ = _opened(browser, page_file, viewport={"width": 1400, "height": 900})
    page.goto(f"{page_file.as_uri()}#m1")
    button = page.locator('button[data-noise="1"]')
    other = page.locator('button[data-noise="2"]')

    def opacity(number: int) -> float:
        script = (
            "n => Number(getComputedStyle(document.querySelector("
            '`.view:target .nd-arrow[data-noise="${n}"]`)).opacity)'
        )
        page.goto(f"{page_file.as_uri()}#{_anchor(page, number)}")
        return float(page.evaluate(script, number))

    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert opacity(1) == 1
    assert opacity(2) < 0.5
    other.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert opacity(2) == 1
    other.click()
    assert opacity(1) == 1


def _anchor(page: Page, number: int) -> str:
    """The picture of the block whose noise has a number."""
    found = page.locator(f'.view:has(.nd-noise[data-noise="{number}"])').last.get_attribute("id")
    assert found is not None
    return found


def test_zoom(page_file: Path, browser: Browser) -> None:
    """By button and by key; 0 fits the picture again."""
    page, _ = _opened(browser, page_file)
    width = "document.querySelector('.view svg').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.get_by_role("button", name="larger").click()
    page.keyboard.press("+")
    assert page.evaluate(width) > before * 1.4
    page.keyboard.press("0")
    assert page.evaluate(width) == pytest.approx(before)


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_makes_the_page_scroll_sideways(
    page_file: Path, browser: Browser, width: int, scheme: str
) -> None:
    """On a phone and on a desk, light and dark."""
    page, complaints = _opened(
        browser, page_file, viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(
    page_file: Path, browser: Browser, scheme: str
) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3), in pictures and beside them."""
    page, _ = _opened(
        browser, page_file, viewport={"width": 1400, "height": 900}, color_scheme=scheme
    )
    page.goto(f"{page_file.as_uri()}#{_anchor(page, 1)}")
    weakest = page.evaluate(_CONTRAST)
    assert weakest["ratio"] >= 4.5, weakest


_CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((v) => v / 255).map(
      (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const box = element.closest(".nd-box, .nd-end");
    if (box) return getComputedStyle(box.querySelector("rect")).fill;
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour && !/, 0\\)|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  let weakest = { ratio: 99 };
  const texts = "h1, h2, p, td, th, dd, dt, button, span, tspan, kbd, a, li";
  for (const element of document.querySelectorAll(texts)) {
    if (!element.checkVisibility() || ![...element.childNodes].some(
      (node) => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const text = element.textContent;
    if (ratio < weakest.ratio) weakest = { ratio, text, ink, on: behind(element) };
  }
  return weakest;
}"""


def test_every_control_has_a_name(page_file: Path, browser: Browser) -> None:
    """What a screen reader says of links and buttons is never empty."""
    page, _ = _opened(browser, page_file)
    for role in ("link", "button"):
        for each in page.get_by_role(role).all():
            assert (each.get_attribute("aria-label") or each.inner_text()).strip()


def test_the_page_of_a_large_model_is_small() -> None:
    """Forty blocks, each with a picture of its own, in less than 3 MB."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), *(Block() for _ in range(40)))
    assert len(map_html(normdrop.view(model, (3, 8, 8))).encode()) < 3e6
