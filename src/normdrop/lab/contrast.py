"""A question as one number per seed, fixed before the trials: a contrast of variants."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from normdrop.errors import RecipeError
from normdrop.lab.metric import Metric


@dataclass(frozen=True)
class Contrast:
    """One claim that an experiment is to decide, and its opposite.

    In every seed it is a weighted sum of the variants' values, and of the panels' sums. A pair is
    `{"dropout": 1, "none": -1}`; an interaction is a pair in one panel less the same in another; a
    trend over doses has weights such as -2, -1, 0, 1, 2.

    Attributes:
        what: The number as a noun, such as "test error, with dropout less without".
        higher: The answer where it is above zero, as a clause.
        lower: The answer where it is below zero.
        weights: The weight of each variant. To each belongs an opposite one, so that variants which
            differ in nothing make every sum as likely as its opposite, however skewed the seeds. A
            single weight asks for one variant's own number, such as a rise; it is tested by signs.
        metric: What is summed; the recipe's endpoint if left out.
        panels: The weight of each panel; if left out, each panel that has the variants weighs the
            same, and the number is their mean.
        margin: Differences that do not matter: where the interval lies within it on both sides, the
            answer is that there is none to speak of.
        none: The answer in that case, as a clause.
        alike: Whether seeds scatter in the same way on both sides, but for its width. Of what
            counts up to an end, or fails now and then on one side, they do not; then signs alone
            are tested, and the number is their median.

    Raises:
        RecipeError: When a weight has no opposite and sizes are tested, or the margin is no
            positive number.

    Example:
        >>> made = Contrast("error, a less b", "a errs more", "b errs more", {"a": 1, "b": -1})
        >>> made.alike
        True
    """

    what: str
    higher: str
    lower: str
    weights: Mapping[str, float]
    metric: Metric | None = None
    panels: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None
    none: str = ""
    alike: bool = True

    def __post_init__(self) -> None:
        """Check that the weights are balanced."""
        weights = list(self.weights.values())
        balanced = Counter(weights) == Counter(-weight for weight in weights)
        if not any(weights) or (self.alike and not balanced):
            raise RecipeError(
                f"contrast {self.what!r}: every weight needs its opposite, as in 1 and -1; it has "
                f"{', '.join(f'{weight:g}' for weight in weights) or 'none'}"
            )
        if self.margin is not None and not self.margin > 0:
            raise RecipeError(f"contrast {self.what!r}: its margin is {self.margin}: above 0 it is")
