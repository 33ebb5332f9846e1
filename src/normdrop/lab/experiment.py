"""From a recipe to its comparison: run the trials that are still to be run."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import joblib

from normdrop.errors import UsageError
from normdrop.lab.cluster import Cluster, run_on
from normdrop.lab.comparison import Comparison, Description
from normdrop.lab.data import Dataset, load
from normdrop.lab.plan import Precision, plan
from normdrop.lab.progress import watcher
from normdrop.lab.recipe import Recipe, find
from normdrop.lab.run import Watcher, run
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
        recipe: A name that `normdrop recipes` lists, or a Python file that defines `RECIPE`.
        data: The name of a data set; the recipe's own by default.
        seeds: How many seeds; the recipe's own number by default.
        epochs: How many epochs; the recipe's own number by default.
        batch_size: Examples per training step; the recipe's own number by default.
        limit_train: Train on the first so many training examples only.
        variants: Which variants to train; all by default.
        device: A torch device. On `"cpu"` every number is reproduced bit for bit.
        precision: `"fp32"`, or `"bf16"` for mixed precision by autocast.
        jobs: How many trials to train at a time; one per core by default, on a GPU one, on a
            cluster as many as it has room for.
        on: A Ray cluster to train on: `"ray://host:port"`, or on one of its own nodes
            `"host:port"` or `"auto"`. A connection that this process has to Ray already is used
            and left open. By default the trials are trained here, without Ray.
        gpu_fraction: How much of a GPU a trial takes on a cluster; a whole one by default.
        store: The file that keeps the outcomes; one in the user's data folder by default.
        progress: Whether to show progress on standard error.

    Returns:
        The comparison of the outcomes.

    Raises:
        RecipeError: When there is no such recipe or variant, or it cannot use the data set.
        DataError: When the data set is unknown, missing or damaged.
        StoreError: When the store cannot be read or written.
        UsageError: When a number is out of range, or the device or the cluster is not to be had.
    """
    chosen = find(recipe)
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    cluster = _cluster(on, device, gpu_fraction)
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
        here=cluster is None,
    )
    outcomes = train_all(
        trials, Path(store or default_path()), jobs=jobs, cluster=cluster, progress=progress
    )
    return Comparison(_description(chosen, dataset, trials), tuple(outcomes))


def train_all(
    trials: Sequence[Trial],
    store: Path,
    *,
    jobs: int | None,
    cluster: Cluster | None,
    progress: bool,
) -> list[Outcome]:
    """The outcomes of trials: from the store what it has, the rest trained now and kept there.

    A trial that failed before is tried again; one that diverged would diverge again.
    """
    with Store(store) as kept:
        done = {trial.key: kept.get(trial) for trial in trials}
        rest = [t for t in trials if (o := done[t.key]) is None or o.status == "failed"]
        with (
            watcher(rest, shown=progress) as watching,
            closing(_run(rest, jobs, cluster, watching)) as outcomes,
        ):
            for outcome in outcomes:
                kept.put(outcome)
                done[outcome.trial.key] = outcome
    return [outcome for outcome in done.values() if outcome is not None]


def _run(
    trials: Sequence[Trial], jobs: int | None, cluster: Cluster | None, watching: Watcher
) -> Generator[Outcome, None, None]:
    """Train the trials here, or on the cluster; nowhere if there are none."""
    if not trials:
        return
    if cluster is None:
        here = joblib.cpu_count() if trials[0].device == "cpu" else 1
        yield from run(trials, jobs=jobs or here, watcher=watching)
    else:
        yield from run_on(cluster, trials, jobs=jobs, watcher=watching)


def _cluster(on: str | None, device: str, gpu_fraction: float | None) -> Cluster | None:
    if on is not None:
        return Cluster.of(on, device=device, gpu_fraction=gpu_fraction)
    if gpu_fraction is not None:
        raise UsageError("gpu_fraction is for a cluster: name one with on")
    return None


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
