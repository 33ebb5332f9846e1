"""Which cluster is meant, and how much of it a trial takes."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from normdrop.errors import UsageError

_CLIENT = "ray://"
_SMALLEST_FRACTION = 0.0001  # Ray counts resources in ten-thousandths


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, and what each trial takes of it.

    Attributes:
        address: `ray://host:port`, `host:port`, or `auto`.
        gpus: How many GPUs a trial takes, a fraction as a rule; zero to train on processors.
    """

    address: str
    gpus: float

    @classmethod
    def of(cls, on: str, *, device: str, gpu_fraction: float | None) -> "Cluster":
        """The cluster that a user's words mean.

        Raises:
            UsageError: When there is no such kind of address or device, the fraction is out of
                range, or the extra is not installed.

        Examples:
            >>> Cluster.of("ray://head:10001", device="cuda", gpu_fraction=0.25)
            Cluster(address='ray://head:10001', gpus=0.25)
            >>> Cluster.of("head", device="cpu", gpu_fraction=None)
            Traceback (most recent call last):
            ...
            normdrop.errors.UsageError: on must be ray://host:port, host:port or auto, not 'head'
        """
        # What Ray itself takes `auto` to mean, said here so that it can be checked like the others.
        address = (on == "auto" and os.environ.get("RAY_ADDRESS")) or on
        if address != "auto" and not _names_a_port(address):
            raise UsageError(f"on must be ray://host:port, host:port or auto, not {address!r}")
        gpus = _gpus(device, gpu_fraction)
        if not (find_spec("ray") and find_spec("grpc")):
            raise UsageError(
                "training on a Ray cluster needs the extra ray: pip install 'normdrop[ray]'"
            )
        return cls(address, gpus)

    @property
    def through_client(self) -> bool:
        """Whether this machine is not a node of the cluster, but talks to Ray's client server."""
        return self.address.startswith(_CLIENT)

    @property
    def target(self) -> str:
        """The address without its scheme."""
        return self.address.removeprefix(_CLIENT)


def _names_a_port(address: str) -> bool:
    try:
        parts = urlsplit(f"//{address.removeprefix(_CLIENT)}")
        return bool(parts.hostname and parts.port) and not (parts.path or parts.query)
    except ValueError:  # a port that is no number, or too large
        return False


def _gpus(device: str, fraction: float | None) -> float:
    if device == "cpu":
        if fraction is not None:
            raise UsageError("gpu_fraction is for device cuda: on cpu a trial takes one core")
        return 0.0
    if device != "cuda":
        raise UsageError(f"on a cluster the device is cpu or cuda, not {device!r}: Ray picks which")
    if fraction is None:
        return 1.0
    if not _SMALLEST_FRACTION <= fraction <= 1:
        raise UsageError(
            f"gpu_fraction must lie between {_SMALLEST_FRACTION} and 1, not {fraction}"
        )
    return float(fraction)
