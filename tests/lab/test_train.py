"""Training one trial: reproducible, paired, and honest about what went wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from normdrop.lab.data import Dataset, Split
from normdrop.lab.train import train
from normdrop.lab.trial import Epoch, Trial

Make = Callable[..., Trial]


def _numbers(epochs: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in epochs]


def test_the_same_trial_gives_the_same_bits(tiny_trial: Make, digits: Dataset) -> None:
    """Every number is reproduced, whatever the global random state; another seed gives others."""
    torch.manual_seed(1)
    one = train(tiny_trial(), digits)
    torch.manual_seed(2)
    two = train(tiny_trial(), digits)
    assert one.status == "finished"
    assert _numbers(one.epochs) == _numbers(two.epochs)
    assert _numbers(one.epochs) != _numbers(train(tiny_trial(seed=1), digits).epochs)


def test_variants_of_one_seed_are_paired(tiny_trial: Make, digits: Dataset) -> None:
    """Two variants that are the same network have the same outcome: weights, batches and masks."""
    assert _numbers(train(tiny_trial("plain"), digits).epochs) == _numbers(
        train(tiny_trial("other"), digits).epochs
    )


def test_global_random_state_is_left_alone(tiny_trial: Make, digits: Dataset) -> None:
    """The caller's random state is untouched, also by a trial that fails."""
    state = torch.get_rng_state()
    train(tiny_trial(epochs=1), digits)
    train(tiny_trial("raises"), digits)
    assert torch.equal(torch.get_rng_state(), state)


def test_training_learns(tiny_trial: Make, digits: Dataset) -> None:
    """Ten epochs tell nine of ten digits apart, and dropout costs in train mode."""
    outcome = train(tiny_trial(epochs=10, batch_size=32, learning_rate=1e-2), digits)
    final = outcome.epochs[-1]
    assert [epoch.number for epoch in outcome.epochs] == list(range(1, 11))
    assert final.test_accuracy is not None
    assert final.test_accuracy > 0.9
    assert outcome.values["test_error"] == pytest.approx(100 * (1 - final.test_accuracy))
    assert final.test_loss < outcome.epochs[0].test_loss
    assert final.train_loss > final.train_eval_loss


def test_a_later_epoch_is_unchanged_by_more_epochs(tiny_trial: Make, digits: Dataset) -> None:
    """The first epochs of a longer training are those of a shorter one."""
    short, long = (train(tiny_trial(epochs=n), digits) for n in (1, 3))
    assert _numbers(long.epochs[:1]) == _numbers(short.epochs)


def test_limit_train_trains_on_the_first(tiny_trial: Make, digits: Dataset) -> None:
    """A limit gives what the same data set cut to its first examples gives."""
    first = Split(digits.train.inputs[:200], digits.train.targets[:200])
    cut = replace(digits, train=first)
    limited = train(tiny_trial(limit_train=200), digits)
    assert _numbers(limited.epochs) == _numbers(train(tiny_trial(), cut).epochs)


def test_bf16_trains_to_nearby_numbers(tiny_trial: Make, digits: Dataset) -> None:
    """Mixed precision changes the numbers a little: it is used, and it is no other training."""
    fp32 = train(tiny_trial(), digits).values["test_loss"]
    bf16 = train(replace(tiny_trial(), precision="bf16"), digits).values["test_loss"]
    assert bf16 != fp32
    assert bf16 == pytest.approx(fp32, rel=0.05)


def test_divergence_keeps_the_epochs_before(tiny_trial: Make, digits: Dataset) -> None:
    """A loss that is not finite ends the trial as diverged, and says where."""
    outcome = train(tiny_trial("diverges"), digits)
    assert (outcome.status, outcome.epochs, outcome.values) == ("diverged", (), {})
    assert outcome.message == "the loss of batch 1 of epoch 1 was nan"
    late = train(tiny_trial(learning_rate=1e18, epochs=50), digits)
    assert late.status == "diverged"


def test_an_exception_is_the_trials_outcome(tiny_trial: Make, digits: Dataset) -> None:
    """What a network raises is recorded, not thrown."""
    outcome = train(tiny_trial("raises"), digits)
    assert outcome.status == "failed"
    assert outcome.message == "RuntimeError: the network's own words"


def test_progress_counts_epochs(tiny_trial: Make, digits: Dataset) -> None:
    """Progress rises from batch to batch up to the number of epochs."""
    seen: list[float] = []
    train(tiny_trial(), digits, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 2
    assert len(seen) == 2 * -(-len(digits.train) // 64)


def test_versions_are_recorded(tiny_trial: Make, digits: Dataset) -> None:
    """An outcome says with which torch it came about."""
    assert train(tiny_trial(epochs=1), digits).versions["torch"] == torch.__version__
