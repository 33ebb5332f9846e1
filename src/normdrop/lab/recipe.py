"""A recipe is one experiment: the rivals, the question, and how to build and train them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from normdrop.errors import RecipeError
from normdrop.lab.metric import TEST_LOSS, TRAINING, Metric
from normdrop.lab.task import CLASSIFICATION, Task
from normdrop.lab.trial import Setting

if TYPE_CHECKING:
    import torch

    from normdrop.lab import context

Shape: TypeAlias = tuple[int, ...]
Settings: TypeAlias = Mapping[str, Setting]
Network: TypeAlias = "torch.nn.Module"
Tensor: TypeAlias = "torch.Tensor"
TrialContext: TypeAlias = "context.TrialContext"
Trained: TypeAlias = "context.Trained"
"""These four are named here: recipes are listed without torch, so they must not import it."""
NetworkFactory: TypeAlias = Callable[[str, Shape, int, Settings], Network]
Measure: TypeAlias = "Callable[[Trained], Mapping[str, float]]"
Experiment: TypeAlias = "Callable[[TrialContext], Mapping[str, float]]"
Published: TypeAlias = Mapping[str, Mapping[str, float]]
"""Values by variant, by the name of their metric."""


_SETTINGS = {"epochs": 5, "batch_size": 64, "learning_rate": 1e-3}


@dataclass(frozen=True)
class Panel:
    """One part of an experiment: the same question under other settings, compared by itself.

    Attributes:
        settings: In place of the recipe's.
        data: In place of the recipe's.
        variants: In place of the recipe's.
        baseline: In place of the recipe's.
        published: The source's figures for this part.
    """

    settings: Settings = field(default_factory=dict)
    data: str | None = None
    variants: tuple[str, ...] | None = None
    baseline: str | None = None
    published: Published = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """One experiment, described completely.

    Attributes:
        name: What `normdrop compare` calls it; the file's name with hyphens.
        version: Raise it with every change that alters a result, so that no stored one is reused.
            A recipe of your own, in a file or handed over as a value, is known by its code as well.
        title: One line for people; the name if left out.
        question: What the experiment is to answer.
        source: Where the experiment comes from.
        variants: The rivals, in the order they are shown.
        baseline: The variant the others are held against; the first if left out.
        data: The data set used when none is named; `None` if one must be named, and for an
            experiment with inputs of its own.
        seeds: How many seeds to train when none are named.
        settings: Default training settings: `epochs`, `batch_size`, `learning_rate`, what else
            `normdrop.lab.settings` knows, and whatever `network` and `measure` read. Every recipe
            that trains also takes `limit_train`, by default all examples.
        by_data: Settings that differ for a data set, by its name.
        any_order: Whether `network` takes every order of its variants' parts, not these alone.
        network: `(variant, input shape, outputs, settings)` to a freshly built torch module.
        experiment: In place of training a network: what a trial does and measures.
        dimensions: How many dimensions an example must have: 3 for images, 1 for vectors; `None`
            for any.
        task: What networks are trained for.
        measure: Takes further numbers of a trained network, by the names of metrics.
        endpoint: What the variants are ranked and tested by; the lower, the better.
        metrics: What else is shown of each.
        panels: The experiment's parts by name, each compared by itself; none for one comparison.
        paper: Settings of the source in place of the small ones, and `paper_data` its data set.
        published: The source's figures: values by variant, by the name of their metric.
        published_label: What these are, such as "MNIST, 20 epochs, one run each".
        published_noise: Published endpoints no farther apart than this count as equal.
        claims: Pairs of variants of which the source says, without figures, that the first has the
            lower endpoint.
        curves: Whether the learning curves are part of the answer.
        notes: What a reader of the result must know, as sentences.
    """

    name: str
    variants: tuple[str, ...]
    version: int = 1
    title: str = ""
    question: str = ""
    source: str = ""
    baseline: str = ""
    data: str | None = None
    seeds: int = 6
    settings: Settings = field(default_factory=lambda: dict(_SETTINGS))
    network: NetworkFactory | None = None
    experiment: "Experiment | None" = None
    dimensions: int | None = None
    any_order: bool = False
    by_data: Mapping[str, Settings] = field(default_factory=dict)
    task: Task = CLASSIFICATION
    measure: "Measure | None" = None
    endpoint: Metric = TEST_LOSS
    metrics: tuple[Metric, ...] = TRAINING
    panels: Mapping[str, Panel] = field(default_factory=dict)
    paper: Settings = field(default_factory=dict)
    paper_data: str | None = None
    published: Published = field(default_factory=dict)
    published_label: str = ""
    published_noise: float = 0.0
    claims: tuple[tuple[str, str], ...] = ()
    curves: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `RecipeError` when the fields contradict each other."""
        if not self.variants:
            raise RecipeError(f"recipe {self.name}: it has no variants")
        if (self.network is None) == (self.experiment is None):
            raise RecipeError(f"recipe {self.name}: give it a network or an experiment")
        required = ("epochs", "batch_size", "learning_rate") if self.network else ()
        for setting in required:
            if setting not in self.settings:
                raise RecipeError(f"recipe {self.name}: its settings lack {setting}")
        for name in (None, *self.panels):
            self._check_variants(name)
        for panel in self.panels.values():
            self.settings_for(panel.data or self.data, panel.settings)
        self.settings_for(self.paper_data, self.paper)

    def _check_variants(self, panel: str | None) -> None:
        variants, baseline = self.rivals(panel)
        if baseline not in variants:
            raise RecipeError(f"recipe {self.name}: its baseline {baseline} is no variant")
        if len(set(variants)) != len(variants):
            raise RecipeError(f"recipe {self.name}: a variant is listed twice")
        metrics = [metric.name for metric in (self.endpoint, *self.metrics)]
        for metric, values in self.published_for(panel).items():
            if metric not in metrics:
                raise RecipeError(f"recipe {self.name}: published {metric} is no metric of it")
            for variant in values:
                if variant not in variants:
                    raise RecipeError(f"recipe {self.name}: published {variant} is no variant")
        for variant in (name for pair in self.claims for name in pair):
            if variant not in self.variants:
                raise RecipeError(f"recipe {self.name}: claimed {variant} is no variant")

    def panel(self, name: str | None) -> Panel:
        """A part of the experiment; `None` for a recipe of one part.

        Raises:
            RecipeError: When there is none of that name, or one must be named.
        """
        if name is None and not self.panels:
            return Panel()
        if name is None or name not in self.panels:
            known = ", ".join(self.panels) or "none"
            wrong = "name one of its panels" if name is None else f"it has no panel {name!r}"
            raise RecipeError(f"recipe {self.name}: {wrong}; panels: {known}")
        return self.panels[name]

    def rivals(self, panel: str | None = None) -> tuple[tuple[str, ...], str]:
        """The variants and the baseline of a panel; of the recipe for `None`."""
        part = Panel() if panel is None else self.panel(panel)
        variants = part.variants or self.variants
        return variants, part.baseline or self.baseline or variants[0]

    def published_for(self, panel: str | None = None) -> Published:
        """The source's figures of a panel; of the recipe for `None`."""
        part = Panel() if panel is None else self.panel(panel)
        return part.published or self.published

    def build(self, variant: str, shape: Shape, outputs: int, settings: Settings) -> Network:
        """A freshly built network of a variant.

        Raises:
            RecipeError: When the recipe is an experiment without a network of its own.
        """
        if self.network is None:
            raise RecipeError(f"recipe {self.name} is an experiment: it builds no one network")
        return self.network(variant, shape, outputs, settings)

    def settings_for(
        self,
        data: str | None,
        given: Settings = MappingProxyType({}),
        *,
        panel: str | None = None,
        paper: bool = False,
    ) -> dict[str, Setting]:
        """The settings of a trial: defaults, the data set's, the panel's, the paper's, the given.

        Raises:
            RecipeError: When a given setting is none of the recipe's, or there is no such panel.
        """
        limit: dict[str, Setting] = {} if self.network is None else {"limit_train": None}
        defaults = {**limit, **self.settings, **self.by_data.get(data or "", {})}
        for name, value in {**defaults, **given}.items():
            if not isinstance(value, str | int | float | bool | None):
                raise RecipeError(
                    f"recipe {self.name}: setting {name} is {value!r}; a setting is a number, a "
                    "text, true, false or None"
                )
        for name in given:
            if name not in defaults:
                known = ", ".join(sorted(defaults))
                raise RecipeError(f"recipe {self.name} has no setting {name!r}; it takes {known}")
        part = self.panel(panel).settings if panel is not None else {}
        return {**defaults, **part, **(self.paper if paper else {}), **given}
