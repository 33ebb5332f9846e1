"""From a recipe to its comparison: what was asked for, checked, planned, trained and described."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from normdrop.errors import DataError, RecipeError, UsageError
from normdrop.lab.cluster import Cluster
from normdrop.lab.comparison import Comparison, ComparisonDescription
from normdrop.lab.data import Dataset, load, names
from normdrop.lab.driver import Execution, train_all
from normdrop.lab.payload import Payload
from normdrop.lab.plan import Precision, plan
from normdrop.lab.recipe import Recipe, Settings
from normdrop.lab.recipe_names import by_code, file_of, find, from_text, stored_name, text_of
from normdrop.lab.store import default_path
from normdrop.lab.trial import Trial


def compare(
    recipe: str | Recipe,
    *,
    panel: str | None = None,
    data: str | Dataset | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    limit_train: int | None = None,
    settings: Settings = MappingProxyType({}),
    paper: bool = False,
    variants: Sequence[str] = (),
    device: str = "cpu",
    precision: Precision = "fp32",
    jobs: int | None = None,
    on: str | None = None,
    gpu_fraction: float | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Train a recipe's variants with paired seeds and say which differences are real.

    Trials of one seed share initial weights and the order of the batches. What was trained before
    with the same settings is taken from the store, and what is trained now is kept there: a run
    that was cut short goes on where it stopped.

    Args:
        recipe: A name that `normdrop recipes` lists, a Python file that defines `RECIPE`, or a
            `normdrop.Recipe` of your own.
        panel: Which part of a recipe of several parts.
        data: The name of a data set, or a `normdrop.Dataset` of your own; the recipe's by default.
        seeds: How many seeds; the recipe's own number by default.
        epochs: How many epochs; the recipe's own number by default.
        batch_size: Examples per training step; the recipe's own number by default.
        limit_train: Train on the first so many training examples only.
        settings: Any other settings of the recipe by name.
        paper: Take the settings and the data of the recipe's source in place of the small ones.
        variants: Which variants to train; all by default.
        device: A torch device. On `"cpu"` every number is reproduced bit for bit.
        precision: `"fp32"`, or `"bf16"` for mixed precision by autocast.
        jobs: How many trials to train at a time; one per core by default, on a GPU one (all seeds
            of a variant together), on a cluster as many as it has room for.
        on: A Ray cluster to train on: `"ray://host:port"`, or on one of its own nodes
            `"host:port"` or `"auto"`. A connection that this process has to Ray already is used
            and left open. By default the trials are trained here, without Ray.
        gpu_fraction: How much of a GPU a trial takes on a cluster; a whole one by default.
        store: The file that keeps the outcomes; one in the user's data folder by default.
        progress: Whether to show progress on standard error.

    Returns:
        The comparison of the outcomes.

    Raises:
        RecipeError: When there is no such recipe, panel or variant, or it cannot use the data set.
        DataError: When the data set is unknown, missing or damaged.
        StoreError: When the store cannot be read or written.
        UsageError: When a number is out of range, or the device or the cluster is not to be had.
    """
    shorthands = {"epochs": epochs, "batch_size": batch_size, "limit_train": limit_train}
    given = {name: value for name, value in shorthands.items() if value is not None}
    (comparison,) = compare_panels(
        recipe,
        panels=[panel],
        data=data,
        seeds=seeds,
        settings={**settings, **given},
        paper=paper,
        variants=variants,
        device=device,
        precision=precision,
        jobs=jobs,
        on=on,
        gpu_fraction=gpu_fraction,
        store=store,
        progress=progress,
    )
    return comparison


