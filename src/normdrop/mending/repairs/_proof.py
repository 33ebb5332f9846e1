"""What training showed of a repair: the same seeds with it and without."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["helps", "costs", "not told apart", "too few seeds"]
LEVEL = 0.05
"""The chance of telling a repair apart that changes nothing."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A model trained as it was and as it is mended, with the same seeds.

    Attributes:
        loss: What the loss is, such as `"cross-entropy"`.
        before: Final test loss of the model as it was, seed by seed; NaN where it diverged.
        after: The same of the mended model, with the same seeds.
        accuracy_before: The shares of right answers of the model as it was; empty where nothing is
            right or wrong.
        accuracy_after: The same of the mended model.
        p: Two-sided, of no difference in test loss, by flips of the paired differences' signs.
        interval: What the mean of `before - after` may be at 95 %; None with too few seeds.
        detectable: The smallest difference such seeds show four times out of five.
        training: How it was trained, in words.

    >>> before, after = (0.5, 0.6, 0.5, 0.6, 0.5, 0.6), (0.4,) * 6
    >>> proof = Proof("cross-entropy", before, after, p=0.031, interval=(0.1, 0.2))
    >>> proof.verdict, str(proof).partition(";")[0]
    ('helps', 'Tried: the repair helps: test cross-entropy 0.55 → 0.4')
    """

    loss: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    accuracy_before: tuple[float, ...] = ()
    accuracy_after: tuple[float, ...] = ()
    p: float = 1.0
    interval: tuple[float, float] | None = None
    detectable: float = math.inf
    training: str = ""

    @property
    def seeds(self) -> int:
        """With how many seeds each was trained."""
        return len(self.before)

    @property
    def gain(self) -> float:
        """By how much the mean test loss is lower with the repair, where neither diverged."""
        gains = [was - now for was, now in self._pairs if math.isfinite(was - now)]
        return sum(gains) / len(gains) if gains else math.nan

    @property
    def verdict(self) -> Verdict:
        """Whether the repair lowers the test loss, by a test fixed before anything is trained."""
        if self.interval is None:
            return "too few seeds"
        if self.p > LEVEL:
            return "not told apart"
        return "helps" if self.gain > 0 else "costs"

    def __str__(self) -> str:
        """The answer, what it rests on, and what it could have shown."""
        return "; ".join(self._parts())

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {
            "verdict": self.verdict,
            "loss": self.loss,
            "before": [_plain(each) for each in self.before],
            "after": [_plain(each) for each in self.after],
            "accuracy_before": list(self.accuracy_before),
            "accuracy_after": list(self.accuracy_after),
            "p": self.p,
            "interval": None if self.interval is None else list(self.interval),
            "detectable": _plain(self.detectable),
            "training": self.training,
        }

    @property
    def _pairs(self) -> Iterator[tuple[float, float]]:
        return zip(self.before, self.after, strict=True)

    def _parts(self) -> Iterator[str]:
        answers: dict[Verdict, str] = {
            "helps": "the repair helps",
            "costs": "the repair costs",
            "not told apart": "the repair is not told apart from the model as it was",
            "too few seeds": "too few seeds to tell",
        }
        paired = [(was, now) for was, now in self._pairs if math.isfinite(was - now)]
        was, now = _mean([each for each, _ in paired]), _mean([each for _, each in paired])
        yield f"Tried: {answers[self.verdict]}: test {self.loss} {was:.3g} → {now:.3g}"
        if self.interval is not None:
            low, high = self.interval
            yield f"lower by {self.gain:.2g}, 95 % interval {low:.2g} to {high:.2g}"
        if self.verdict == "not told apart" and math.isfinite(self.detectable):
            yield f"a difference of {self.detectable:.2g} would have been seen"
        if self.accuracy_before:
            right = _mean(self.accuracy_before), _mean(self.accuracy_after)
            yield "accuracy {:.1f} % → {:.1f} %".format(*(100 * each for each in right))
        for what, losses in (("as it was", self.before), ("mended", self.after)):
            diverged = sum(not math.isfinite(each) for each in losses)
            if diverged:
                yield f"{what} it diverged with {diverged} of {self.seeds} seeds"
        trained = f", {self.training}" if self.training else ""
        yield f"{self.seeds} paired seeds{trained}."


def _mean(values: Sequence[float]) -> float:
    finite = [each for each in values if math.isfinite(each)]
    return sum(finite) / len(finite) if finite else math.nan


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
