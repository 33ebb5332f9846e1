"""The site is built without a warning, and has all public names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import normdrop

_ROOT = Path(__file__).parents[1]


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
