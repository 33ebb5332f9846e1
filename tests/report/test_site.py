"""The site is built without a warning, and has all public names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import normdrop

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link or anchor or a forgotten page is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_public_name_is_documented(site: Path) -> None:
    """Verbs, values and building blocks have an entry each."""
    page = (site / "reference" / "python.html").read_text("utf-8")
    entries = set(re.findall(r'id="normdrop\.[\w.]*?(\w+)"', page))
    names = {name for name in normdrop.__all__ if name not in {"keras", "lab", "report", "theory"}}
    assert names - {"torch", "Dataset"} <= entries


def test_examples_are_code(site: Path) -> None:
    """What stands behind a prompt in a docstring is no quotation."""
    page = (site / "reference" / "python.html").read_text("utf-8")
    assert "<blockquote>" not in page
    assert 'class="gp"' in page


def test_every_command_is_documented(site: Path) -> None:
    """With its options, made of the commands themselves."""
    page = (site / "reference" / "command-line.html").read_text("utf-8")
    commands = {file.stem for file in (_ROOT / "src/normdrop/cli").glob("[a-z]*.py")}
    assert all(f'id="normdrop-{name}"' in page for name in commands)
    assert "--stdin-filename" in page


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """Pages bring fonts, scripts and pictures with them."""
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r'<(?:script|img|link)[^>]+(?:src|href)="https?://', text), page


def test_a_copy_on_disk_can_be_searched(site: Path, browser: Browser) -> None:
    """Without a server and without a network."""
    page = browser.new_page(viewport={"width": 1300, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((site / "index.html").as_uri())
    page.locator(".md-search__input").fill("recalibrate")
    page.locator(".md-search-result__item").first.wait_for(timeout=60_000)
    assert page.locator(".md-search-result__item").count() > 3
    assert complaints == []
    page.close()


def test_copying_takes_what_is_typed(site: Path, browser: Browser) -> None:
    """Neither prompts nor what is printed."""
    page = browser.new_page()
    page.goto((site / "view.html").as_uri())
    copied = page.evaluate("""() => {
      const code = [...document.querySelectorAll("code")].find((each) => each.querySelector(".gp"));
      code.setAttribute("data-md-copying", "");
      return code.innerText;
    }""")
    assert ">>>" not in copied
    assert copied.startswith("import normdrop")
    assert "'1.drop': 1" not in copied
    page.close()
