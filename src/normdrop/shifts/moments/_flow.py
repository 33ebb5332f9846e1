"""What is carried along every edge of the graph."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from normdrop.shifts.moments._atoms import Atoms, gaussian_atoms
from normdrop.shifts.moments._window import Window, grown
from normdrop.theory import Array


@dataclass(frozen=True)
class Flow:
    """Means and variances of one tensor in every scenario.

    The scenarios are rows: even rows are train mode, odd rows the eval mode that uses the train
    statistics of the row above. The first pair has all noise on, each further pair lacks one noise
    layer; pairs that would still equal the first one are left out. Channels count as independent of
    one another but for `common`.

    Attributes:
        mean: Mean per channel, shape (scenarios, channels).
        variance: Variance per channel without what `common` adds, same shape.
        window: Correlation between positions, of that variance.
        common: Deviations all units of a sample share up to their size, shape
            (scenarios, factors, channels): a factor u adds u_i u_j to the covariance of channels i
            and j at any two positions. Sample-wise noise makes them.
        extents: Sizes of the spatial axes.
        channel: The tensor's axis that holds channels; of a flattened one, the axis that did.
        atoms: The distribution of a unit where it is not Gaussian.
        folded: Whether the tensor is a vector into which channels and positions were flattened:
            channel by channel if those were on axis 1, else position by position.
    """

    mean: Array
    variance: Array
    window: Window
    common: Array
    extents: tuple[int, ...]
    channel: int = 1
    atoms: Atoms | None = None
    folded: bool = False

    @property
    def scenarios(self) -> int:
        """How many rows."""
        return len(self.mean)

    @property
    def channels(self) -> int:
        """How many channels."""
        return int(self.mean.shape[1])

    @property
    def total(self) -> Array:
        """Variance per channel, everything counted."""
        return np.asarray(self.variance + (self.common**2).sum(axis=1))

    @cached_property
    def points(self) -> Atoms:
        """The distribution of a unit as points; a Gaussian where nothing else is known."""
        return self.atoms or gaussian_atoms(self.mean, self.total, self.flat_window)

    @property
    def flat_window(self) -> Window:
        """Correlation between positions, what `common` adds included."""
        if not self.common.shape[1]:
            return self.window
        own, shared = self.variance.sum(axis=1), (self.common**2).sum(axis=(1, 2))
        total = own + shared
        return self.window.covariance(lambda r: own[:, None] * r + shared[:, None], total)

    def grown(self, scenarios: int) -> "Flow":
        """The same with as many scenarios: the first pair again for each that is not there yet."""
        if scenarios == self.scenarios:
            return self
        return replace(
            self,
            mean=grown(self.mean, scenarios),
            variance=grown(self.variance, scenarios),
            window=self.window.grown(scenarios),
            common=grown(self.common, scenarios),
            atoms=self.atoms and self.atoms.grown(scenarios),
        )

    def gaussian(
        self,
        mean: Array,
        variance: Array,
        window: Window,
        extents: Sequence[int] | None = None,
        common: Array | None = None,
    ) -> "Flow":
        """A flow behind a sum of many units: only its moments are kept."""
        return replace(
            self,
            mean=mean,
            variance=variance,
            window=window,
            extents=self.extents if extents is None else tuple(extents),
            common=none(mean) if common is None else common,
            atoms=None,
        )

    def of_points(self, atoms: Atoms, *, gain: Array | None = None) -> "Flow":
        """A flow whose distribution is known as points.

        Args:
            atoms: The points.
            gain: Mean slope of the element-wise function that moved them, shape (scenarios,
                channels): what it does to a small common deviation.
        """
        mean, variance, window = atoms.mean, atoms.variance, atoms.correlation()
        common = none(mean)
        if self.common.shape[1] and gain is not None:
            common = self.common * gain[:, None]
            # Something of its own stays to every unit: the window below divides by it.
            shared = np.minimum((common**2).sum(axis=1), 0.95 * variance)
            common = common * np.sqrt(shared / np.maximum((common**2).sum(axis=1), 1e-30))[:, None]
            whole, part = variance.sum(axis=1), shared.sum(axis=1)
            window = window.covariance(lambda r: whole[:, None] * r - part[:, None], whole - part)
            variance = variance - shared
        return replace(
            self, mean=mean, variance=variance, window=window, common=common, atoms=atoms
        )

    def scaled(self, factor: Array, shift: Array) -> "Flow":
        """`factor * x + shift`, each of shape (scenarios, channels) or broadcastable to it."""
        if np.all(factor == 1) and not np.any(shift):
            return self
        factor = np.broadcast_to(factor, self.mean.shape)
        moved = self.atoms and self.atoms.moved(
            self.atoms.values * factor[..., None] + np.broadcast_to(shift, factor.shape)[..., None]
        )
        return replace(
            self,
            mean=self.mean * factor + shift,
            variance=self.variance * factor**2,
            common=self.common * factor[:, None],
            atoms=moved,
        )

    def where(self, rows: npt.NDArray[np.bool_], other: "Flow") -> "Flow | None":
        """These rows of this flow, the others of another; None if the two differ in layout."""
        mine, theirs = self.atoms, other.atoms
        shapes = [(f.extents, f.channel, f.folded, f.common.shape) for f in (self, other)]
        points = [None if a is None else (a.values.shape, id(a.weights)) for a in (mine, theirs)]
        if shapes[0] != shapes[1] or points[0] != points[1]:
            return None

        def pick(a: Array, b: Array) -> Array:
            return np.where(rows.reshape(-1, *([1] * (a.ndim - 1))), a, b)

        window = Window(
            pick(self.window.near, other.window.near), pick(self.window.far, other.window.far)
        )
        return replace(
            self,
            mean=pick(self.mean, other.mean),
            variance=pick(self.variance, other.variance),
            window=window,
            common=pick(self.common, other.common),
            atoms=mine and theirs and mine.moved(pick(mine.values, theirs.values)),
        )


@dataclass(frozen=True)
class Unknown:
    """A tensor of which nothing is claimed, and why.

    Attributes:
        reason: What stood in the way, in words.
    """

    reason: str


@dataclass(frozen=True)
class Fixed:
    """A tensor that depends on no input: a parameter or a constant.

    Attributes:
        values: Its values.
    """

    values: Array


Edge = Flow | Unknown | Fixed


def none(like: Array) -> Array:
    """No common deviations."""
    return np.zeros((like.shape[0], 0, like.shape[1]))
