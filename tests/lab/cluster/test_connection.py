"""What answers at an address, and what the user is told when it is no cluster."""

import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from normdrop.errors import UsageError
from normdrop.lab.cluster import Cluster, _run
from normdrop.lab.cluster._run import connected


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def rude() -> Iterator[int]:
    """The port of a server that speaks something else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _refusal(address: str) -> str:
    with (
        pytest.raises(UsageError, match="no Ray cluster at") as refused,
        connected(Cluster.of(address, device="cpu", gpu_fraction=None)),
    ):
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_nobody_there(scheme: str) -> None:
    """Where nothing listens, the reason is the network's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    message = _refusal(f"{scheme}127.0.0.1:{port}")
    assert f"no Ray cluster at {scheme}127.0.0.1:{port} (Connection refused)" in message


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_no_answer(scheme: str, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up soon; Ray itself would wait for minutes."""
    monkeypatch.setattr(_run, "_SECONDS_TO_ANSWER", 1.0)
    start = time.monotonic()
    assert "no answer within 1 s" in _refusal(f"{scheme}127.0.0.1:{silent}")
    assert time.monotonic() - start < 10


def test_another_kind_of_server(rude: int) -> None:
    """A server of something else is no cluster."""
    assert "HTTP" in _refusal(f"127.0.0.1:{rude}")


@pytest.mark.slow
def test_the_wrong_port_of_a_cluster(on: Cluster, client_port: int) -> None:
    """The cluster's port is not the clients' port, and the refusal says which was meant."""
    assert f"as it stands, {on.address} without ray://" in _refusal(f"ray://{on.address}")
    client = f"127.0.0.1:{client_port}"
    assert f"the address would be ray://{client}" in _refusal(client)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_auto_finds_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` connects to a cluster that runs on this machine."""
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with connected(Cluster.of("auto", device="cpu", gpu_fraction=None)):
        assert ray.is_initialized()
    assert not ray.is_initialized()


@pytest.mark.slow
def test_no_room_for_a_trial(on: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster without GPUs is no place for a trial that takes one."""
    monkeypatch.setattr(_run, "_SECONDS_TO_HAVE_ROOM", 1.0)
    gpus = Cluster.of(on.address, device="cuda", gpu_fraction=0.5)
    with pytest.raises(UsageError, match="has no node with a GPU and a core"), connected(gpus):
        pass


@pytest.mark.slow
def test_a_connection_leaves_nothing_behind(on: Cluster) -> None:
    """The process is not connected afterwards, and SIGTERM is whose it was."""
    import ray

    before = signal.getsignal(signal.SIGTERM)
    with connected(on):
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_the_users_connection_stays(on: Cluster) -> None:
    """A process that is connected already uses that connection and keeps it."""
    import ray

    ray.init(address=on.address, log_to_driver=False)
    try:
        job = ray.get_runtime_context().get_job_id()
        with connected(on):
            assert ray.get_runtime_context().get_job_id() == job
        assert ray.get_runtime_context().get_job_id() == job
    finally:
        ray.shutdown()
