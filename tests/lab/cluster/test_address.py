"""Which cluster a user's words mean, and which words mean none."""

import sys

import pytest

from normdrop.errors import UsageError
from normdrop.lab.cluster import Cluster


@pytest.mark.parametrize(
    ("on", "through_client", "target"),
    [
        ("ray://head:10001", True, "head:10001"),
        ("192.0.2.1:6379", False, "192.0.2.1:6379"),
        ("[::1]:6379", False, "[::1]:6379"),
        ("auto", False, "auto"),
    ],
)
def test_an_address_is_read(
    monkeypatch: pytest.MonkeyPatch, on: str, *, through_client: bool, target: str
) -> None:
    """The scheme says whether the driver is a client."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    cluster = Cluster.of(on, device="cpu", gpu_fraction=None)
    assert (cluster.through_client, cluster.target) == (through_client, target)
    assert cluster.gpus == 0


def test_auto_is_what_ray_takes_it_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """`RAY_ADDRESS` names the cluster that `auto` means, and is checked like any address."""
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    assert Cluster.of("auto", device="cpu", gpu_fraction=None).through_client
    monkeypatch.setenv("RAY_ADDRESS", "head")
    with pytest.raises(UsageError, match="not 'head'"):
        Cluster.of("auto", device="cpu", gpu_fraction=None)


@pytest.mark.parametrize(
    "on", ["", "head", "ray://", "ray://head", "head:x", "head:0", "head:70000", "http://head:1",
           "head:6379/path", ":6379", "local", "slurm"],
)  # fmt: skip
def test_other_words_are_refused(on: str) -> None:
    """What names no port of a host is refused in one sentence that quotes it."""
    with pytest.raises(UsageError, match="on must be ray://host:port, host:port or auto, not") as e:
        Cluster.of(on, device="cpu", gpu_fraction=None)
    assert repr(on) in str(e.value)


@pytest.mark.parametrize(
    ("device", "fraction", "gpus"),
    [("cpu", None, 0.0), ("cuda", None, 1.0), ("cuda", 0.25, 0.25), ("cuda", 1, 1.0)],
)
def test_a_trial_takes_a_gpu_or_its_fraction(
    device: str, fraction: float | None, gpus: float
) -> None:
    """None on processors, a whole one by default, else what is asked for."""
    assert Cluster.of("head:1", device=device, gpu_fraction=fraction).gpus == gpus


@pytest.mark.parametrize(
    ("device", "fraction", "message"),
    [
        ("cpu", 0.5, "gpu_fraction is for device cuda"),
        ("cuda", 0.0, "between 0.0001 and 1, not 0.0"),
        ("cuda", 1.5, "not 1.5"),
        ("cuda", float("nan"), "not nan"),
        ("cuda:1", None, "Ray picks which"),
        ("mps", None, "cpu or cuda, not 'mps'"),
    ],
)
def test_wrong_shares_are_refused(device: str, fraction: float | None, message: str) -> None:
    """A share that Ray could not give, or a device it would not heed."""
    with pytest.raises(UsageError, match=message):
        Cluster.of("head:1", device=device, gpu_fraction=fraction)


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Ray the error says what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'normdrop\[ray\]'"):
        Cluster.of("head:1", device="cpu", gpu_fraction=None)
