"""The plan: the right trials, and what was asked for refused before anything is trained."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from normdrop.errors import RecipeError, UsageError
from normdrop.lab.data import Dataset
from normdrop.lab.plan import plan
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import find
from normdrop.lab.trial import Trial


def _plan(
    data: Dataset,
    recipe: Recipe | None = None,
    **changes: Any,  # noqa: ANN401 - any argument of plan
) -> list[Trial]:
    arguments: dict[str, Any] = {
        "name": "ten-orders",
        "variants": (),
        "seeds": 2,
        "given": {},
        "device": "cpu",
        "precision": "fp32",
    }
    return plan(recipe or find("ten-orders"), data, **{**arguments, **changes})


def test_trials_come_seed_by_seed(digits: Dataset) -> None:
    """All variants of a seed come before the next seed, and all trials differ."""
    trials = _plan(digits)
    variants = find("ten-orders").variants
    assert [(t.seed, t.variant) for t in trials] == [(s, v) for s in (0, 1) for v in variants]
    assert len({t.key for t in trials}) == 20
    assert {t.settings["padding"] for t in trials} == {"same"}
    assert {t.data_checksum for t in trials} == {digits.checksum}


def test_every_setting_is_part_of_the_key(digits: Dataset) -> None:
    """What changes a result changes the key; more seeds do not."""
    keys = {_plan(digits)[0].key, _plan(digits, seeds=3)[0].key}
    assert len(keys) == 1
    keys |= {
        _plan(digits, given={"epochs": 3})[0].key,
        _plan(digits, given={"limit_train": 100})[0].key,
        _plan(digits, precision="bf16")[0].key,
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds must be a whole number of at least 1, not 0"),
        ({"given": {"epochs": 0}}, "epochs must be"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not to be had here"),
        ({"device": "nonsense"}, "device must be cpu or cuda, not 'nonsense'"),
        ({"device": "meta"}, "device must be cpu or cuda"),
        ({"precision": "fp8"}, "precision must be fp32 or bf16, not 'fp8'"),
    ],
)
def test_what_cannot_be_run_is_refused(
    digits: Dataset, changes: dict[str, object], message: str
) -> None:
    """Numbers out of range and devices that are not there are named."""
    with pytest.raises(UsageError, match=message):
        _plan(digits, None, **changes)


def test_a_processor_has_one_name(digits: Dataset) -> None:
    """`cpu:0` is no other device, and its outcomes are the same trials'."""
    assert _plan(digits, device="cpu:0") == _plan(digits)


def test_networks_that_need_numbers_to_be_built_are_built(digits: Dataset) -> None:
    """A constructor may ask for values; whatever it raises then is one line."""

    def linspace(*_: object) -> nn.Module:
        return nn.Linear(64, int(torch.linspace(1, 10, 2)[-1].item()))

    def misspelt(*_: object) -> nn.Module:
        return {"a": nn.Linear(64, 10)}["b"]

    recipe = dataclasses.replace(find("ten-orders"), network=linspace, version=1)
    assert _plan(digits, recipe)
    with pytest.raises(RecipeError, match=r"cannot be built for digits, .* \('b'\)"):
        _plan(digits, dataclasses.replace(recipe, network=misspelt))


def test_unknown_variant_proposes_the_nearest(digits: Dataset) -> None:
    """A misspelt order is answered with the right one."""
    with pytest.raises(RecipeError, match="did you mean 'conv-bn-act-drop-pool'"):
        _plan(digits, variants=("conv-bn-act-dorp-pool",))


def test_images_too_small_for_the_network_are_refused(digits: Dataset) -> None:
    """Unpadded convolutions of 8×8 images are refused before a worker starts."""
    with pytest.raises(RecipeError, match="cannot be built for digits"):
        _plan(digits, given={"padding": "valid"})


def test_tables_are_no_images(data_folder: object) -> None:
    """A recipe for images refuses a table of numbers, and says so."""
    from normdrop.lab.data import load

    del data_folder
    with pytest.raises(RecipeError, match=r"classifies from images; wine is"):
        _plan(load("wine"))
