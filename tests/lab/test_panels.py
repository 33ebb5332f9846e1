"""Experiments of several panels, with numbers of their own: from the recipe to the table."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from normdrop import compare
from normdrop.errors import RecipeError
from normdrop.lab.context import Trained, TrialContext
from normdrop.lab.data import Dataset, load
from normdrop.lab.experiment import compare_panels
from normdrop.lab.measures import mean_shift, reestimated_error
from normdrop.lab.plan import plan
from normdrop.lab.recipe import Panel, Recipe
from normdrop.lab.recipe_names import find
from normdrop.lab.task import REGRESSION
from normdrop.lab.train import train
from normdrop.lab.trial import Trial

if TYPE_CHECKING:
    import subprocess

PATH = str(Path(__file__).with_name("panelled_recipe.py"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this file's trials are kept."""
    return tmp_path_factory.mktemp("panels") / "store.sqlite"


def test_each_panel_is_compared_by_itself(store: Path) -> None:
    """Panels have their own settings, baseline and figures; equal seeds draw equal numbers."""
    small, large, reverse = compare_panels(PATH, store=store, progress=False)
    for row in ("narrow", "wide"):
        assert large[row].points == pytest.approx([10 * value for value in small[row].points])
    assert small.description.published == {"spread": {"wide": 2.0}}
    assert not large.description.published
    assert [c.description.baseline for c in (small, large, reverse)] == ["narrow", "narrow", "wide"]
    assert [summary.name for summary in reverse] == ["wide", "narrow"]
    assert small["wide"].metrics["kept"] == small["narrow"].metrics["kept"]  # torch's own seed
    assert small["wide"].p == pytest.approx(2 / 2**6)
    lines = small.table().to_text().splitlines()
    assert lines[0] == "Panelled, small, 6 seeds"
    assert "publ." in lines[2]
    json.dumps(small.to_dict())


def test_one_panel_is_asked_for_by_name(store: Path) -> None:
    """`compare` gives one comparison, so it wants one panel; a wrong name lists the right ones."""
    assert compare(PATH, panel="large", store=store, progress=False).description.panel == "large"
    with pytest.raises(RecipeError, match="name one of its panels; panels: small, large, reversed"):
        compare(PATH, store=store)
    with pytest.raises(RecipeError, match="has no panel 'tiny'"):
        compare(PATH, panel="tiny", store=store)
    with pytest.raises(RecipeError, match="makes its own inputs and takes no data set"):
        compare(PATH, panel="small", data="digits", store=store)


def test_paper_settings_and_given_ones(store: Path) -> None:
    """The source's settings replace the small ones, and what is given replaces both."""
    small, paper, given = (
        compare(
            PATH, panel="small", store=store, progress=False, jobs=1, paper=paper, settings=settings
        )
        for paper, settings in ((False, {}), (True, {}), (True, {"scale": 3.0}))
    )
    assert paper["wide"].endpoint == pytest.approx(100 * small["wide"].endpoint)
    assert given["wide"].endpoint == pytest.approx(3 * small["wide"].endpoint)
    with pytest.raises(RecipeError, match="no setting 'scael'; it takes scale"):
        compare(PATH, panel="small", store=store, settings={"scael": 1.0})


