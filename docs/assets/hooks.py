"""What the site's build adds to the pages: measured figures beside them, folders in the menu."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_PROMPTED = re.compile(r"^```python\n(?=>>> )", re.MULTILINE)
_BENCHMARKS = re.compile(r"\]\((?:\.\./)+benchmarks/([^)]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder in the menu stands for its pages, `index.md` first."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def _expanded(entry: Any, docs: Path) -> Any:  # noqa: ANN401 - what YAML holds
    if isinstance(entry, list):
        return [_expanded(each, docs) for each in entry]
    if isinstance(entry, dict):
        return {title: _expanded(inside, docs) for title, inside in entry.items()}
    if not entry.endswith("/"):
        return entry
    pages = sorted((docs / entry).glob("*.md"), key=lambda page: (page.stem != "index", page.stem))
    return [f"{entry}{page.name}" for page in pages]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The benchmarks' results are part of the site, since pages quote them."""
    folder = Path(config.docs_dir).parent / "benchmarks"
    for result in sorted([*folder.glob("*.txt"), folder / "precision.md"]):
        files.append(File.generated(config, f"benchmarks/{result.name}", abs_src_path=str(result)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:  # noqa: ANN401 - mkdocs' page
    """Prompts are marked as such, so that copying leaves them out; links find the benchmarks."""
    up = "../" * page.file.src_uri.count("/")
    markdown = _BENCHMARKS.sub(rf"]({up}benchmarks/\1)", markdown)
    return _PROMPTED.sub("```pycon\n", markdown)


def on_post_page(output: str, page: Any, **_: object) -> str:  # noqa: ANN401 - mkdocs' page
    """Searching a copy on disk takes a script that the theme would fetch; the site brings it."""
    return _local(output, "../" * page.url.count("/"))


def on_post_template(output_content: str, **_: object) -> str:
    """The same for the page that says that there is none."""
    return _local(output_content, "/")


def _local(html: str, up: str) -> str:
    return html.replace("https://unpkg.com/iframe-worker/shim", f"{up}assets/iframe-worker.js")
