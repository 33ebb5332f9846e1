"""The errors normdrop raises: what was found, where, and what to do instead.

Every error a user can cause derives from `NormdropError`; the command line prints its text as one
line and exits with status 2.
"""

from difflib import get_close_matches


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


class StoreWarning(UserWarning):
    """Something that a store held is damaged, and is made anew."""


def unknown(what: str, word: object, known: tuple[str, ...], *others: str) -> UsageError:
    """What to say of a word that is none of those known: the one it is nearest to, or all.

    >>> print(unknown("unknown method 'simulte'", "simulte", ("moments", "simulate")))
    unknown method 'simulte': did you mean 'simulate'?
    >>> print(unknown("unknown method 'guess'", "guess", ("moments", "simulate")))
    unknown method 'guess': 'moments' or 'simulate'
    """
    near = get_close_matches(str(word), known, 1)
    if near:
        return UsageError(f"{what}: did you mean {near[0]!r}?")
    *first, last = (*map(repr, known), *others)
    return UsageError(f"{what}: {', '.join(first)} or {last}")
