"""What an experiment answers: its contrasts, tested over all of its panels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from normdrop.lab.comparison._results import Results
from normdrop.lab.contrast import Contrast
from normdrop.lab.metric import Metric
from normdrop.lab.statistics import Interval, PlannedTest, planned_test
from normdrop.values.display import rounded

Verdict: TypeAlias = Literal["higher", "lower", "none", "open"]


@dataclass(frozen=True)
class Answer:
    """A contrast, and what the seeds say of it.

    Attributes:
        contrast: What was asked.
        test: Its estimate, interval, p-value and smallest difference that it could have shown.
        level: The chance of a false claim that this one is given of the experiment's.
        asked: How many contrasts the experiment has: its level is shared among them.
        metric: What was measured.
        published: The same number of the source's figures, where they have it.
    """

    contrast: Contrast
    test: PlannedTest
    level: float
    asked: int
    metric: Metric
    published: float | None = None

    @property
    def verdict(self) -> Verdict:
        """`higher` or `lower` where the interval is on one side of zero; `none` within the margin.

        Else `open`, and the interval bounds what there can be.
        """
        interval, margin = self.test.interval, self.contrast.margin
        if interval is None:
            return "open"
        if margin is not None and -margin < interval.low and interval.high < margin:
            return "none"
        if interval.low > 0 or interval.high < 0:
            return "higher" if interval.low > 0 else "lower"
        return "open"

    @property
    def p(self) -> float:
        """The p-value times the number of contrasts: no false claim in all of them (Bonferroni)."""
        return min(1.0, self.asked * self.test.p)

    @property
    def claim(self) -> str:
        """The answer in words."""
        contrast = self.contrast
        if self.verdict == "open":
            return f"Open whether {contrast.higher}"
        words = {"higher": contrast.higher, "lower": contrast.lower, "none": contrast.none}
        text = words[self.verdict] or f"There is no difference to speak of in {contrast.what}"
        return sentence_case(text)

    @property
    def figures(self) -> str:
        """Estimate, interval, p-value, the smallest difference it could have shown, and bounds."""
        return sentence_case(self._figures())

    def _figures(self) -> str:
        test, unit = self.test, _unit(self.metric)
        seeds = f"{test.seeds} {'seed' if test.seeds == 1 else 'seeds'}"
        if not test.seeds:
            return f"{self.contrast.what}: no seed has all it takes."
        if test.interval is None:
            needed = f"too few seeds ({test.seeds}) for any claim"
            return f"{self.contrast.what}: {self._number(test.estimate)}{unit}; {needed}."
        low, high = (self._number(end) for end in test.interval)
        estimate = self._number(test.estimate)
        smallest = rounded(test.detectable, test.detectable)
        could = f"it could have shown {smallest}{unit} with a chance of 80 %"
        text = f"{self.contrast.what}: {estimate}{unit} [{low}, {high}], p {_p(self.p)}"
        return f"{text}; {seeds}, {could}{self._bound(test.interval)}{self._of_source()}."

    def _of_source(self) -> str:
        """The source's number, and whether it is large enough to be judged here."""
        if self.published is None:
            return ""
        text = f". The source has {self._number(self.published)}{_unit(self.metric)}"
        small = abs(self.published) < self.test.detectable
        return f"{text}: too little to be judged here" if small else text

    def _bound(self, interval: Interval) -> str:
        margin = self.contrast.margin
        largest = max(abs(interval.low), abs(interval.high))
        unit = _unit(self.metric)
        if self.verdict == "none" and margin is not None:
            return f". Less than ±{margin:g}{unit} does not matter"
        if self.verdict == "open":
            return f". What difference there is, is at most {self._unsigned(largest)}{unit}"
        return ""

    def _number(self, value: float) -> str:
        return f"{'+' if value > 0 else ''}{self._unsigned(value)}"

    def _unsigned(self, value: float) -> str:
        interval = self.test.interval
        text = rounded(value, interval.half_width if interval else None)
        return text if text.strip("-0.") else text.removeprefix("-")  # no minus before zeros

    @property
    def sentence(self) -> str:
        """The answer, then its figures."""
        return f"{self.claim}. {self.figures}"