def compare_panels(
    recipe: str | Recipe,
    *,
    panels: Sequence[str | None] = (),
    data: str | Dataset | None = None,
    seeds: int | None = None,
    settings: Settings = MappingProxyType({}),
    paper: bool = False,
    variants: Sequence[str] = (),
    device: str = "cpu",
    precision: Precision = "fp32",
    jobs: int | None = None,
    on: str | None = None,
    gpu_fraction: float | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> list[Comparison]:
    """Compare a recipe's panels, each by itself; one comparison for a recipe without panels.

    Args and errors are those of `compare`; `panels` names the parts, all by default.
    """
    name, chosen, text = _named(recipe)
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    cluster = _cluster(on, device, gpu_fraction)
    at_hand = cache(load)  # panels share their data
    parts: dict[str | None, tuple[Dataset | None, list[Trial]]] = {}
    for panel in panels or list(chosen.panels) or [None]:
        dataset = _dataset(chosen, panel, data, at_hand, paper=paper)
        trials = plan(
            chosen,
            dataset,
            name=name,
            panel=panel,
            paper=paper,
            variants=variants,
            seeds=chosen.seeds if seeds is None else seeds,
            given=settings,
            device=device,
            precision=precision,
            here=cluster is None,
        )
        parts[panel] = dataset, trials
    payload = Payload(
        recipes={} if isinstance(recipe, str) else {name: chosen},
        texts={} if file_of(name) is None else {name: text},
        datasets={data.name: data} if isinstance(data, Dataset) else {},
    )
    outcomes = train_all(
        [trial for _, trials in parts.values() for trial in trials],
        Path(store or default_path()),
        Execution(jobs, cluster, payload, stackable=chosen.network is not None),
        progress=progress,
    )
    return [
        Comparison(
            _description(chosen, panel, dataset, trials, paper=paper and not settings),
            tuple(outcomes[trial.key] for trial in trials),
        )
        for panel, (dataset, trials) in parts.items()
    ]


def _named(recipe: str | Recipe) -> tuple[str, Recipe, bytes]:
    """How trials name a recipe, the recipe, and the text of a file.

    What is not normdrop's own is named by its code.
    """
    if isinstance(recipe, Recipe):
        return by_code(recipe.name, recipe), recipe, b""
    file = file_of(recipe)
    if file is None:
        return recipe, find(recipe), b""
    text = text_of(file)
    found = from_text(text, file)
    return stored_name(recipe, found), found, text


def _dataset(
    recipe: Recipe,
    panel: str | None,
    data: str | Dataset | None,
    at_hand: Callable[[str], Dataset],
    *,
    paper: bool,
) -> Dataset | None:
    """The data set to train on: the one named, the panel's, the paper's or the recipe's own."""
    if isinstance(data, Dataset) and data.name in names():
        raise DataError(f"{data.name} is a data set of normdrop; call yours something else")
    own = recipe.panel(panel).data or (recipe.paper_data if paper else None) or recipe.data
    if own is None and recipe.experiment is not None:
        if data is not None:
            raise RecipeError(f"recipe {recipe.name} makes its own inputs and takes no data set")
        return None
    if data is None and own is None:
        raise RecipeError(f"recipe {recipe.name} names no data set: give it one")
    return data if isinstance(data, Dataset) else at_hand(data or own or "")


def _cluster(on: str | None, device: str, gpu_fraction: float | None) -> Cluster | None:
    if on is not None:
        return Cluster.of(on, device=device, gpu_fraction=gpu_fraction)
    if gpu_fraction is not None:
        raise UsageError("gpu_fraction is for a cluster: name one with on")
    return None


def _description(
    recipe: Recipe,
    panel: str | None,
    dataset: Dataset | None,
    trials: Sequence[Trial],
    *,
    paper: bool,
) -> ComparisonDescription:
    """What is compared, for the readers of its table and its page."""
    variants = tuple(dict.fromkeys(trial.variant for trial in trials))
    _, baseline = recipe.rivals(panel)
    published = {
        metric: {v: value for v, value in values.items() if v in variants}
        for metric, values in recipe.published_for(panel).items()
    }
    return ComparisonDescription(
        title=recipe.title or recipe.name,
        variants=variants,
        question=recipe.question,
        source=recipe.source,
        baseline=baseline if baseline in variants else None,
        endpoint=recipe.endpoint,
        metrics=recipe.metrics,
        panel=panel or "",
        published={metric: values for metric, values in published.items() if values},
        published_label=recipe.published_label,
        published_noise=recipe.published_noise,
        published_runs=recipe.published_runs,
        like_source=paper and recipe.paper_is_source,
        claims=tuple(pair for pair in recipe.claims if set(pair) <= set(variants)),
        contrasts=recipe.contrasts,
        curves=recipe.curves,
        data_notes=(*recipe.notes, *(() if dataset is None else dataset.notes)),
    )
