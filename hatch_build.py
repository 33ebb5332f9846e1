"""Where the project lives, for its metadata: said once, by who publishes it.

`NORMDROP_REPO_URL` and `NORMDROP_SITE_URL` are read when a wheel or sdist is built. With them the
links of the README lead there, as a package index needs; without them they are words, and none is
broken.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#)([^)]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Adds the README and the URLs."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Change the metadata in place."""
        repo = os.environ.get("NORMDROP_REPO_URL", "").rstrip("/")
        site = os.environ.get("NORMDROP_SITE_URL", "").rstrip("/")
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, repo, site)}
        urls = {
            "Documentation": site,
            "Source": repo,
            "Changelog": repo and f"{repo}/blob/main/CHANGELOG.md",
            "Issues": repo and f"{repo}/issues",
        }
        metadata["urls"] = {name: url for name, url in urls.items() if url}


def absolute(text: str, repo: str, site: str) -> str:
    """A README whose links work away from the repository.

    >>> absolute("[predict](docs/predict.md)", "", "https://docs.example")
    '[predict](https://docs.example/predict.html)'
    >>> absolute("[predict](docs/predict.md)", "https://code.example/normdrop", "")
    '[predict](https://code.example/normdrop/blob/main/docs/predict.md)'
    >>> absolute("[predict](docs/predict.md)", "", "")
    'predict'
    """

    def led(link: re.Match[str]) -> str:
        words, target = link.groups()
        if site and target.startswith("docs/") and target.endswith(".md"):
            page = target.removeprefix("docs/").removesuffix(".md")
            return f"[{words}]({site}/{page}.html)"
        return f"[{words}]({repo}/blob/main/{target})" if repo else words

    return _LINK.sub(led, text)
