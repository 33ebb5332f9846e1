"""Search all orders of a block by successive halving, then compare those that are left.

Halving is scikit-learn's: every order is trained for few epochs, the best third goes on with three
times as many. Orders are chosen by examples held out of the training set; the test set is touched
by the final comparison alone, so that choosing does not flatter the chosen.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.comparison import Comparison
from normdrop.lab.data import Dataset, Split, checksum, load
from normdrop.lab.driver import Workplace, train_all
from normdrop.lab.experiment import compare
from normdrop.lab.kit import Kit
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find, named
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.trial import Setting
from normdrop.values.display import Column, Row, Table
from normdrop.values.order import Order

_FACTOR = 3
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
    settings: Mapping[str, Setting] = MappingProxyType({}),
    jobs: int | None = None,
    seeds: int | None = None,
    progress: bool = True,
) -> Search:
    """Search all orders of the parts of a recipe's variants.

    Args:
        recipe: One whose network takes any order: `Recipe.any_order`.
        data: The name of a data set; the recipe's own by default.
        store: The file that keeps the outcomes: a search that was cut short goes on from there.
        settings: Settings in place of the recipe's; `epochs` are those of the comparison.
        jobs: How many trials to train at a time; one per core by default.
        seeds: How many seeds the comparison at the end has; the recipe's number by default.
        progress: Whether to show progress on standard error.

    Raises:
        RecipeError: When the recipe's network does not take any order.
        UsageError: When a number is out of range.
    """
    chosen = find(recipe)
    name = named(recipe, chosen)
    if not chosen.any_order:
        raise RecipeError(f"recipe {recipe}: its variants are no orders to search")
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a whole number of at least 1, not {jobs}")
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, not {seeds}")
    whole = chosen.settings_for(data or chosen.data, settings)
    TrainingSettings.of(whole)
    chooser = held_out(load(data or chosen.data or ""))
    workplace = Workplace(jobs, kit=Kit(datasets={chooser.name: chooser}))

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
        outcomes = train_all(trials, store, workplace, progress=progress)
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
        most_epochs: Of the last rung; where they are too few for a rung each, orders are dropped
            by fewer.
    """
    from sklearn.base import BaseEstimator
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - sklearn wants it
    from sklearn.model_selection import HalvingGridSearchCV

    rungs: list[Rung] = []

    class Halving(HalvingGridSearchCV):  # type: ignore[misc] # sklearn publishes no types
        """scikit-learn's, told of a rung's orders before it asks for each."""

        def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:  # noqa: ANN401 - sklearn's own
            def evaluate(candidates: list[dict[str, Any]], *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - sklearn's own
                orders = [each["order"] for each in candidates]
                rungs.append(train(orders, candidates[0]["epochs"]))
                return evaluate_candidates(candidates, *rest, **more)

            # Handed over by releases that know it.
            context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
            super()._run_search(evaluate, **context)

    class Ordered(BaseEstimator):  # type: ignore[misc] # sklearn publishes no types
        """An order as scikit-learn's estimator: its score is what its rung measured."""

        def __init__(self, order: str = "", epochs: int = 0) -> None:
            self.order, self.epochs = order, epochs

        def fit(self, *_: object) -> Self:
            """Nothing to do: a rung is trained as a whole."""
            return self

        def score(self, *_: object) -> float:
            """Higher is better."""
            loss = rungs[-1].losses[self.order]
            return -loss if np.isfinite(loss) else np.nan  # which it ranks last

    rows = np.zeros((2, 1))
    halving = Halving(
        Ordered(),
        {"order": list(orders)},
        resource="epochs",
        min_resources="exhaust",  # the last rung has all epochs
        max_resources=most_epochs,
        aggressive_elimination=True,  # as few are left, also where the epochs are few
        factor=_FACTOR,
        refit=False,
        cv=[([0], [1])],  # the examples are held out in the data set
    )
    with warnings.catch_warnings():
        # Orders that diverge have no finite score, which is what they deserve.
        warnings.filterwarnings("ignore", message=".*non-finite.*", category=UserWarning)
        halving.fit(rows, np.zeros(2))
    return rungs
