"""Which trials a comparison consists of, with everything that was asked for checked beforehand."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import torch

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.data import Dataset
from normdrop.lab.recipe import Recipe
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.trial import Setting, Trial

Precision: TypeAlias = Literal["fp32", "bf16"]


def plan(
    recipe: Recipe,
    dataset: Dataset,
    *,
    name: str,
    variants: Sequence[str],
    seeds: int,
    given: Mapping[str, Setting],
    device: str,
    precision: Precision,
    here: bool = True,
) -> list[Trial]:
    """Every trial of a comparison, seed by seed, so that a run cut short has whole pairs.

    Args:
        recipe: The experiment.
        dataset: What to train on.
        name: How a worker finds the recipe again: its name, or its file's path.
        variants: Which of the recipe's variants to train; all if empty.
        seeds: How many seeds, counted from 0.
        given: Settings in place of the recipe's.
        device: A torch device.
        precision: `"fp32"`, or `"bf16"` for mixed precision.
        here: Whether this machine is to train them, and must have the device.

    Raises:
        RecipeError: When a variant or setting is unknown, or the recipe cannot use the data set.
        UsageError: When a number is out of range, or the device or the precision is not to be had.
    """
    settings = recipe.settings_for(dataset.name, given)
    TrainingSettings.of(settings)
    if seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, not {seeds}")
    if here:
        _check_device(device)
    if precision not in get_args(Precision):
        raise UsageError(f"precision must be fp32 or bf16, not {precision!r}")
    chosen = [_known(variant, recipe) for variant in variants] or list(recipe.variants)
    _check_fit(recipe, chosen, dataset, settings)
    return [
        Trial(
            recipe=name,
            recipe_version=recipe.version,
            variant=variant,
            data=dataset.name,
            data_checksum=dataset.checksum,
            seed=seed,
            settings=settings,
            device=device,
            precision=precision,
        )
        for seed in range(seeds)
        for variant in dict.fromkeys(chosen)
    ]


def _known(variant: str, recipe: Recipe) -> str:
    if variant in recipe.variants:
        return variant
    (near,) = difflib.get_close_matches(variant, recipe.variants, n=1, cutoff=0.0)
    raise RecipeError(
        f"recipe {recipe.name} has no variant {variant!r}; did you mean {near!r}? "
        "`normdrop recipes` lists them"
    )


def _check_device(device: str) -> None:
    try:
        kind = torch.device(device).type
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"device {device!r} is not to be had here ({reason}); use cpu") from error
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"device must be cpu or cuda, not {device!r}")


def _check_fit(
    recipe: Recipe, variants: Sequence[str], dataset: Dataset, settings: Mapping[str, Setting]
) -> None:
    """Raise unless the recipe's network can be built for the data set's examples."""
    shape = dataset.shape
    if dataset.classes is None or len(shape) != recipe.dimensions:
        kind = "images" if recipe.dimensions > 1 else "vectors"
        raise RecipeError(
            f"recipe {recipe.name} classifies {kind}; {dataset.name} is "
            f"{dataset.task} of inputs of shape {shape}"
        )
    for variant in variants:
        try:
            with torch.device("meta"):
                recipe.network(variant, shape, dataset.classes, settings)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise RecipeError(
                f"recipe {recipe.name}: {variant} cannot be built for {dataset.name}, whose inputs "
                f"have shape {shape} ({reason})"
            ) from error
