"""Noise that multiplies activations, and its moments.

Every noise here is a mask m, independent of the activation x it multiplies, with E[m] = 1: it keeps
the mean of x and multiplies its second moment, E[(m·x)²] = E[m²]·E[x²]. That factor E[m²] is the
whole reason train and eval mode disagree about variances: eval mode has m = 1.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from normdrop.errors import NoiseError


@dataclass(frozen=True)
class Bernoulli:
    """Inverted dropout: m is 0 with probability `rate`, else 1/(1-rate).

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR
    2014, in the form that scales in train mode.

    Raises:
        NoiseError: `rate` is not a number in [0, 1].

    >>> Bernoulli(0.5).second_moment_factor
    2.0
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse a rate that is no probability."""
        if not 0.0 <= self.rate <= 1.0:
            raise NoiseError(
                f"a dropout rate is a probability, from 0 to 1, but {self.rate} is not"
            )

    @property
    def mean(self) -> float:
        """E[m]: 1, except that rate 1 leaves nothing and has mean 0."""
        return 0.0 if self.rate == 1.0 else 1.0

    @property
    def second_moment_factor(self) -> float:
        """E[m²] = 1/(1-rate).

        At rate 1 the mask is zero everywhere, so E[m²] is 0. This is not the limit, which is
        infinite: nothing that comes after such a layer sees its input, and no factor restores it.
        """
        return 0.0 if self.rate == 1.0 else 1.0 / (1.0 - self.rate)


@dataclass(frozen=True)
class Gaussian:
    """Gaussian dropout: m ~ N(1, rate/(1-rate)), the variance of inverted dropout at that rate.

    Srivastava et al., JMLR 2014, section 10.

    Raises:
        NoiseError: `rate` is not a number in [0, 1); at rate 1 the variance would be infinite.

    >>> Gaussian(0.2).deviation
    0.5
    """

    mean: ClassVar[float] = 1.0  # E[m]
    rate: float

    def __post_init__(self) -> None:
        """Refuse a rate whose variance is negative or infinite."""
        if not 0.0 <= self.rate < 1.0:
            raise NoiseError(
                f"a Gaussian dropout rate lies in [0, 1), where its variance rate/(1-rate) is "
                f"finite, but {self.rate} does not"
            )

    @property
    def deviation(self) -> float:
        """The standard deviation √(rate/(1-rate))."""
        return math.sqrt(self.rate / (1.0 - self.rate))

    @property
    def second_moment_factor(self) -> float:
        """E[m²] = 1 + rate/(1-rate) = 1/(1-rate)."""
        return 1.0 / (1.0 - self.rate)


@dataclass(frozen=True)
class Uniform:
    """Uniform noise, Uout: m = 1 + r with r ~ U(-beta, beta).

    Li et al., "Understanding the disharmony between dropout and batch normalization by variance
    shift", CVPR 2019, section 5.2, which proposes it because its factor stays close to 1.

    Raises:
        NoiseError: `beta` is negative or not finite.

    >>> round(Uniform(0.3).second_moment_factor, 6)
    1.03
    """

    mean: ClassVar[float] = 1.0  # E[m]
    beta: float

    def __post_init__(self) -> None:
        """Refuse a half-width that is none."""
        if not 0.0 <= self.beta < math.inf:
            raise NoiseError(
                f"uniform noise takes a finite half-width beta of 0 or more, not {self.beta}"
            )

    @property
    def second_moment_factor(self) -> float:
        """E[m²] = 1 + beta²/3."""
        return 1.0 + self.beta * self.beta / 3.0


Noise: TypeAlias = Bernoulli | Gaussian | Uniform
LAWS: dict[str, type[Bernoulli] | type[Gaussian] | type[Uniform]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "uniform": Uniform,
}
"""The noises that keep the mean, by the name that `normdrop.values.operations` gives their law."""

Along: TypeAlias = Literal["element", "channel", "sample"]
"""What shares one mask value: nothing, the positions of a channel, or a whole sample."""
_ALONG = get_args(Along)


def check_along(along: Along) -> Along:
    """`along`, if it is one of the three words.

    Raises:
        NoiseError: It is not.
    """
    if along not in _ALONG:
        raise NoiseError(f"along is 'element', 'channel' or 'sample', not {along!r}")
    return along
