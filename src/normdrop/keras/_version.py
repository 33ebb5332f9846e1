"""Which Keras is installed, and whether it can be used."""

import os
import re
from importlib.metadata import PackageNotFoundError, version

from normdrop.errors import UsageError

OLDEST = (3, 6)


def check_version() -> None:
    """Refuse a Keras that is missing, too old, or has no backend to run on.

    Raises:
        UsageError: One of these; the message says what to install or to set.
    """
    try:
        installed = version("keras")
    except PackageNotFoundError:
        raise UsageError(
            "normdrop.keras needs Keras: install normdrop[keras] and a backend, which is torch, "
            "tensorflow or jax"
        ) from None
    if numbers(installed) < OLDEST:
        raise UsageError(
            f"normdrop.keras needs Keras {OLDEST[0]}.{OLDEST[1]} or later, and {installed} is "
            "installed: upgrade it with `pip install --upgrade keras`"
        )
    try:
        import keras  # noqa: F401 - whether it can be imported is the question
    except ImportError as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise UsageError(
            f"Keras cannot start on its backend {backend!r} ({error}): install that, or set "
            "KERAS_BACKEND to one of torch, tensorflow and jax that is installed"
        ) from error


def numbers(release: str) -> tuple[int, int]:
    """The first two numbers of a version.

    >>> numbers("3.15.1"), numbers("4.0rc1")
    ((3, 15), (4, 0))
    """
    major, minor = re.findall(r"\d+", f"{release}.0")[:2]
    return int(major), int(minor)
