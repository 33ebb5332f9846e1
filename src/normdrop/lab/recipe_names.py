"""What recipes are called, and where they are found.

Those of normdrop by the name of their file, one of your own by the path of its file, and in trials
by its code as well.
"""

import difflib
import importlib
import pkgutil
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from normdrop.errors import RecipeError
from normdrop.lab.fingerprint import fingerprint
from normdrop.lab.recipe import Recipe

_CODE = re.compile(r"@[0-9a-f]{12}$")


def recipe_names() -> list[str]:
    """The recipes that come with normdrop, one per file of `normdrop.lab.recipes`."""
    package = importlib.import_module("normdrop.lab.recipes")
    modules = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def find(name: str) -> Recipe:
    """The recipe of that name, or the one a Python file of your own defines as `RECIPE`.

    Args:
        name: One of `recipe_names()`, or the path of a file that ends in `.py`.

    Raises:
        RecipeError: When there is none, with the nearest name, or when the file defines none.
    """
    file = file_of(name)
    if file is not None:
        return from_text(text_of(file), file)
    if name not in recipe_names():
        near = difflib.get_close_matches(name, recipe_names(), n=1, cutoff=0.0)
        raise RecipeError(
            f"no recipe is called {name!r}; did you mean {near[0]!r}? `normdrop recipes` lists them"
        )
    return _recipe_of(
        importlib.import_module(f"normdrop.lab.recipes.{name.replace('-', '_')}"), name
    )


def stored_name(name: str, recipe: Recipe) -> str:
    """How trials name a recipe that `find` finds: a file by its whole path and its code."""
    file = file_of(name)
    return name if file is None else by_code(str(file.resolve()), recipe)


def by_code(name: str, recipe: Recipe) -> str:
    """A name that says by which code networks are built and measured.

    Rivals, seeds and words may change and what was trained keeps its name; other code is another
    recipe.
    """
    code = recipe.network, recipe.experiment, recipe.measure, recipe.task
    return f"{without_code(name)}@{fingerprint(*code)}"


def without_code(name: str) -> str:
    """A recipe's name as the user knows it.

    >>> without_code("my_recipe.py@0123456789ab"), without_code("me@work")
    ('my_recipe.py', 'me@work')
    """
    return _CODE.sub("", name)


def file_of(name: str) -> Path | None:
    """The file of a recipe that is a file.

    >>> str(file_of("my_recipe.py@0123456789ab")), file_of("rates")
    ('my_recipe.py', None)
    """
    path = without_code(name)
    return Path(path) if path.endswith(".py") else None


def text_of(file: Path) -> bytes:
    """What stands in a recipe's file.

    Raises:
        RecipeError: When it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise RecipeError(f"{file}: no such recipe file ({error.strerror or error})") from error


@cache
def from_text(text: bytes, file: Path) -> Recipe:
    """The recipe that a text defines as `RECIPE`, run as a module of that file.

    What lies beside the file can be imported. A text is run once in a process, however often its
    recipe is asked for.

    Raises:
        RecipeError: When it cannot be run, or defines no recipe.
    """
    module = ModuleType(f"normdrop_recipe_{file.stem}")
    module.__file__ = str(file)
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[module.__name__] = module  # where dataclasses look their own module up
    try:
        exec(compile(text, str(file), "exec"), vars(module))  # noqa: S102 - the user asked to run it
    except RecipeError:
        raise
    except (Exception, SystemExit) as error:  # also of a script that ends with its own status
        raise RecipeError(f"{file}: cannot be run: {type(error).__name__}: {error}") from error
    return _recipe_of(module, str(file))


def _recipe_of(module: ModuleType, name: str) -> Recipe:
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{name}: does not define RECIPE, a normdrop.lab.recipe.Recipe")
    return recipe
