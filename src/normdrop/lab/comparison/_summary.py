"""What the trials of one variant say together."""

from dataclasses import dataclass

from normdrop.lab.statistics import Interval


@dataclass(frozen=True)
class VariantSummary:
    """One variant over its seeds. Means are over finished trials, of the final epoch, NaN if none.

    Attributes:
        name: The variant.
        place: Its place in the ranking, 1 for the lowest mean test loss; one that diverged with any
            seed stands behind all that did not.
        test_loss: Mean test loss in nats, and `losses` the loss of each finished seed.
        interval: Student's 95 % interval of the mean; None with fewer than 6 finished seeds.
        test_accuracy: Mean test accuracy, in [0, 1].
        train_loss: Mean training loss in train mode.
        train_eval_loss: Mean training loss in eval mode, same weights and examples.
        gap: `train_eval_loss − train_loss`: above 0, evaluating is worse than training.
        seconds: Mean duration of a finished trial.
        ranks: Its rank within each seed in which every variant finished or diverged.
        difference: Mean difference from the baseline, paired by seed; None without a baseline.
        difference_interval: Its interval by inverting the sign-flip test.
        seeds: The finished seeds, and those that diverged and failed.
        published: The loss the source prints.
        p: Adjusted p-value: of a difference from the baseline if there is one (None for the
            baseline itself), else of "no variant that never diverged has a lower mean loss" (None
            for one that diverged).
        letters: Variants that share no letter can be told apart; empty where seeds are too few.
        may_be_best: It never diverged, and no variant that never diverged is shown to be better.
    """

    name: str
    place: int
    test_loss: float
    losses: tuple[float, ...]
    interval: Interval | None
    test_accuracy: float
    train_loss: float
    train_eval_loss: float
    gap: float
    seconds: float
    ranks: tuple[float, ...]
    difference: float | None
    difference_interval: Interval | None
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    failed: tuple[int, ...]
    published: float | None
    p: float | None = None
    letters: str = ""
    may_be_best: bool = False

    @property
    def mean_rank(self) -> float | None:
        """Mean of its ranks; None if no seed is complete."""
        return sum(self.ranks) / len(self.ranks) if self.ranks else None
