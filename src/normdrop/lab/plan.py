"""Which trials a comparison consists of, with everything that was asked for checked beforehand."""

import difflib
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.data import Dataset
from normdrop.lab.recipe import Recipe, Settings
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.trial import NO_DATA, Trial

Precision: TypeAlias = Literal["fp32", "bf16"]


def plan(
    recipe: Recipe,
    dataset: Dataset | None,
    *,
    name: str,
    variants: Sequence[str],
    seeds: int,
    given: Settings,
    device: str,
    precision: Precision,
    panel: str | None = None,
    paper: bool = False,
    here: bool = True,
) -> list[Trial]:
    """Every trial of a comparison, seed by seed, so that a run cut short has whole pairs.

    `name` is how a worker finds the recipe again: its name, or its file's path. `here` says whether
    this machine is to train them, and must have the device. All else is as `compare` takes it, with
    the settings `given` in place of the recipe's, and no `dataset` for one with its own inputs.

    Raises:
        RecipeError: When a variant or setting is unknown, or the recipe cannot use the data set.
        UsageError: When a number is out of range, or the device or the precision is not to be had.
    """
    recipe.panel(panel)
    data = NO_DATA if dataset is None else dataset.name
    settings = recipe.settings_for(data, given, panel=panel, paper=paper)
    if recipe.network is not None or settings.keys() >= {"epochs", "batch_size", "learning_rate"}:
        TrainingSettings.of(settings)
    if seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, not {seeds}")
    device = _known_device(device, here=here)
    if precision not in get_args(Precision):
        raise UsageError(f"precision must be fp32 or bf16, not {precision!r}")
    rivals, _ = recipe.rivals(panel)
    chosen = [_known(variant, rivals, recipe) for variant in variants] or list(rivals)
    if dataset is not None:
        _check_fit(recipe, chosen, dataset, settings)
    return [
        Trial(
            recipe=name,
            recipe_version=recipe.version,
            variant=variant,
            data=data,
            data_checksum="" if dataset is None else dataset.checksum,
            seed=seed,
            settings=settings,
            device=device,
            precision=precision,
        )
        for seed in range(seeds)
        for variant in dict.fromkeys(chosen)
    ]


def _known(variant: str, rivals: Sequence[str], recipe: Recipe) -> str:
    parts, known = (sorted(each.split("-")) for each in (variant, rivals[0]))
    if variant in rivals or (recipe.any_order and parts == known):
        return variant
    (near,) = difflib.get_close_matches(variant, rivals, n=1, cutoff=0.0)
    raise RecipeError(
        f"recipe {recipe.name} has no variant {variant!r}; did you mean {near!r}? "
        "`normdrop recipes` lists them"
    )


def _known_device(device: str, *, here: bool) -> str:
    """The device by its one name; asked for without opening it, which the workers do."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"device must be cpu or cuda, not {device!r}") from error
    if found.type not in ("cpu", "cuda"):
        raise UsageError(f"device must be cpu or cuda, not {device!r}")
    if found.type == "cpu":
        return "cpu"
    if here and (found.index or 0) >= (count := torch.cuda.device_count()):
        raise UsageError(
            f"device {device!r} is not to be had here (torch {torch.__version__} sees {count} "
            "GPUs); use cpu"
        )
    return "cuda" if not found.index else device


def _check_fit(
    recipe: Recipe, variants: Sequence[str], dataset: Dataset, settings: Settings
) -> None:
    """Raise unless the recipe's network can be built for the data set's examples."""
    shape = dataset.shape
    wrong_task = recipe.task.data is not None and recipe.task.data != dataset.task
    if wrong_task or recipe.dimensions not in (None, len(shape)):
        kinds: dict[int | None, str] = {None: "inputs", 1: "vectors", 3: "images"}
        kind = kinds.get(recipe.dimensions, f"inputs of {recipe.dimensions} dimensions")
        raise RecipeError(
            f"recipe {recipe.name}: its network {recipe.task.name} from {kind}; {dataset.name} is "
            f"{dataset.task} of inputs of shape {shape}"
        )
    if recipe.network is None:
        return
    for variant in variants:
        try:
            _build_once(recipe, variant, shape, dataset.classes or 1, settings)
        except RecipeError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise RecipeError(
                f"recipe {recipe.name}: {variant} cannot be built for {dataset.name}, whose inputs "
                f"have shape {shape} ({reason})"
            ) from error


def _build_once(
    recipe: Recipe,
    variant: str,
    shape: tuple[int, ...],
    outputs: int,
    settings: Settings,
) -> None:
    """Build it without memory, or in full if its constructor needs numbers."""
    try:
        with torch.device("meta"):
            recipe.build(variant, shape, outputs, settings)
    except Exception:  # noqa: BLE001 - said by the second try, if it is the network's own fault
        with torch.random.fork_rng([]):
            recipe.build(variant, shape, outputs, settings)
