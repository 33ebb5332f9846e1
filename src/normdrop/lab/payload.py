"""Recipes and data sets handed over as values, on their way to the processes that train.

What comes with normdrop is found by its name. What was made in a notebook or a script, and the text
of a recipe in a file, is pickled by value into a file that only this user's workers read.
"""

import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cloudpickle

from normdrop.lab.data import Dataset, load
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import file_of, find, from_text
from normdrop.lab.trial import NO_DATA


@dataclass(frozen=True)
class Payload:
    """What was handed over, by the names that trials have for it.

    Attributes:
        recipes: Recipes by name.
        texts: What stands in the files of recipes, by the recipes' names: what is edited while a
            run lasts is not trained under the name of what it was.
        datasets: Data sets by name.
    """

    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything was handed over."""
        return bool(self.recipes or self.texts or self.datasets)

    def recipe(self, name: str) -> Recipe:
        """The recipe of a trial."""
        file = file_of(name)
        if file is not None and name in self.texts:
            return from_text(self.texts[name], file)
        return self.recipes[name] if name in self.recipes else find(name)

    def dataset(self, name: str) -> Dataset | None:
        """The data set of a trial, if it has one."""
        if name == NO_DATA:
            return None
        return self.datasets[name] if name in self.datasets else load(name)

    def write(self, path: Path) -> None:
        """Write it for workers, with the folders that modules are imported from."""
        path.write_bytes(pickle.dumps((sys.path, cloudpickle.dumps(self))))

    @classmethod
    def read(cls, path: Path) -> "Payload":
        """What `write` wrote; modules are imported from where the driver has them."""
        folders, pickled = pickle.loads(path.read_bytes())  # noqa: S301 - see the import
        sys.path[:] = [*sys.path, *(folder for folder in folders if folder not in sys.path)]
        payload = pickle.loads(pickled)  # noqa: S301 - see the import
        if not isinstance(payload, cls):
            message = f"{path} holds no payload"
            raise TypeError(message)
        return payload
