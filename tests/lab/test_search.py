"""Searching orders: halving keeps the best, chooses by held-out examples, and is compared last."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess  # noqa: TC003 - read by the fixture's type

import numpy as np
import pytest

from normdrop.errors import RecipeError
from normdrop.lab.data import Dataset
from normdrop.lab.search import Rung, halved, held_out, orders_of, search

RECIPE = str(Path(__file__).with_name("orders_recipe.py"))


@pytest.mark.slow
def test_every_rung_keeps_the_best_third(tmp_path: Path) -> None:
    """Six orders for one epoch, two for three; those and the baseline are compared."""
    found = search(RECIPE, store=tmp_path / "store", progress=False)
    assert [(len(rung.losses), rung.epochs) for rung in found.rungs] == [(6, 1), (2, 3)]
    for before, after in pairwise(found.rungs):
        assert set(after.losses) == set(list(before.losses)[: len(after.losses)])
    for rung in found.rungs:
        assert list(rung.losses.values()) == sorted(rung.losses.values())
    names = {summary.name for summary in found.comparison}
    assert names == {*found.rungs[-1].losses, "linear-bn-act"}
    assert found.comparison.outcomes[0].trial.data == "digits"
    lines = found.table().to_text().splitlines()
    assert lines[0] == "Search by successive halving"
    assert lines[-1].split()[:3] == ["2", "2", "3"]
    again = search(RECIPE, store=tmp_path / "store", progress=False)
    assert again.rungs == found.rungs


@pytest.mark.parametrize("epochs", [1, 5])
def test_few_epochs_still_leave_few_orders(epochs: int) -> None:
    """The best of all candidates by a known loss is among the last, with the epochs given."""
    losses = {f"order-{number}": abs(number - 77) for number in range(120)}

    def train(orders: Sequence[str], taken: int) -> Rung:
        chosen = {order: float(losses[order]) for order in sorted(orders, key=losses.__getitem__)}
        return Rung(taken, chosen)

    rungs = halved(list(losses), train, epochs)
    assert next(iter(rungs[-1].losses)) == "order-77"
    assert len(rungs[-1].losses) <= 3
    assert max(rung.epochs for rung in rungs) <= epochs


# (orders, epochs of the last rung): orders and epochs of each rung, as scikit-learn's
# HalvingGridSearchCV has them with factor 3, "exhaust" and aggressive elimination.
_RUNGS = {
    (1, 9): [(1, 9)],
    (2, 5): [(2, 5)],
    (3, 9): [(3, 3), (1, 9)],
    (6, 1): [(6, 1), (2, 1)],
    (6, 5): [(6, 1), (2, 3)],
    (9, 9): [(9, 1), (3, 3), (1, 9)],
    (24, 5): [(24, 1), (8, 1), (3, 3)],
    (24, 30): [(24, 3), (8, 9), (3, 27)],
    (60, 9): [(60, 1), (20, 1), (7, 3), (3, 9)],
    (120, 5): [(120, 1), (40, 1), (14, 1), (5, 1), (2, 3)],
    (120, 100): [(120, 1), (40, 3), (14, 9), (5, 27), (2, 81)],
    (720, 9): [(720, 1), (240, 1), (80, 1), (27, 1), (9, 3), (3, 9)],
}


@pytest.mark.parametrize(("orders", "epochs"), _RUNGS)
def test_the_best_of_every_rung_go_on(orders: int, epochs: int) -> None:
    """As many as the literature has, for as long, and those that this rung found best."""
    draws = np.random.default_rng(0)

    def train(candidates: Sequence[str], taken: int) -> Rung:
        losses = dict(zip(candidates, draws.random(len(candidates)).tolist(), strict=True))
        return Rung(taken, dict(sorted(losses.items(), key=lambda each: each[1])))

    rungs = halved([f"order-{number}" for number in range(orders)], train, epochs)
    assert [(len(rung.losses), rung.epochs) for rung in rungs] == _RUNGS[orders, epochs]
    for before, after in pairwise(rungs):
        assert set(after.losses) == set(list(before.losses)[: len(after.losses)])


def test_of_equals_the_later_go_on() -> None:
    """Ties, and orders without a loss that are left, are settled by the order they came in."""

    def train(orders: Sequence[str], taken: int) -> Rung:
        return Rung(taken, {order: float("nan") if order in "abcd" else 1.0 for order in orders})

    kept = [list(rung.losses) for rung in halved("abcdefghi", train, 9)]
    assert kept[1:] == [["g", "h", "i"], ["i"]]
    kept = [list(rung.losses) for rung in halved("abcd", train, 9)]
    assert kept[1:] == [["c", "d"]]


def test_an_order_without_a_loss_is_dropped() -> None:
    """What diverged has an infinite loss and does not get on."""

    def train(orders: Sequence[str], taken: int) -> Rung:
        means = {order: float("inf") if order in "abc" else float(ord(order)) for order in orders}
        return Rung(taken, dict(sorted(means.items(), key=lambda each: each[1])))

    assert set(halved("abcdefghi", train, 9)[-1].losses).isdisjoint("abc")


def test_held_out_examples_are_training_examples(digits: Dataset) -> None:
    """Every fifth training example to choose by; none of the test set; a checksum of its own."""
    chooser = held_out(digits)
    assert np.array_equal(chooser.test.inputs, digits.train.inputs[4::5])
    assert len(chooser.train) + len(chooser.test) == len(digits.train)
    assert chooser.checksum != digits.checksum
    assert chooser.name == "digits-held-out"


def test_all_orders_of_the_parts() -> None:
    """Five parts have 120 orders, the ten of the table among them."""
    orders = orders_of("conv-bn-act-drop-pool")
    assert len(set(orders)) == 120
    assert "conv-drop-bn-act-pool" in orders


@pytest.mark.slow
def test_the_command_searches(
    normdrop: "Callable[..., CompletedProcess[str]]", tmp_path: Path
) -> None:
    """`--search` shows the rungs and the comparison; what it cannot search is one line."""
    run = ("compare", RECIPE, "--search", "--store", tmp_path / "s", "--limit-train", "100")
    done = normdrop(*run, "--epochs", "3", "--seeds", "1")
    assert done.returncode == 0
    assert "Search by successive halving" in done.stdout
    assert "orders on digits, 1 seed, 3 epochs" in done.stdout
    wrong = normdrop("compare", "rates", "--search")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "its variants are no orders to search" in wrong.stderr
    assert "--search looks for variants itself" in normdrop(*run, "--paper").stderr


@pytest.mark.slow
def test_what_is_no_order_of_the_parts_is_refused(tmp_path: Path) -> None:
    """A recipe of orders takes any order of its parts, and nothing else."""
    from normdrop import compare

    chosen = ["act-linear-bn", "linear-bn-act"]
    given = {"epochs": 1, "limit_train": 64, "seeds": 1, "store": tmp_path / "s"}
    result = compare(RECIPE, variants=chosen, progress=False, **given)  # type: ignore[arg-type]
    assert {summary.name for summary in result} == set(chosen)
    with pytest.raises(RecipeError, match="has no variant 'linear-act-act'"):
        compare(RECIPE, variants=["linear-act-act"], store=tmp_path / "s")