def answers(panels: Sequence[Results]) -> tuple[Answer, ...]:
    """The contrasts of an experiment that its panels can answer, in the recipe's order.

    Each is one test of one claim, at an equal share of the level, so that the chance of any false
    claim among all of them is at most the level.

    Args:
        panels: The comparisons of one recipe, one per panel.
    """
    contrasts = panels[0].description.contrasts
    by_name = {each.description.panel: each for each in panels}
    level = panels[0].level / max(1, len(contrasts))
    found = []
    for contrast in contrasts:
        differences = _differences(contrast, by_name)
        if differences is not None:
            test = planned_test(differences, level, "sign flips" if contrast.alike else "signs")
            metric = contrast.metric or panels[0].description.endpoint
            published = _published(contrast, by_name, metric)
            found.append(Answer(contrast, test, level, len(contrasts), metric, published))
    return tuple(found)


def how_answered(found: Sequence[Answer]) -> Iterator[str]:
    """How the answers are to be read, as sentences."""
    if not found:
        return
    first = found[0]
    shared = f", shared equally among {first.asked}" if first.asked > 1 else ""
    yield (
        "Each answer above the tables is one test of one claim, with the interval of the same "
        f"test, so that the chance of any false one is at most {_percent(first)}{shared}."
    )
    if any(answer.contrast.alike for answer in found):
        yield (
            "Answers are tested by sign flips. Where variants differ in nothing, these keep their "
            "level with skewed and with outlying seeds (simulated). They "
            "assume that differences scatter evenly about their mean: where one side alone is "
            "skewed, or has outliers, simulated levels rise to 13 to 26 %."
        )
    if any(not answer.contrast.alike for answer in found):
        yield (
            "Where the two sides scatter in unlike ways an answer is of the median, by the sign "
            "test, which keeps its level whatever the distribution."
        )


def _percent(answer: Answer) -> str:
    return f"{100 * answer.level * answer.asked:g} %"


def _differences(contrast: Contrast, panels: Mapping[str, Results]) -> NDArray[np.float64] | None:
    """One value per seed; `None` where a panel or a variant was not compared."""
    weights = contrast.panels or _equal(contrast, panels)
    if not weights or not set(weights) <= set(panels):
        return None
    if any(not set(contrast.weights) <= set(panels[n].description.variants) for n in weights):
        return None
    seeds = sorted(set.intersection(*(set(panels[name].grid.seeds) for name in weights)))
    total = np.zeros(len(seeds))
    for name, weight in weights.items():
        total += weight * _sums(contrast, panels[name], seeds)
    return total


def _published(contrast: Contrast, panels: Mapping[str, Results], metric: Metric) -> float | None:
    """The contrast of the source's figures; equal panels are those that it has figures of."""
    values = {}
    for name, panel in panels.items():
        figures = panel.description.published.get(metric.name, {})
        if set(contrast.weights) <= set(figures):
            values[name] = sum(w * figures[variant] for variant, w in contrast.weights.items())
    if contrast.panels:
        if not set(contrast.panels) <= set(values):
            return None
        return sum(weight * values[name] for name, weight in contrast.panels.items())
    return sum(values.values()) / len(values) if values else None


def _equal(contrast: Contrast, panels: Mapping[str, Results]) -> dict[str, float]:
    own = [
        name
        for name, panel in panels.items()
        if set(contrast.weights) <= set(panel.description.variants)
    ]
    return {name: 1 / len(own) for name in own}


def _sums(contrast: Contrast, panel: Results, seeds: Sequence[int]) -> NDArray[np.float64]:
    grid = panel.grid
    metric = (contrast.metric or panel.description.endpoint).name
    values = grid.values(metric)[:, [grid.seeds.index(seed) for seed in seeds]]
    rows = np.array([contrast.weights.get(variant, 0.0) for variant in grid.variants])
    # a variant of no weight takes no seed away
    chosen = rows != 0
    return np.asarray(rows[chosen] @ values[chosen])


def sentence_case(text: str) -> str:
    """With a capital letter, unless that would be another letter's look, as of β."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _unit(metric: Metric) -> str:
    """What stands behind a difference: of percentages, points."""
    unit = "points" if metric.unit == "%" else metric.unit
    return f" {unit}" if unit else ""


def _p(value: float) -> str:
    """A p-value behind its name, with its sign."""
    smallest = 0.001
    return f"< {smallest}" if value < smallest else f"= {min(value, 1.0):.3f}"
