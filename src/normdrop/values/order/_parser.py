"""From text to tokens, and from wrong text to an error that helps."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Never

from normdrop.errors import OrderError
from normdrop.values.operations import NOISES
from normdrop.values.order._kinds import ACTIVATIONS, KINDS, Token

_PARENTHESES = re.compile(r"\([^()]*\)")
_TOKEN = re.compile(r"(?P<name>[^()]*?)\s*(?:\((?P<argument>[^()]*)\))?")

# What other libraries and papers call the tokens.
_OTHER_NAMES = {
    "convolution": "conv",
    "dense": "linear",
    "fc": "linear",
    "batchnorm": "bn",
    "norm": "bn",
    "groupnorm": "gn",
    "layernorm": "ln",
    "activation": "act",
    "nonlinearity": "act",
    **{noise.name.replace("_", ""): noise.in_order for noise in NOISES if noise.in_order},
    "uout": "uniform",
    "maxpool": "pool(max)",
    "avgpool": "pool(avg)",
    "pooling": "pool",
    **{name: f"act({name})" for name in ACTIVATIONS},
    **{name: name for name in KINDS},
}


def parse(text: str) -> tuple[Token, ...]:
    """Read an order.

    Raises:
        OrderError: If a token or its argument is not valid; the message quotes it, gives its column
            (from 1) and proposes the nearest valid one.
    """
    return tuple(_token(text, column, piece) for column, piece in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Each token's column, from 1, and its text."""
    # A dash inside parentheses belongs to a number: `drop(1e-3)`.
    masked = _PARENTHESES.sub(lambda match: "_" * len(match[0]), text)
    start = 0
    for end in [*(dash.start() for dash in re.finditer("-", masked)), len(text)]:
        piece = text[start:end]
        yield start + len(piece) - len(piece.lstrip()) + 1, piece.strip()
        start = end + 1


def _token(text: str, column: int, piece: str) -> Token:
    """One token."""
    if not piece:
        _refuse(text, column, piece, "is no token", None)
    match = _TOKEN.fullmatch(piece)
    if match is None:
        _refuse(text, column, piece, "has unbalanced parentheses", _closed(piece))
    name, argument = match["name"], match["argument"]
    if name not in KINDS:
        _refuse(text, column, piece, "is no token", _nearest(name, argument))
    return Token(name) if argument is None else _with_argument(text, column, piece, match)


def _with_argument(text: str, column: int, piece: str, match: re.Match[str]) -> Token:
    """One token with an argument."""
    name, argument = match["name"], match["argument"].strip()
    kind = KINDS[name].argument
    if kind is None:
        _refuse(text, column, piece, "takes no argument", name)
    value = kind.read(argument)
    if value is None:
        reason = f"needs {kind.words}"
        _refuse(text, column, piece, reason, str(Token(name, kind.nearest(argument))))
    return Token(name, value)


def _closed(piece: str) -> str | None:
    """The token that a piece with unbalanced parentheses was probably meant to be."""
    name, _, argument = piece.partition("(")
    return _nearest(name.strip(") "), argument.strip("() ") or None)


def _nearest(name: str, argument: str | None) -> str | None:
    """The valid token that looks most like `name`, with its argument where that is valid."""
    plain = re.sub(r"[^a-z0-9]", "", re.sub(r"[123]d$", "", name.lower()))
    matches = get_close_matches(plain, _OTHER_NAMES, n=1, cutoff=0.6)
    if not matches:
        return None
    token = _OTHER_NAMES[matches[0]]
    kind = KINDS[token].argument if token in KINDS else None
    if kind is None or argument is None:
        return token
    return str(Token(token, kind.read(argument.strip())))


def _refuse(text: str, column: int, piece: str, reason: str, proposal: str | None) -> Never:
    """Raise the error for one token."""
    hint = (
        f"did you mean {proposal!r}?" if proposal else f"the tokens are {', '.join(sorted(KINDS))}"
    )
    raise OrderError(f"order {text!r}: {piece!r} at column {column} {reason}; {hint}")
