"""`ensemble`: what is averaged, against the same by hand."""

import pytest
import torch
from recipe_trials import SHORTEST, finished

from normdrop.lab.context import TrialContext
from normdrop.lab.data import Dataset, load
from normdrop.lab.recipe_names import find
from normdrop.lab.recipes._residual import three_stage_network
from normdrop.lab.trial import Trial

_SETTINGS = {**SHORTEST, "rate": 0.0}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """The recipe's data."""
    return load("digits")


def _probabilities(trial: Trial, dataset: Dataset, seed: int) -> torch.Tensor:
    """Of a network trained with a seed, in eval mode, on the test set."""
    recipe = find("ensemble")
    context = TrialContext(trial, recipe.task, dataset)
    built = context.prepared(three_stage_network(dataset.shape, 10, context.settings), seed=seed)
    with torch.random.fork_rng():
        list(context.fit(seed=seed).epochs(built))
    built.eval()
    with torch.no_grad():
        answers = [built(inputs).softmax(1) for inputs, _ in context.test.batches(100)]
    return torch.cat(answers)


def test_networks_are_averaged_by_their_probabilities(digits: Dataset) -> None:
    """Error and loss of two networks are those of the mean of their probabilities."""
    outcome = finished("ensemble", "networks-2", _SETTINGS)
    mean = sum(_probabilities(outcome.trial, digits, seed) for seed in (0, 1)) / 2
    targets = torch.from_numpy(digits.test.targets)
    loss = torch.nn.functional.nll_loss(torch.as_tensor(mean).log(), targets).item()
    wrong = (torch.as_tensor(mean).argmax(1) != targets).double().mean().item()
    assert outcome.values["test_loss"] == pytest.approx(loss, rel=1e-4)
    assert outcome.values["test_error"] == pytest.approx(100 * wrong)
    assert (outcome.values["trained"], outcome.values["forward"]) == (2, 2)


def test_masks_that_drop_nothing_change_nothing() -> None:
    """At rate 0 one network, one pass and three passes answer alike; norm layers stay in eval."""
    network, once, thrice = (
        finished("ensemble", variant, _SETTINGS).values
        for variant in ("network", "masks-1", "masks-3")
    )
    for metric in ("test_error", "test_loss"):
        assert network[metric] == pytest.approx(once[metric], rel=1e-9)
        assert network[metric] == pytest.approx(thrice[metric], rel=1e-9)
    assert thrice["forward"] == 3


def test_masks_do_not_depend_on_what_was_trained_before() -> None:
    """A network from the cache and one trained anew see the same masks; seeds share no network."""
    from normdrop.lab.recipes import ensemble

    given = {**SHORTEST, "rate": 0.4}
    first = finished("ensemble", "masks-3", given).values
    again = finished("ensemble", "masks-3", given).values
    ensemble._trained.cache_clear()  # noqa: SLF001 - the cache is what is tested
    anew = finished("ensemble", "masks-3", given).values
    assert dict(first) == dict(again) == dict(anew)
    other = finished("ensemble", "masks-3", given, seed=1).values
    assert other["test_loss"] != first["test_loss"]
