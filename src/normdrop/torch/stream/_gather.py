"""The statistics of all processes of a distributed run, the same on each."""

from collections.abc import Callable, Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.stream import Pass, Seen, merged

_HEAD = 5
_NUMBERS = 5


def over_all_processes(run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
    """Run a pass in every process and put their findings together; alone, run it.

    Processes may have different numbers of batches, or none. They meet once, after the pass, also
    where one of them failed: then all raise.

    Args:
        run: The pass of this process.
        channels: Norm layer path to its channels, the same in every process.

    Raises:
        UsageError: Another process failed, or a layer has no name the others know.
    """
    if not several_processes():
        return run()
    try:
        found = run()
        mine = _packed(found, channels)
    except BaseException:
        _exchanged(torch.ones(_length(channels), dtype=torch.float64))
        raise
    theirs = _exchanged(mine)
    failed = [rank for rank, numbers in enumerate(theirs) if numbers[0]]
    if failed:
        raise UsageError(f"the pass of process {failed[0]} failed: its error says why")
    return _put_together([_unpacked(numbers, channels) for numbers in theirs])


def several_processes() -> bool:
    """Whether this is one process of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _put_together(passes: list[Pass]) -> Pass:
    examples = sum(one.examples for one in passes)
    if not examples:
        raise UsageError("there are no batches in any process")
    total = dict(passes[0].seen)
    for one in passes[1:]:
        total = {path: merged(seen, one.seen[path]) for path, seen in total.items()}
    return Pass(
        {path: seen for path, seen in total.items() if seen.count},
        sum(one.batches for one in passes),
        examples,
        frozenset().union(*(one.frozen for one in passes)),
        sum(one.metric * one.examples for one in passes) / examples,
        any(one.unsure for one in passes),
    )


def _length(channels: Mapping[str, int]) -> int:
    return _HEAD + sum(_NUMBERS + 3 * size for size in channels.values())


def _packed(found: Pass, channels: Mapping[str, int]) -> Tensor:
    unknown = found.seen.keys() - channels.keys()
    if unknown:
        raise UsageError(
            f"{min(unknown)!r} keeps its statistics in no buffers called running_mean and "
            "running_var, by which processes could agree on it"
        )
    head = [0.0, found.batches, found.examples, found.unsure, found.metric]
    parts = [torch.tensor(head, dtype=torch.float64)]
    for path, size in channels.items():
        seen = found.seen.get(path, Seen.nothing(size))
        numbers = [seen.count, seen.batches, seen.spread, path in found.frozen, seen.pooled]
        parts.append(torch.tensor(numbers, dtype=torch.float64))
        parts += map(torch.from_numpy, (seen.mean, seen.within, seen.between))
    return torch.cat(parts)


def _unpacked(numbers: Tensor, channels: Mapping[str, int]) -> Pass:
    _, batches, examples, unsure, metric = numbers[:_HEAD].tolist()
    seen: dict[str, Seen] = {}
    frozen: set[str] = set()
    start = _HEAD
    for path, size in channels.items():
        count, calls, spread, is_frozen, pooled = numbers[start : start + _NUMBERS].tolist()
        start += _NUMBERS
        mean, within, between = numbers[start : start + 3 * size].view(3, size).numpy()
        start += 3 * size
        seen[path] = Seen(count, int(calls), mean, within, between, spread, bool(pooled))
        if is_frozen:
            frozen.add(path)
    return Pass(seen, int(batches), int(examples), frozenset(frozen), metric, bool(unsure))


def _exchanged(mine: Tensor) -> list[Tensor]:
    """Everybody's numbers, in the order of the processes."""
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    mine = mine.to(device)
    theirs = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(theirs, mine)
    return [numbers.cpu() for numbers in theirs]
