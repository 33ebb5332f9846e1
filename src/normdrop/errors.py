"""The errors normdrop raises: what was found, where, and what to do instead.

Every error a user can cause derives from `NormdropError`; the command line prints its text as one
line and exits with status 2.
"""


class NormdropError(Exception):
    """What was found, where, and what to do instead, in one sentence or two."""


class OrderError(NormdropError, ValueError):
    """An order string that does not parse or does not build."""


class DataError(NormdropError):
    """A data set that is unknown, missing, truncated or not what its checksum says."""


class RecipeError(NormdropError):
    """A recipe that is unknown, or settings it does not take."""


class StoreError(NormdropError):
    """A store that cannot be read or written."""


class CaptureError(NormdropError):
    """A model that cannot be seen as a graph, and which module stood in the way."""


class UsageError(NormdropError):
    """A call or command line whose arguments do not fit together."""


class NoiseError(NormdropError, ValueError):
    """A noise parameter out of its range, or an input the noise cannot multiply."""


class ShiftWarning(UserWarning):
    """A norm layer under training whose input in eval mode is far from its running statistics."""
