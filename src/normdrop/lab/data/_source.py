"""What the registry knows of a data set before any file is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from normdrop.lab.data._dataset import Split, Task
from normdrop.lab.data._files import Part

Assemble: TypeAlias = Callable[[Mapping[str, Part]], tuple[Split, Split]]


@dataclass(frozen=True)
class Download:
    """A published file: its name, SHA-256, size in bytes, and addresses that serve it."""

    file: str
    sha256: str
    size: int
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class DataSource:
    """A data set as its page in the registry describes it.

    Attributes:
        name: The name it is loaded by; its module is called the same, with `_` for `-`.
        title: Its name in print.
        task: "classification" or "regression".
        classes: The number of classes; none for regression.
        shape: The shape of one input.
        sizes: How many rows the published files train and test on.
        citation: What to cite.
        assemble: Makes the train and test splits from the contents of `parts`.
        parts: Names of the uncompressed files the data consists of; none if it is embedded.
        archive: A `.tar.gz` that holds all parts, if the data is published as one.
        downloads: The published files.
        known: Notes on particular files: SHA-256 of a part's content, and what to say about it.
    """

    name: str
    title: str
    task: Task
    classes: int | None
    shape: tuple[int, ...]
    sizes: tuple[int, int]
    citation: str
    assemble: Assemble
    parts: tuple[str, ...] = ()
    archive: str | None = None
    downloads: tuple[Download, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def way_out(self) -> str:
        """What to type when the files are missing or broken."""
        return f"`normdrop data get {self.name}` downloads them"
