"""A recipe is one experiment: the rivals, the question, and how to build and train them."""

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, TypeAlias

from normdrop.errors import RecipeError

if TYPE_CHECKING:
    from torch import nn

    from normdrop.lab.trial import Setting

Shape: TypeAlias = tuple[int, ...]
NetworkFactory: TypeAlias = "Callable[[str, Shape, int, Mapping[str, Setting]], nn.Module]"


@dataclass(frozen=True)
class Recipe:
    """One experiment, described completely.

    Attributes:
        name: What `normdrop compare` calls it; the file's name with hyphens.
        version: Raise it with every change that alters a result, so that no stored one is reused.
        title: One line for people.
        question: What the experiment is to answer.
        source: Where the experiment comes from.
        variants: The rivals, in the order they are shown.
        baseline: The variant the others are held against.
        data: The data set used when none is named.
        seeds: How many seeds to train when none are named.
        settings: Default training settings: `epochs`, `batch_size`, `learning_rate` and whatever
            else `network` reads. Every recipe also takes `limit_train`, by default all examples.
        by_data: Settings that differ for a data set, by its name.
        network: `(variant, input shape, classes, settings)` to a freshly built torch module.
        published: The source's own test loss per variant, where it gives one.
        published_label: What these are, such as "MNIST, 20 epochs, one run each".
        dimensions: How many dimensions an example must have: 3 for images, 1 for vectors.
    """

    name: str
    version: int
    title: str
    question: str
    source: str
    variants: tuple[str, ...]
    baseline: str
    data: str
    seeds: int
    settings: "Mapping[str, Setting]"
    network: NetworkFactory
    dimensions: int
    by_data: "Mapping[str, Mapping[str, Setting]]" = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    published_label: str = ""

    def __post_init__(self) -> None:
        """Raise `RecipeError` when the fields contradict each other."""
        if self.baseline not in self.variants:
            raise RecipeError(f"recipe {self.name}: its baseline {self.baseline} is no variant")
        if len(set(self.variants)) != len(self.variants):
            raise RecipeError(f"recipe {self.name}: a variant is listed twice")
        for required in ("epochs", "batch_size", "learning_rate"):
            if required not in self.settings:
                raise RecipeError(f"recipe {self.name}: its settings lack {required}")
        for variant in self.published:
            if variant not in self.variants:
                raise RecipeError(f"recipe {self.name}: published {variant} is no variant")

    def settings_for(
        self, data: str, given: "Mapping[str, Setting]" = MappingProxyType({})
    ) -> "dict[str, Setting]":
        """The settings of a trial on `data`: defaults, the data set's own, then what was `given`.

        Raises:
            RecipeError: When a given setting is none of the recipe's.
        """
        defaults = {"limit_train": None, **self.settings, **self.by_data.get(data, {})}
        for name in given:
            if name not in defaults:
                known = ", ".join(sorted(defaults))
                raise RecipeError(f"recipe {self.name} has no setting {name!r}; it takes {known}")
        return {**defaults, **given}


def names() -> list[str]:
    """The recipes that come with normdrop, one per file of `normdrop.lab.recipes`."""
    package = importlib.import_module("normdrop.lab.recipes")
    modules = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def find(name: str) -> Recipe:
    """The recipe of that name, or the one a Python file of your own defines as `RECIPE`.

    Args:
        name: One of `names()`, or the path of a file that ends in `.py`.

    Raises:
        RecipeError: When there is none, with the nearest name, or when the file defines none.
    """
    if name.endswith(".py"):
        return _recipe_of(_run_file(Path(name)), name)
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.0)
        raise RecipeError(
            f"no recipe is called {name!r}; did you mean {near[0]!r}? `normdrop recipes` lists them"
        )
    return _recipe_of(
        importlib.import_module(f"normdrop.lab.recipes.{name.replace('-', '_')}"), name
    )


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"normdrop_recipe_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise RecipeError(f"{path}: no such recipe file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except RecipeError:
        raise
    except Exception as error:
        raise RecipeError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    return module


def _recipe_of(module: ModuleType, name: str) -> Recipe:
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{name}: does not define RECIPE, a normdrop.lab.recipe.Recipe")
    return recipe
