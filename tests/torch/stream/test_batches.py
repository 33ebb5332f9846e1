"""Batches of every shape a user has, and those that are none."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from normdrop.errors import UsageError
from normdrop.shifts.stream import Batch
from normdrop.torch.stream import reading


class _Two(nn.Module):
    """Takes two inputs."""

    def forward(self, left: Tensor, right: Tensor, scale: float = 1.0) -> Tensor:
        return scale * left + right


_X, _Y = torch.zeros(4, 3), torch.ones(4)


def _first(item: object, model: nn.Module | None = None) -> Batch:
    return next(iter(reading([item], model or nn.Linear(3, 3))))


@pytest.mark.parametrize(
    ("item", "model", "args", "kwargs", "targets"),
    [
        (_X, None, 1, (), None),
        ((_X,), None, 1, (), None),
        ([_X, _Y], None, 1, (), _Y),
        ((_X, _Y), None, 1, (), _Y),
        ((_X, _X), _Two(), 2, (), None),
        ((_X, _X, _Y), _Two(), 2, (), _Y),
        (((_X, _X), _Y), _Two(), 2, (), _Y),
        (({"left": _X, "right": _X}, _Y), _Two(), 0, ("left", "right"), _Y),
    ],
)
def test_inputs_and_targets_are_told_apart(
    item: object,
    model: nn.Module | None,
    args: int,
    kwargs: tuple[str, ...],
    targets: Tensor | None,
) -> None:
    """A pair is inputs and targets unless the model takes two inputs."""
    batch = _first(item, model)
    assert len(batch.arguments[0]) == args
    assert tuple(batch.arguments[1]) == kwargs
    assert batch.size == 4
    assert (batch.targets is None) == (targets is None)
    assert targets is None or torch.equal(batch.targets, targets)


def test_a_dict_is_also_what_the_metric_compares_with() -> None:
    """Names the model does not take stay with the metric."""
    batch = _first({"left": _X, "right": _X, "labels": _Y}, _Two())
    assert tuple(batch.arguments[1]) == ("left", "right")
    assert torch.equal(batch.targets["labels"], _Y)


def test_arrays_become_tensors() -> None:
    """Numpy's arrays do for tensors."""
    batch = _first((np.zeros((4, 3), np.float32), np.ones(4)))
    assert isinstance(batch.arguments[0][0], Tensor)
    assert isinstance(batch.targets, Tensor)


def test_limits_loaders_and_progress() -> None:
    """A loader is read up to the limit, and told of batch by batch."""
    seen: list[tuple[int, int | None]] = []
    loader = DataLoader(TensorDataset(torch.zeros(10, 3)), batch_size=4)

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total))

    batches = reading(loader, nn.Linear(3, 3), limit=2, progress=progress)
    assert [batch.size for batch in batches] == [4, 4]
    assert (batches.count, batches.examples, seen) == (2, 8, [(1, 2), (2, 2)])
    assert [batch.size for batch in reading(loader, nn.Linear(3, 3))] == [4, 4, 2]


def test_a_limit_ends_what_has_no_end() -> None:
    """An endless generator is read up to the limit and no further."""
    drawn: list[int] = []

    def endless() -> Iterator[Tensor]:
        while True:
            drawn.append(1)
            yield _X

    assert len(list(reading(endless(), nn.Linear(3, 3), limit=3))) == 3
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("batches", "limit", "words"),
    [
        ([], None, "there are no batches"),
        (iter([]), None, "there are no batches"),
        (_X, None, "one Tensor: for a single batch pass"),
        ("digits", None, "of type str"),
        (7, None, "of type int"),
        ({"x": _X}, None, "of type dict"),
        (itertools.repeat(_X), None, "never end"),
        ([_X], 0, "limit=0"),
        ([torch.zeros(0, 3)], None, "batch 1 is empty"),
        ([(_X, _X, _X, _X)], None, "tuple of 4"),
        ([{"image": _X}], None, "has image, and the model takes input"),
        ([3.0], None, "holds no tensor"),
        ([torch.tensor(1.0)], None, "holds no tensor"),
    ],
)
def test_what_are_no_batches(batches: object, limit: int | None, words: str) -> None:
    """The error says what was found and what to pass."""
    with pytest.raises(UsageError, match=words):
        list(reading(batches, nn.Linear(3, 3), limit=limit))


def test_a_loader_that_raises_half_way() -> None:
    """The loader's own error, and how far it came."""

    def failing() -> Iterator[Tensor]:
        yield _X
        raise OSError("the disk is gone")

    with pytest.raises(UsageError, match=r"raised OSError after 1: the disk is gone"):
        list(reading(failing(), nn.Linear(3, 3)))


def test_the_readers_own_errors_are_not_the_loaders() -> None:
    """What happens while a batch is at work is not blamed on the loader."""

    def work() -> None:
        for _ in reading([_X], nn.Linear(3, 3)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_generators_cannot_be_read_twice() -> None:
    """A second pass is refused in words, before the first."""
    batches = reading((_X for _ in range(2)), nn.Linear(3, 3))
    assert not batches.repeatable
    with pytest.raises(UsageError, match=r"exact reads the batches several times, and a generator"):
        batches.need_repeatable("exact")
    reading([_X], nn.Linear(3, 3)).need_repeatable("exact")
