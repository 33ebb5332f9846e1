"""Training all seeds at once is training each: against one after the other, without dropout."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from normdrop.lab import recipe_names as recipes
from normdrop.lab import stacked, train
from normdrop.lab.context import Trained, TrialContext
from normdrop.lab.data import Dataset, Split, load
from normdrop.lab.examples import Examples
from normdrop.lab.measures import mean_shift
from normdrop.lab.plan import plan
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import find
from normdrop.lab.stacked import train_stacked
from normdrop.lab.trial import Outcome, Setting, Trial, same_but_seed
from normdrop.torch import Dropout

Make = Callable[..., Trial]


def _trials(recipe: Recipe, dataset: Dataset, variant: str, **given: Setting) -> list[Trial]:
    return plan(
        recipe,
        dataset,
        name=recipe.name,
        variants=[variant],
        seeds=3,
        given={"limit_train": 200, "epochs": 2, **given},
        device="cpu",
        precision="fp32",
    )


def _numbers(outcome: Outcome) -> list[list[float]]:
    return [
        [e.train_loss, e.train_eval_loss, e.test_loss, e.test_accuracy or 0.0]
        for e in outcome.epochs
    ]


@pytest.fixture
def without_dropout(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The ten orders with rate 0: what is left has no masks of its own, and measures its shift."""
    recipe = find("ten-orders")
    build = recipe.network
    assert build is not None

    def network(*arguments: object) -> torch.nn.Module:
        built: torch.nn.Module = build(*arguments)  # type: ignore[arg-type]
        for module in built.modules():
            if isinstance(module, Dropout):
                module.p = 0.0
        return built

    plain = replace(recipe, network=network, measure=mean_shift)
    monkeypatch.setattr(train, "find", lambda _: plain)
    return plain


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_each_seed_is_trained_as_if_alone(
    optimizer: str, without_dropout: Recipe, digits: Dataset
) -> None:
    """Losses, accuracies and measures agree with one training after the other within rounding."""
    given: dict[str, Setting] = {
        "optimizer": optimizer,
        "augment": optimizer == "sgd",
        "weight_decay": 1e-3,
    }
    recipe = replace(without_dropout, settings={**without_dropout.settings, **given})
    trials = _trials(recipe, digits, "conv-drop-bn-act-pool")
    together = list(train_stacked(trials, digits))
    for trial, outcome in zip(trials, together, strict=True):
        alone = train.train(trial, digits)
        assert outcome.trial == trial
        assert outcome.status == alone.status == "finished"
        for mine, theirs in zip(_numbers(outcome), _numbers(alone), strict=True):
            assert mine == pytest.approx(theirs, rel=2e-3, abs=3e-3)
        assert outcome.measures["shift"] == pytest.approx(alone.measures["shift"], rel=1e-3)
    assert len({outcome.values["test_loss"] for outcome in together}) == 3


