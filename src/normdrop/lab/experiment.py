"""From a recipe to its comparison: run the trials that are still to be run."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import joblib

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.comparison import Comparison, Description
from normdrop.lab.data import Dataset, load
from normdrop.lab.plan import Precision, plan
from normdrop.lab.progress import watcher
from normdrop.lab.recipe import Recipe, find
from normdrop.lab.run import run
from normdrop.lab.store import Store, default_path
from normdrop.lab.trial import Outcome, Setting, Trial


def compare(
    recipe: str,
    *,
    panel: str | None = None,
    data: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    limit_train: int | None = None,
    settings: Mapping[str, Setting] = MappingProxyType({}),
    paper: bool = False,
    variants: Sequence[str] = (),
    device: str = "cpu",
    precision: Precision = "fp32",
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Comparison:
    """Train a recipe's variants with paired seeds and say which differences are real.

    Trials of one seed share initial weights and the order of the batches. What was trained before
    with the same settings is taken from the store, and what is trained now is kept there: a run
    that was cut short goes on where it stopped.

    Args:
        recipe: A name that `normdrop recipes` lists, or a Python file that defines `RECIPE`.
        panel: Which part of a recipe of several parts.
        data: The name of a data set; the recipe's own by default.
        seeds: How many seeds; the recipe's own number by default.
        epochs: How many epochs; the recipe's own number by default.
        batch_size: Examples per training step; the recipe's own number by default.
        limit_train: Train on the first so many training examples only.
        settings: Any other settings of the recipe by name.
        paper: Take the settings and the data of the recipe's source in place of the small ones.
        variants: Which variants to train; all by default.
        device: A torch device. On `"cpu"` every number is reproduced bit for bit.
        precision: `"fp32"`, or `"bf16"` for mixed precision by autocast.
        jobs: How many trials to train at a time; one per core by default, on a GPU one.
        store: The file that keeps the outcomes; one in the user's data folder by default.
        progress: Whether to show progress on standard error.

    Returns:
        The comparison of the outcomes.

    Raises:
        RecipeError: When there is no such recipe, panel or variant, or it cannot use the data set.
        DataError: When the data set is unknown, missing or damaged.
        StoreError: When the store cannot be read or written.
        UsageError: When a number is out of range, or the device is not to be had.
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
        store=store,
        progress=progress,
    )
    return comparison


def compare_panels(
    recipe: str,
    *,
    panels: Sequence[str | None] = (),
    data: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Setting] = MappingProxyType({}),
    paper: bool = False,
    variants: Sequence[str] = (),
    device: str = "cpu",
    precision: Precision = "fp32",
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> list[Comparison]:
    """Compare a recipe's panels, each by itself; one comparison for a recipe without panels.

    Args and errors are those of `compare`; `panels` names the parts, all by default.
    """
    chosen = find(recipe)
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    parts: dict[str | None, tuple[Dataset | None, list[Trial]]] = {}
    for panel in panels or list(chosen.panels) or [None]:
        dataset = _dataset(chosen, panel, data, paper=paper)
        trials = plan(
            chosen,
            dataset,
            name=str(Path(recipe).resolve()) if recipe.endswith(".py") else recipe,
            panel=panel,
            paper=paper,
            variants=variants,
            seeds=chosen.seeds if seeds is None else seeds,
            given=settings,
            device=device,
            precision=precision,
        )
        parts[panel] = dataset, trials
    outcomes = train_all(
        [trial for _, trials in parts.values() for trial in trials],
        Path(store or default_path()),
        jobs=jobs or (joblib.cpu_count() if device == "cpu" else 1),
        progress=progress,
    )
    return [
        Comparison(
            _description(chosen, panel, dataset, trials),
            tuple(outcomes[trial.key] for trial in trials),
        )
        for panel, (dataset, trials) in parts.items()
    ]


def _dataset(recipe: Recipe, panel: str | None, data: str | None, *, paper: bool) -> Dataset | None:
    """The data set to train on: the one named, the panel's, the paper's or the recipe's own."""
    own = recipe.panel(panel).data
    if recipe.data is None and own is None:
        if data is not None:
            raise RecipeError(f"recipe {recipe.name} makes its own inputs and takes no data set")
        return None
    papers = recipe.paper_data if paper else None
    return load(data or own or papers or recipe.data or "")


def train_all(
    trials: Sequence[Trial], store: Path, *, jobs: int, progress: bool
) -> dict[str, Outcome]:
    """The outcomes of trials by key: from the store what it has, the rest trained and kept now.

    A trial that failed before is tried again; one that diverged would diverge again.
    """
    with Store(store) as kept:
        distinct = {trial.key: trial for trial in trials}
        found = {key: kept.get(trial) for key, trial in distinct.items()}
        done = {key: outcome for key, outcome in found.items() if outcome is not None}
        rest = [
            trial
            for key, trial in distinct.items()
            if key not in done or done[key].status == "failed"
        ]
        with (
            watcher(rest, shown=progress) as watching,
            closing(run(rest, jobs=jobs, watcher=watching)) as outcomes,
        ):
            for outcome in outcomes:
                kept.put(outcome)
                done[outcome.trial.key] = outcome
    return done


def _description(
    recipe: Recipe, panel: str | None, dataset: Dataset | None, trials: Sequence[Trial]
) -> Description:
    """What is compared, for the readers of its table and its page."""
    variants = tuple(dict.fromkeys(trial.variant for trial in trials))
    _, baseline = recipe.rivals(panel)
    published = {
        metric: {v: value for v, value in values.items() if v in variants}
        for metric, values in recipe.published_for(panel).items()
    }
    return Description(
        title=recipe.title,
        variants=variants,
        question=recipe.question,
        source=recipe.source,
        baseline=baseline if baseline in variants else None,
        endpoint=recipe.endpoint,
        metrics=recipe.metrics,
        panel=panel or "",
        published={metric: values for metric, values in published.items() if values},
        published_label=recipe.published_label,
        data_notes=(*recipe.notes, *(() if dataset is None else dataset.notes)),
    )
