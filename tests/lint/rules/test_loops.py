"""Training loops: what puts a model into which mode, in one function or over several."""

import textwrap

import pytest

from normdrop.lint.rules import check_text, selected

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

"""
_STEP = "opt.zero_grad()\nF.mse_loss({model}(x), y).backward()\nopt.step()"
_VALIDATIONS = {
    "sum": "with torch.no_grad():\n    print(sum(F.mse_loss({model}(x), y) for x, y in val))",
    "loop": "with torch.inference_mode():\n    for x, y in val_loader:\n        {model}(x).sum()",
    "tensor": "with torch.no_grad():\n    print(F.mse_loss({model}(x_test), y_test))",
    "decorated": "evaluate({model}, loader)",
}
_HELPER = "@torch.no_grad()\ndef evaluate(net, batches):\n    return [net(x) for x, _ in batches]\n"
_MODELS = ["model", "self.net"]


def _codes(text: str) -> set[str]:
    rules = selected(("ND309", "ND310", "ND311", "ND312"))
    return {each.code for each in check_text("fit.py", _HEAD + text, rules)}


def _fit(model: str, *, before: str = "", start: str = "", middle: str = "", end: str = "") -> str:
    """A function that trains in epochs, and what it does before, and around each validation."""
    step = textwrap.indent(_STEP.format(model=model), "        ")
    parts = [
        start,
        f"for x, y in train:\n{step[4:].replace(chr(10) + '    ', chr(10))}",
        middle,
        end,
    ]
    epoch = "\n".join(each for each in parts if each)
    body = "\n".join(
        each
        for each in (before, f"for epoch in range(9):\n{textwrap.indent(epoch, '    ')}")
        if each
    )
    return f"{_HELPER}def fit(self, model, train, val, opt):\n{textwrap.indent(body, '    ')}\n"


@pytest.mark.parametrize("model", _MODELS)
@pytest.mark.parametrize("validation", _VALIDATIONS)
def test_validation_wants_eval_mode(model: str, validation: str) -> None:
    """Without `eval()` it is found, however the data are gone through; with it, nothing."""
    check = _VALIDATIONS[validation].format(model=model)
    train, evaluate = f"{model}.train()", f"{model}.eval()"
    assert _codes(_fit(model, start=train, end=check)) == {"ND309"}
    assert _codes(_fit(model, before=train, end=check)) == {"ND309"}
    assert _codes(_fit(model, start=train, middle=evaluate, end=check)) == set()
    assert _codes(_fit(model, start=train, middle=f"{model}.train(False)", end=check)) == set()
    restored = f"{check}\n{model}.train()"
    assert _codes(_fit(model, before=train, middle=evaluate, end=restored)) == set()


@pytest.mark.parametrize("model", _MODELS)
@pytest.mark.parametrize("validation", _VALIDATIONS)
def test_train_mode_is_to_be_restored(model: str, validation: str) -> None:
    """A loop whose second round trains in eval mode is found, also where it validates at times."""
    check = f"{model}.eval()\n{_VALIDATIONS[validation].format(model=model)}"
    now_and_then = f"if epoch % 5 == 0:\n{textwrap.indent(check, '    ')}"
    assert _codes(_fit(model, before=f"{model}.train()", end=check)) == {"ND310"}
    assert _codes(_fit(model, end=check)) == {"ND310"}
    assert _codes(_fit(model, end=now_and_then)) == {"ND310"}
    assert _codes(_fit(model, start=f"{model}.train()", end=now_and_then)) == set()
    restored = f"{check}\n{model}.train(mode)"
    assert _codes(_fit(model, end=restored)) == set()


@pytest.mark.parametrize(
    "around",
    [
        # Whoever trains in eval mode from the start means it.
        {"before": "model.eval()"},
        # Targets, samples and features are no validation.
        {"start": "with torch.no_grad():\n    target = model(old)"},
        {"end": "with torch.no_grad():\n    for x, y in train:\n        model(x)"},
        {
            "end": (
                "for phase in (0, 1):\n"
                "    if phase:\n        model.train()\n    else:\n        model.eval()"
            )
        },
    ],
)
def test_other_modes_are_accepted(around: dict[str, str]) -> None:
    """What is no validation, and a mode that is never left."""
    assert _codes(_fit("model", **around)) == set()


_FREEZES = {
    "modules": "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()",
    "named": (
        "for name, m in model.net.named_modules():\n"
        "    if 'bn' in name or isinstance(m, nn.BatchNorm1d):\n        m.eval()"
    ),
    "applied": "model.apply(quiet)",
    "called": "freeze(model)",
}
_FREEZERS = (
    "def quiet(m):\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()\n"
    "def freeze(net):\n    for m in net.modules():\n"
    "        if isinstance(m, nn.BatchNorm2d):\n            m.eval()\n"
)


@pytest.mark.parametrize("freeze", _FREEZES)
def test_frozen_norms_stay_frozen(freeze: str) -> None:
    """A `train()` behind the freezing thaws; frozen again behind each `train()`, they stay."""
    frozen = _FREEZES[freeze]
    assert _codes(_FREEZERS + _fit("model", before=frozen, start="model.train()")) == {"ND312"}
    again = f"model.train()\n{frozen}"
    assert _codes(_FREEZERS + _fit("model", before=frozen, start=again)) == set()
    assert _codes(_FREEZERS + _fit("model", before=again)) == set()
