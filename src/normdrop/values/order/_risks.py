"""What the literature holds against an order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from normdrop.values.order._kinds import Role, Token

# Noise that shifts a variance by less than this share is no risk: Li et al. cure the shift with
# uniform dropout of beta 0.1 to 0.3, whose shift is 0.97 to 0.997 on inputs of mean zero.
_HARMLESS_SHIFT = 0.98

_LI = "Li et al., CVPR 2019, arXiv 1801.05134"
_KIM = "Kim et al., UAI 2023, arXiv 2302.06112"


@dataclass(frozen=True)
class Risk:
    """One thing the literature holds against an order.

    Attributes:
        kind: `"noise-before-norm"`, `"noise-before-weight-and-norm"`, `"noise-before-max-pool"` or
            `"noise-twice"`.
        words: What happens, in one sentence.
        source: Who found it.
        tokens: Positions of the tokens involved, the cause first.
        across_seam: Whether it arises only where the block is followed by another of its order.
        shift: Expected eval variance / train variance at the norm for inputs of mean zero; none
            where it also depends on what lies between noise and norm, or where the order does not
            state the rate.
    """

    kind: str
    words: str
    source: str
    tokens: tuple[int, ...]
    across_seam: bool = False
    shift: float | None = None

    def __str__(self) -> str:
        """The words and their source."""
        return f"{self.words} ({self.source})"


def risks(tokens: Sequence[Token]) -> tuple[Risk, ...]:
    """Every risk of an order, those of its first tokens first."""
    found = [*_before_norm(tokens), *_before_max_pool(tokens), *_twice(tokens)]
    return tuple(sorted(found, key=lambda risk: risk.tokens))


def _before_norm(tokens: Sequence[Token]) -> Iterator[Risk]:
    """Noise that reaches a norm with statistics, in the block or in the next one of its order.

    The walk ends at the first norm. A group or layer norm takes its statistics from the very input
    it normalises, so it suffers no shift and hands on the same variance in both modes.
    """
    for position in _noisy(tokens):
        for end in range(position + 1, position + len(tokens)):
            norm = tokens[end % len(tokens)]
            if norm.role is Role.NORM:
                if norm.kind.carries_statistics:
                    yield _norm_risk(tokens, position, end)
                break


def _norm_risk(tokens: Sequence[Token], position: int, end: int) -> Risk:
    """The risk of the noise at `position` for the norm at `end`, counted on over the seam."""
    count = len(tokens)
    noise, norm = tokens[position], tokens[end % count]
    between = [tokens[index % count] for index in range(position + 1, end)]
    mixed = any(map(_mixes, between))
    shift = None if between else _shift(noise)
    way = f"through {', '.join(map(str, between))}" if between else "directly"
    seam = " of the next block of this order" if end >= count else ""
    effect = (
        "the variance there is smaller in evaluation than in training, the less so the wider the "
        "layer and the more its inputs correlate"
        if mixed
        else "the variance there is smaller in evaluation than in training"
    )
    amount = (
        "" if shift is None else f", {shift:.3g} of it for inputs of mean zero, less for others"
    )
    return Risk(
        kind="noise-before-weight-and-norm" if mixed else "noise-before-norm",
        words=f"{noise} reaches {norm}{seam} {way}: {effect}{amount}",
        source=f"{_LI}, case ({'b' if mixed else 'a'})",
        tokens=(position, end % count),
        across_seam=end >= count,
        shift=shift,
    )


def _before_max_pool(tokens: Sequence[Token]) -> Iterator[Risk]:
    """Noise that reaches max pooling before any weight or norm."""
    for position in _noisy(tokens):
        for end in range(position + 1, len(tokens)):
            token = tokens[end]
            if token.is_max_pool:
                yield Risk(
                    kind="noise-before-max-pool",
                    words=f"{tokens[position]} comes before {token}: a maximum is no linear "
                    "function of what it pools, so the noise shifts the mean too",
                    source=f"{_LI}; nagadomi/kaggle-cifar10-torch7, issue 5",
                    tokens=(position, end),
                )
            if token.role not in {Role.ACTIVATION, Role.NOISE}:
                break


def _twice(tokens: Sequence[Token]) -> Iterator[Risk]:
    """Two noises with no norm between them."""
    for first, second in combinations(_noisy(tokens), 2):
        if not any(token.role is Role.NORM for token in tokens[first:second]):
            yield Risk(
                kind="noise-twice",
                words=f"{tokens[first]} and {tokens[second]} follow each other with no norm "
                "between: one of them alone does better",
                source=_KIM,
                tokens=(first, second),
            )


def _noisy(tokens: Sequence[Token]) -> list[int]:
    """Positions of noise of an unknown rate, or of one that shifts variances noticeably."""
    noises = [index for index, token in enumerate(tokens) if token.role is Role.NOISE]
    shifts = {index: _shift(tokens[index]) for index in noises}
    return [index for index, shift in shifts.items() if shift is None or shift < _HARMLESS_SHIFT]


def _shift(token: Token) -> float | None:
    """Eval variance / train variance right after noise on inputs of mean zero.

    The reciprocal of the noise's second-moment factor: 1 − rate for dropout, 3/(3 + β²) for
    uniform dropout (Li et al., section 3.1 and 5.2); 0 if it drops everything.
    """
    noise = token.noise
    if noise is None:
        return None
    return 0.0 if noise.mean == 0 else 1 / noise.second_moment_factor


def _mixes(token: Token) -> bool:
    """Whether a token sums over several units, so that their correlations count."""
    return token.role is Role.WEIGHT or (token.role is Role.POOL and not token.is_max_pool)
