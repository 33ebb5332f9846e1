"""The metadata of the packages: nobody invented, and links that lead somewhere or are none."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """What the build backend reads."""
    spec = importlib.util.spec_from_file_location("hatch_build", _ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("repo", "site"),
    [
        ("", ""),
        ("https://code.example/n", ""),
        ("", "https://docs.example"),
        ("https://code.example/n", "https://docs.example"),
    ],
)
def test_links_of_the_readme_lead_somewhere(build: ModuleType, repo: str, site: str) -> None:
    """On a package index none is relative; without a place to lead to it is a word."""
    readme = (_ROOT / "README.md").read_text("utf-8")
    text = build.absolute(readme, repo, site)
    links = _LINK.findall(text)
    assert all(link.startswith("https://") for link in links)
    assert len(links) == len(_LINK.findall(readme)) or not (repo and site)


def test_every_page_that_the_readme_names_is_there() -> None:
    """Also those that the site is made of."""
    readme = (_ROOT / "README.md").read_text("utf-8")
    relative = [link for link in _LINK.findall(readme) if not link.startswith("http")]
    assert relative
    assert [link for link in relative if not (_ROOT / link).exists()] == []


def test_urls_are_those_of_the_publisher(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None without one, and from there all."""
    hook = build.CustomMetadataHook(str(_ROOT), {})
    monkeypatch.delenv("NORMDROP_REPO_URL", raising=False)
    monkeypatch.delenv("NORMDROP_SITE_URL", raising=False)
    metadata: dict[str, object] = {}
    hook.update(metadata)
    assert metadata["urls"] == {}
    monkeypatch.setenv("NORMDROP_REPO_URL", "https://code.example/n/")
    hook.update(metadata)
    urls = metadata["urls"]
    assert isinstance(urls, dict)
    assert urls["Issues"] == "https://code.example/n/issues"
    assert "Documentation" not in urls
