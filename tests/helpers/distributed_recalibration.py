"""What every process of a distributed recalibration runs."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import normdrop
from normdrop.errors import NormdropError
from normdrop.verbs import RecalibrateMethod

PROCESSES = 3
CASES: tuple[tuple[str, RecalibrateMethod], ...] = (
    *(("wrapped", "batch"), ("synced", "batch")),
    *(("bare", "exact"), ("failing", "batch")),
)


def network(kind: str) -> nn.Module:
    """The same weights in every process; torch wraps no SyncBatchNorm on a CPU."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d if kind == "wrapped" else nn.SyncBatchNorm
    return nn.Sequential(
        *(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU()),
        *(nn.Linear(8, 8), norm(8), nn.ReLU(), nn.Linear(8, 1)),
    )


def batches() -> list[Tensor]:
    """All data."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, 4, generator=generator) for size in (8, 8, 8, 5, 8)]


def run(rank: int, folder: str) -> None:
    """Recalibrate on this process's share in every case, and save what came out."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/group", world_size=PROCESSES, rank=rank)
    for kind, method in CASES:
        model = network(kind)
        wrapped = DistributedDataParallel(model) if kind == "wrapped" else model
        result: dict[str, object] = {}
        try:
            done = normdrop.recalibrate(wrapped, _share(rank, kind), method=method)
            result["notes"] = list(done.notes)
        except NormdropError as error:
            result["error"] = str(error)
        result["state"] = model.state_dict()
        torch.save(result, f"{folder}/{kind}-{rank}.pt")
    dist.destroy_process_group()


def _share(rank: int, kind: str) -> list[Tensor]:
    """Uneven shares: three batches, two, and none."""
    mine = {0: batches()[:3], 1: batches()[3:], 2: []}[rank]
    return [*mine, torch.randn(2, 3)] if kind == "failing" and rank == 1 else mine