@pytest.mark.slow
def test_the_command_shows_every_panel(
    normdrop: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """One table per panel, or those that are named; `--set` is checked."""
    run = ("compare", PATH, "--store", tmp_path / "s.sqlite")
    done = normdrop(*run, "--set", "scale=2")
    assert done.returncode == 0
    titles = [line for line in done.stdout.splitlines() if line.startswith("Panelled")]
    assert titles == [f"Panelled, {name}, 6 seeds" for name in ("small", "large", "reversed")]
    assert "large" not in normdrop(*run, "--panel", "small").stdout
    wrong = normdrop(*run, "--set", "scale")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--set scale: write name=value" in wrong.stderr
    assert "a setting is a number" in normdrop(*run, "--set", "scale=(1, 2)").stderr


def test_measures_of_a_trained_network(digits: Dataset) -> None:
    """Dropout before batch norm shifts its statistics; re-estimated, they fit eval mode."""
    recipe = find("ten-orders")
    shifts = {}
    for variant in ("conv-drop-bn-act-pool", "conv-bn-act-drop-pool"):
        trained = _trained(recipe, variant, digits)
        before = mean_shift(trained)["shift"]
        error = reestimated_error(trained)["reestimated_error"]
        assert 0 <= error < 50
        assert mean_shift(trained)["shift"] == pytest.approx(1, abs=1e-3)
        shifts[variant] = before
    assert shifts["conv-drop-bn-act-pool"] > 1.2
    assert shifts["conv-bn-act-drop-pool"] < shifts["conv-drop-bn-act-pool"]


def _trained(recipe: Recipe, variant: str, dataset: Dataset) -> Trained:
    (trial,) = plan(
        recipe,
        dataset,
        name=recipe.name,
        variants=[variant],
        seeds=1,
        given={"epochs": 3},
        device="cpu",
        precision="fp32",
    )
    context = TrialContext(trial, recipe.task, dataset)
    network = context.prepared(
        recipe.build(variant, dataset.shape, context.outputs, trial.settings)
    )
    with torch.random.fork_rng():
        epochs = tuple(context.fit().epochs(network))
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].test_loss == train(trial, dataset).values["test_loss"]
    return Trained(context, network, epochs)


def test_a_regression_learns_standardised_targets(data_folder: Path) -> None:
    """Concrete's strength from its mixture: the loss is in variances of the training targets."""
    del data_folder
    dataset = load("concrete")
    context = TrialContext(_regression_trial(dataset, standardise=True), REGRESSION, dataset)
    assert context.training.targets.mean().item() == pytest.approx(0, abs=1e-5)
    assert context.training.inputs.std(0, correction=0).tolist() == pytest.approx([1] * 8, rel=1e-4)
    raw = TrialContext(_regression_trial(dataset, standardise=False), REGRESSION, dataset)
    assert torch.equal(raw.training.inputs, torch.from_numpy(dataset.train.inputs))
    network = context.prepared(nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)))
    with torch.random.fork_rng():
        *_, last = context.fit().epochs(network)
    assert last.test_accuracy is None
    assert last.test_loss < 0.5  # the mean predicts with 1
    scale = context.target_scale
    assert scale is not None
    with torch.no_grad():
        strength = network(context.test.inputs)[:, 0] * scale.deviation + scale.mean
    error = (strength - torch.from_numpy(dataset.test.targets)).square().mean()
    assert error.item() / scale.deviation.item() ** 2 == pytest.approx(last.test_loss, rel=1e-4)


def _regression_trial(dataset: Dataset, *, standardise: bool) -> Trial:
    return Trial(
        recipe="none",
        recipe_version=1,
        variant="plain",
        data=dataset.name,
        data_checksum=dataset.checksum,
        seed=0,
        settings={
            "epochs": 20,
            "batch_size": 32,
            "learning_rate": 0.01,
            "standardise": standardise,
            "optimizer": "sgd",
            "initialisation": "he",
        },
        device="cpu",
        precision="fp32",
    )


def test_contradictions_are_refused() -> None:
    """A recipe that cannot be meant is refused where it is written."""
    recipe = find(PATH)
    for changes, message in (
        ({"experiment": None}, "give it a network or an experiment"),
        ({"panels": {"a": Panel(settings={"size": 1})}}, "no setting 'size'"),
        ({"panels": {"a": Panel(baseline="best")}}, "baseline best is no variant"),
        ({"paper": {"size": 1}}, "no setting 'size'"),
        ({"published": {"loss": {"wide": 1.0}}}, "published loss is no metric"),
        ({"published": {"spread": {"high": 1.0}}}, "published high is no variant"),
    ):
        with pytest.raises(RecipeError, match=message):
            dataclasses.replace(recipe, **changes)
