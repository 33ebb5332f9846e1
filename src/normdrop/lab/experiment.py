"""From a recipe to its comparison: run the trials that are still to be run."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import joblib

from normdrop.errors import UsageError
from normdrop.lab.data import load
from normdrop.lab.plan import Precision, plan
from normdrop.lab.progress import watcher
from normdrop.lab.recipe import find
from normdrop.lab.run import run
from normdrop.lab.store import Store, default_path
from normdrop.lab.trial import Outcome, Setting


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
) -> list[Outcome]:
    """Train a recipe's variants with paired seeds and say which differences are real.

    Trials of one seed share initial weights and the order of the batches. What has been trained
    before, with the same settings, is taken from the store; what is trained now is kept there, so a
    run that was cut short goes on where it stopped.

    Args:
        recipe: A name that `normdrop recipes` lists, or a Python file that defines `RECIPE`.
        data: The name of a data set; the recipe's own by default.
        seeds: How many seeds; the recipe's own number by default.
        epochs: How many epochs; the recipe's own number by default.
        batch_size: Examples per training step; the recipe's own number by default.
        limit_train: Train on the first so many training examples only.
        variants: Which variants to train; all by default.
        device: A torch device. `"cpu"` is reproducible bit for bit.
        precision: `"fp32"`, or `"bf16"` for mixed precision by autocast.
        jobs: How many trials to train at a time; on a CPU one per core by default.
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
    name = str(Path(recipe).resolve()) if recipe.endswith(".py") else recipe
    given: dict[str, Setting] = {
        setting: value
        for setting, value in (
            ("epochs", epochs),
            ("batch_size", batch_size),
            ("limit_train", limit_train),
        )
        if value is not None
    }
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    trials = plan(
        chosen,
        load(data or chosen.data),
        name=name,
        variants=variants,
        seeds=chosen.seeds if seeds is None else seeds,
        given=given,
        device=device,
        precision=precision,
    )
    jobs = jobs or (joblib.cpu_count() if device == "cpu" else 1)
    with Store(default_path() if store is None else Path(store)) as kept:
        done = {trial.key: kept.get(trial) for trial in trials}
        rest = [trial for trial in trials if done[trial.key] is None]
        with (
            watcher(rest, shown=progress) as watching,
            closing(run(rest, jobs=jobs, watcher=watching)) as outcomes,
        ):
            for outcome in outcomes:
                kept.put(outcome)
                done[outcome.trial.key] = outcome
    return [outcome for outcome in done.values() if outcome]
