"""Search all orders of a block by successive halving, then compare those that are left.

Every order is trained for few epochs, the best third goes on with three times as many, and so on
(Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization"). Orders are chosen by examples held out of the training set; the test set is touched
by the final comparison alone, so that choosing does not flatter the chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import ceil, floor, inf, isfinite, log
from pathlib import Path
from types import MappingProxyType

import numpy as np

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.comparison import Comparison
from normdrop.lab.data import Dataset, Split, checksum, load
from normdrop.lab.driver import Execution, train_all
from normdrop.lab.experiment import compare
from normdrop.lab.payload import Payload
from normdrop.lab.plan import plan
from normdrop.lab.recipe import Settings
from normdrop.lab.recipe_names import find, stored_name
from normdrop.lab.settings import TrainingSettings
from normdrop.values.display import Column, Row, Table
from normdrop.values.order import Order

_FACTOR = 3  # 3 or 4 is what the authors of Hyperband suggest (Li et al. 2018)
_HELD_OUT = 5
"""One training example in so many is held out to choose by."""
_SEEDS = 2
"""Seeds per order and rung: the rungs choose, the comparison at the end judges."""


@dataclass(frozen=True)
class Rung:
    """One step of a search.

    Attributes:
        epochs: How long every order was trained.
        losses: Each order's mean endpoint on the held-out examples, best first.
    """

    epochs: int
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        rungs: The steps, first to last.
        comparison: The last rung's orders and the baseline, on the test set, with seeds enough.
    """

    rungs: tuple[Rung, ...]
    comparison: Comparison

    def table(self) -> Table:
        """A row per rung: how many orders, for how long, and the best."""
        rows = [
            Row((str(number), str(len(rung.losses)), str(rung.epochs), next(iter(rung.losses))))
            for number, rung in enumerate(self.rungs, start=1)
        ]
        names = ("rung", "orders", "epochs", "best on held-out examples")
        columns = (*(Column(name, "right") for name in names[:3]), Column(names[3]))
        return Table("Search by successive halving", columns, tuple(rows))


def orders_of(order: str) -> tuple[str, ...]:
    """Every order of an order's parts that is one, in alphabetical order.

    >>> orders_of("linear-bn-act")[:2], len(orders_of("conv-bn-act-drop-pool"))
    (('act-bn-linear', 'act-linear-bn'), 120)
    """
    return tuple(sorted({str(Order("-".join(parts))) for parts in permutations(order.split("-"))}))


def search(
    recipe: str,
    *,
    data: str | None = None,
    store: Path,
    settings: Settings = MappingProxyType({}),
    jobs: int | None = None,
    seeds: int | None = None,
    progress: bool = True,
) -> Search:
    """Search all orders of the parts of a recipe's variants.

    Args are those of `compare`, with a recipe whose network takes any order (`Recipe.any_order`).
    The epochs among the settings, and the seeds, are those of the comparison at the end. A search
    that was cut short goes on from the store.

    Raises:
        RecipeError: When the recipe's network does not take any order.
        UsageError: When a number is out of range.
    """
    chosen = find(recipe)
    name = stored_name(recipe, chosen)
    if not chosen.any_order:
        raise RecipeError(f"recipe {recipe}: its variants are no orders to search")
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, not {seeds}")
    whole = chosen.settings_for(data or chosen.data, settings)
    TrainingSettings.of(whole)
    chooser = held_out(load(data or chosen.data or ""))
    execution = Execution(jobs, payload=Payload(datasets={chooser.name: chooser}))

    def losses(orders: Sequence[str], epochs: int) -> Rung:
        """Train a rung's orders together."""
        trials = plan(
            chosen,
            chooser,
            name=name,
            variants=orders,
            seeds=_SEEDS,
            given={**whole, "epochs": epochs},
            device="cpu",
            precision="fp32",
        )
        outcomes = train_all(trials, store, execution, progress=progress)
        reached: dict[str, list[float]] = {order: [] for order in orders}
        for trial in trials:
            values = outcomes[trial.key].values
            reached[trial.variant].append(values.get(chosen.endpoint.name, np.inf))
        means = {order: float(np.mean(values)) for order, values in reached.items()}
        return Rung(epochs, dict(sorted(means.items(), key=lambda each: each[1])))

    epochs = whole["epochs"]
    rungs = halved(orders_of(chosen.rivals()[0][0]), losses, int(epochs or 1))
    finalists = list(rungs[-1].losses)
    comparison = compare(
        recipe,
        data=data,
        seeds=seeds,
        settings=settings,
        variants=list(dict.fromkeys([*finalists, chosen.rivals()[1]])),
        jobs=jobs,
        store=store,
        progress=progress,
    )
    return Search(tuple(rungs), comparison)


def held_out(dataset: Dataset) -> Dataset:
    """The data set of the training examples alone, every fifth of them to choose by."""
    chosen = np.arange(len(dataset.train)) % _HELD_OUT == _HELD_OUT - 1
    train, test = (
        Split(dataset.train.inputs[rows], dataset.train.targets[rows]) for rows in (~chosen, chosen)
    )
    name = f"{dataset.name}-held-out"
    return replace(dataset, name=name, train=train, test=test, checksum=checksum([train, test]))


def halved(
    orders: Sequence[str], train: Callable[[Sequence[str], int], Rung], most_epochs: int
) -> list[Rung]:
    """The rungs until at most as many orders are left as a rung divides by.

    Args:
        orders: The candidates.
        train: `(orders, epochs)` to what they reached.
        most_epochs: Of the last rung; where they are too few for a rung each, the first rungs all
            have the same.

    Returns:
        The rungs, first to last. Each trains the best third of the one before it, rounded up; of
        equals the later ones. An order without a finite loss is behind all others.

    >>> def train(orders, epochs):
    ...     return Rung(epochs, {order: float(order) for order in orders})
    >>> [(len(rung.losses), rung.epochs) for rung in halved("0123456789", train, 9)]
    [(10, 1), (4, 3), (2, 9)]
    """
    count = 1 + floor(log(len(orders), _FACTOR))
    fewest = max(1, most_epochs // _FACTOR ** (count - 1))
    lengths = 1 + floor(log(most_epochs // fewest, _FACTOR))
    rungs: list[Rung] = []
    left = list(orders)
    for number in range(count):
        # The last rung has all epochs, as nearly as powers of the factor reach them.
        rungs.append(train(left, fewest * _FACTOR ** max(0, number - count + lengths)))
        left = _best(left, rungs[-1].losses, ceil(len(left) / _FACTOR))
    return rungs


def _best(orders: Sequence[str], losses: Mapping[str, float], count: int) -> list[str]:
    """The orders with the lowest losses, the very lowest last."""

    def loss(order: str) -> float:
        return losses[order] if isfinite(losses[order]) else inf

    return sorted(orders, key=loss, reverse=True)[-count:]
