"""From a recipe to its comparison: run the trials that are still to be run."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import joblib

from normdrop.errors import UsageError
from normdrop.lab.comparison import Comparison, Description
from normdrop.lab.data import Dataset, load
from normdrop.lab.plan import Precision, plan
from normdrop.lab.progress import watcher
from normdrop.lab.recipe import Recipe, find
from normdrop.lab.run import run
from normdrop.lab.store import Store, default_path
from normdrop.lab.trial import Outcome, Trial


def compare(
    recipe: str,
    *,
    data: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    limit_train: int | None = None,
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
        data: The name of a data set; the recipe's own by default.
        seeds: How many seeds; the recipe's own number by default.
        epochs: How many epochs; the recipe's own number by default.
        batch_size: Examples per training step; the recipe's own number by default.
        limit_train: Train on the first so many training examples only.
        variants: Which variants to train; all by default.
        device: A torch device. On `"cpu"` every number is reproduced bit for bit.
        precision: `"fp32"`, or `"bf16"` for mixed precision by autocast.
        jobs: How many trials to train at a time; one per core by default, on a GPU one.
        store: The file that keeps the outcomes; one in the user's data folder by default.
        progress: Whether to show progress on standard error.

    Returns:
        The comparison of the outcomes.

    Raises:
        RecipeError: When there is no such recipe or variant, or it cannot use the data set.
        DataError: When the data set is unknown, missing or damaged.
        StoreError: When the store cannot be read or written.
        UsageError: When a number is out of range, or the device is not to be had.
    """
    chosen = find(recipe)
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    given = {"epochs": epochs, "batch_size": batch_size, "limit_train": limit_train}
    dataset = load(data or chosen.data)
    trials = plan(
        chosen,
        dataset,
        name=str(Path(recipe).resolve()) if recipe.endswith(".py") else recipe,
        variants=variants,
        seeds=chosen.seeds if seeds is None else seeds,
        given={setting: value for setting, value in given.items() if value is not None},
        device=device,
        precision=precision,
    )
    outcomes = train_all(
        trials,
        Path(store or default_path()),
        jobs=jobs or (joblib.cpu_count() if device == "cpu" else 1),
        progress=progress,
    )
    return Comparison(_description(chosen, dataset, trials), tuple(outcomes))


def train_all(trials: Sequence[Trial], store: Path, *, jobs: int, progress: bool) -> list[Outcome]:
    """The outcomes of trials: from the store what it has, the rest trained now and kept there.

    A trial that failed before is tried again; one that diverged would diverge again.
    """
    with Store(store) as kept:
        done = {trial.key: kept.get(trial) for trial in trials}
        rest = [t for t in trials if (o := done[t.key]) is None or o.status == "failed"]
        with (
            watcher(rest, shown=progress) as watching,
            closing(run(rest, jobs=jobs, watcher=watching)) as outcomes,
        ):
            for outcome in outcomes:
                kept.put(outcome)
                done[outcome.trial.key] = outcome
    return [outcome for outcome in done.values() if outcome is not None]


def _description(recipe: Recipe, dataset: Dataset, trials: Sequence[Trial]) -> Description:
    """What is compared, for the readers of its table and its page."""
    variants = tuple(dict.fromkeys(trial.variant for trial in trials))
    return Description(
        title=recipe.title,
        variants=variants,
        question=recipe.question,
        source=recipe.source,
        baseline=recipe.baseline if recipe.baseline in variants else None,
        published={v: loss for v, loss in recipe.published.items() if v in variants},
        published_label=recipe.published_label,
        data_notes=dataset.notes,
    )
