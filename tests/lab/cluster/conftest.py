"""A real Ray cluster of two nodes on this machine, and trials to train on it."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from normdrop.lab.cluster import Cluster
from normdrop.lab.trial import Trial

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster as RayCluster


@pytest.fixture(scope="module")
def ray_cluster() -> "Iterator[RayCluster]":
    """Two nodes of one core each; every process they started is gone afterwards."""
    # Ray's sockets lie in it, and the path of a socket has at most 107 characters.
    folder = tempfile.mkdtemp(prefix="nd-", dir="/tmp")
    # Whatever the folder, Ray notes its current cluster here, and does not make the place.
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108 - the place is Ray's own choice
    before = set(psutil.Process().children(recursive=True))
    try:
        cluster = _start(folder, before)
        yield cluster
        cluster.shutdown()  # type: ignore[no-untyped-call]  # Ray gives it no types
        _, alive = psutil.wait_procs(_since(before), timeout=30)
    finally:
        _kill(before)
        shutil.rmtree(folder, ignore_errors=True)
    assert not alive


def _start(folder: str, before: set[psutil.Process], attempts: int = 3) -> "RayCluster":
    """Start it, again if a busy machine did not in the half minute that Ray gives a node."""
    from ray.cluster_utils import Cluster as RayCluster

    try:
        cluster = RayCluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False, "temp_dir": folder},
        )
        cluster.add_node(num_cpus=1)
    except Exception:
        _kill(before)
        if attempts == 1:
            raise
        return _start(folder, before, attempts - 1)
    return cluster


def _since(before: set[psutil.Process]) -> set[psutil.Process]:
    """The processes this one has started since."""
    return set(psutil.Process().children(recursive=True)) - before


def _kill(before: set[psutil.Process]) -> None:
    for process in _since(before):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def on(ray_cluster: "RayCluster") -> Cluster:
    """The cluster as normdrop sees it."""
    return Cluster.of(ray_cluster.address, device="cpu", gpu_fraction=None)


@pytest.fixture
def client_port(ray_cluster: "RayCluster") -> Iterator[int]:
    """The port of a Ray client server of the cluster.

    The one that `Cluster` could start ends its sessions with the thread that began them.
    """
    import grpc

    port = 23456
    command = (
        *("ray.util.client.server", "--address", ray_cluster.address),
        *("--host", "127.0.0.1", "--port", port, "--mode", "proxy"),
    )
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=60)
            yield port
        finally:
            children = psutil.Process(server.pid).children(recursive=True)
            server.terminate()
            psutil.wait_procs(children, timeout=30)


@pytest.fixture
def noted_trial(tiny_trial: Callable[..., Trial], tiny: str, tmp_path: Path) -> Callable[..., Any]:
    """Make a trial of a file that only the driver has; its starts are noted in `starts`.

    Each line is the process that trains, the GPUs it sees, and where it has the recipe.
    """
    recipe = tmp_path / "noted.py"
    recipe.write_text(
        Path(tiny).read_text()
        + f"""
import dataclasses

def _noted(*arguments):
    with open({str(tmp_path / "starts")!r}, "a") as starts:
        starts.write(f"{{os.getpid()}} {{os.environ.get('CUDA_VISIBLE_DEVICES')}} {{__file__}}\\n")
    return _network(*arguments)

RECIPE = dataclasses.replace(RECIPE, network=_noted)
"""
    )

    def make(variant: str = "plain", seed: int = 0, **settings: int) -> Trial:
        import dataclasses

        trial = tiny_trial(variant, seed, **settings)
        return dataclasses.replace(trial, recipe=str(recipe))

    return make
