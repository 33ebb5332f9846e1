"""Several processes, each with its own batches, end with the statistics of all."""

from pathlib import Path
from typing import Any

import pytest
import torch
from distributed_recalibration import CASES, PROCESSES, batches, network, run
from torch.multiprocessing.spawn import start_processes

import normdrop
from normdrop.verbs import RecalibrateMethod


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What three processes saved."""
    path = tmp_path_factory.mktemp("processes")
    start_processes(run, (str(path),), nprocs=PROCESSES)  # type: ignore[no-untyped-call] # torch
    return path


@pytest.mark.parametrize(("kind", "method"), CASES)
def test_every_process_ends_with_the_statistics_of_all_data(
    folder: Path, kind: str, method: RecalibrateMethod
) -> None:
    """As one process that reads everything; where one fails all stay as they were."""
    results: list[dict[str, Any]] = [
        torch.load(folder / f"{kind}-{rank}.pt", weights_only=True) for rank in range(PROCESSES)
    ]
    model = network(kind)
    if kind == "failing":
        assert "batch 3" in results[1]["error"]
        assert all("process 1 failed" in results[rank]["error"] for rank in (0, 2))
    else:
        normdrop.recalibrate(model, batches(), method=method)
        assert all("5 batches, 37 examples" in result["notes"][0] for result in results)
    for result in results:
        torch.testing.assert_close(result["state"], model.state_dict(), rtol=1e-5, atol=1e-6)
        assert result["state"]["2.num_batches_tracked"] == (0 if kind == "failing" else 5)
    for result in results[1:]:
        torch.testing.assert_close(result["state"], results[0]["state"], rtol=0, atol=0)