def test_dropout_differs_by_seed_and_leaves_the_callers_state(digits: Dataset) -> None:
    """With dropout the losses are near those of training alone; the random state is untouched."""
    recipe = find("ten-orders")
    trials = _trials(recipe, digits, "conv-bn-act-drop-pool", epochs=4, limit_train=600)
    state = torch.get_rng_state()
    first, again = (list(train_stacked(trials, digits)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert list(map(_numbers, first)) == list(map(_numbers, again))
    alone = train.train(trials[0], digits)
    assert first[0].values["test_loss"] == pytest.approx(alone.values["test_loss"], rel=0.5)
    for outcome in first:
        assert outcome.values["train_loss"] > outcome.values["train_eval_loss"]


def test_one_seed_diverges_by_itself(
    tiny: str, tiny_trial: Make, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seed whose weights are not finite diverges; the others are as they were."""
    recipe = find(tiny)
    calm = list(train_stacked([tiny_trial(seed=seed) for seed in (0, 1, 2)], digits))
    prepared = TrialContext.prepared

    def broken(context: TrialContext, network: torch.nn.Module) -> torch.nn.Module:
        made = prepared(context, network)
        if context.seed == 1:
            next(made.parameters()).data.fill_(torch.nan)
        return made

    monkeypatch.setattr(TrialContext, "prepared", broken)
    first, second, third = train_stacked([tiny_trial(seed=seed) for seed in (0, 1, 2)], digits)
    assert (second.status, second.epochs) == ("diverged", ())
    assert second.message == "the loss of batch 1 of epoch 1 was not finite"
    assert [_numbers(first), _numbers(third)] == [_numbers(calm[0]), _numbers(calm[2])]
    assert recipe.name == "tiny"


def test_every_epoch_has_masks_of_its_own(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring between the epochs does not wind the masks back to those of the first."""
    states: list[torch.Tensor] = []
    shuffled = Examples.shuffled_batches

    def noting(examples: Examples, size: int, order: torch.Generator) -> object:
        states.append(torch.get_rng_state())
        return shuffled(examples, size, order)

    monkeypatch.setattr(Examples, "shuffled_batches", noting)
    trials = _trials(find("ten-orders"), digits, "conv-bn-act-drop-pool", epochs=3)
    assert [o.status for o in train_stacked(trials, digits)] == ["finished"] * 3
    first, second, third = states[:: len(trials)]
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_a_measure_finds_the_network_as_training_leaves_it(digits: Dataset) -> None:
    """In train mode, stacked or alone; its numbers may come as any kind of number."""

    def measure(trained: Trained) -> dict[str, float]:
        return {"training": torch.tensor(trained.network.training).float()}  # type: ignore[dict-item]

    recipe = replace(find("ten-orders"), measure=measure)
    trials = _trials(recipe, digits, "conv-bn-act-drop-pool", epochs=1)
    alone = train.train(trials[0], digits, recipe=recipe)
    for outcome in (alone, *train_stacked(trials, digits, recipe=recipe)):
        assert outcome.status == "finished", outcome.message
        assert outcome.measures == {"training": 1.0}
        assert type(outcome.measures["training"]) is float


def test_what_is_trained_alone_comes_one_by_one_and_says_why(
    tiny: str, tiny_trial: Make, digits: Dataset
) -> None:
    """A process that dies over the third seed has handed over two."""
    recipe = find(tiny)

    def network(*arguments: object) -> torch.nn.Module:
        class Unstackable(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = recipe.build(*arguments)  # type: ignore[arg-type]

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                assert x.sum().item() >= 0  # vmap has no numbers
                y: torch.Tensor = self.inner(x)
                return y

        return Unstackable()

    alone = replace(recipe, network=network)
    outcomes = train_stacked([tiny_trial(seed=seed) for seed in (0, 1)], digits, recipe=alone)
    first = next(outcomes)
    assert (first.status, first.trial.seed) == ("finished", 0)
    assert first.message.startswith("trained one seed after the other: RuntimeError: ")
    assert [outcome.trial.seed for outcome in outcomes] == [1]


def test_seeds_reach_weights_that_the_lab_does_not_draw(tiny_trial: Make, digits: Dataset) -> None:
    """An embedding's weights are those of the seed, in a trial and in a stack."""

    class Embedded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Parameter(torch.randn(64, 10))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) @ self.embedding

    def measure(trained: Trained) -> dict[str, float]:
        (weight,) = trained.network.parameters()
        return {"weight": weight[0, 0].item()}  # its input is always 0: training leaves it

    recipe = replace(find(tiny_trial().recipe), network=lambda *_: Embedded(), measure=measure)
    trials = [tiny_trial(seed=seed) for seed in (0, 1)]
    ended = [train.train(trial, digits, recipe=recipe) for trial in trials]
    assert [o.message for o in ended] == ["", ""]
    alone = [o.measures["weight"] for o in ended]
    together = [o.measures["weight"] for o in train_stacked(trials, digits, recipe=recipe)]
    assert alone == together
    assert alone[0] != alone[1]


def test_what_cannot_be_stacked_is_trained_alone(tiny_trial: Make, digits: Dataset) -> None:
    """A network that raises says so itself; an experiment has its own numbers."""
    outcomes = list(train_stacked([tiny_trial("raises", seed) for seed in (0, 1)], digits))
    assert [o.message for o in outcomes] == ["RuntimeError: the network's own words"] * 2
    path = str(Path(__file__).with_name("panelled_recipe.py"))
    trials = plan(
        find(path),
        None,
        name=path,
        variants=["wide"],
        seeds=2,
        given={},
        device="cpu",
        precision="fp32",
        panel="small",
    )
    assert all(outcome.measures["spread"] > 1 for outcome in train_stacked(trials, None))


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_every_recipe_can_be_stacked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first panel's variants are trained two seeds at once, all but what torch cannot stack."""
    _check_stacks(recipes.find(name), monkeypatch, paper=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.recipe_names())
def test_every_recipe_can_be_stacked_as_its_source_has_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are the source's networks of every panel, augmentation and all."""
    _check_stacks(recipes.find(name), monkeypatch, paper=True)


def _check_stacks(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, *, paper: bool) -> None:
    """A few images of the real data, one epoch: it finishes, and group norm alone is not stacked.

    `torch.vmap` has no group norm of images (2.13).
    """
    if recipe.network is None:
        return
    alone: list[str] = []

    def train_alone(trial: Trial, *rest: object, **more: object) -> Outcome:
        alone.append(trial.variant)
        return train.train(trial, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(stacked, "train", train_alone)
    panels: list[str | None] = [*recipe.panels] or [None]
    for panel in panels if paper else panels[:1]:
        variants = recipe.rivals(panel)[0]
        data = recipe.panel(panel).data or (recipe.paper_data if paper else None) or recipe.data
        dataset = _first(load(data or ""), 8)
        for variant in dict.fromkeys((variants[0], variants[-1])) if paper else variants:
            trials = plan(
                recipe,
                dataset,
                name=recipe.name,
                variants=[variant],
                seeds=2,
                given={"epochs": 1, "learning_rate": 1e-4},  # one step of 0.1 may be too far
                device="cpu",
                precision="fp32",
                panel=panel,
                paper=paper,
            )
            outcomes = list(train_stacked(trials, dataset))
            assert [o.status for o in outcomes] == ["finished"] * 2, outcomes[0].message
    assert set(alone) == ({"group norm"} if recipe.name == "small-batches" else set())


def _first(dataset: Dataset, count: int) -> Dataset:
    """The first examples of both parts."""
    train, test = (
        Split(part.inputs[:count], part.targets[:count]) for part in (dataset.train, dataset.test)
    )
    return replace(dataset, train=train, test=test)


def test_groups_differ_in_the_seed_alone(tiny_trial: Make) -> None:
    """Trials come in groups of one variant and one set of settings."""
    trials = [
        tiny_trial(v, s, epochs=e) for s in (0, 1) for v in ("plain", "other") for e in (1, 2)
    ]
    groups = same_but_seed(trials)
    assert [len(group) for group in groups] == [2, 2, 2, 2]
    assert [[t.seed for t in group] for group in groups] == [[0, 1]] * 4
    assert {t.key for group in groups for t in group} == {t.key for t in trials}
