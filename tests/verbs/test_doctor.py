"""The whole examination: right in its numbers, honest in its words, and the model untouched."""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop.errors import CaptureError, NormdropError, UsageError
from normdrop.report import diagnosis_html

Batches = list[tuple[Tensor, Tensor]]


def _batches(count: int = 20) -> Batches:
    """Two classes, told apart by the mean of eight numbers."""
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(64, 8, generator=generator) for _ in range(count)]
    return [(x, (x.mean(1) > 0).long()) for x in inputs]


def _model(*, dropout: float = 0.5) -> nn.Sequential:
    """Dropout directly before a norm, and no bias that a norm would cancel."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 32, bias=False),
        nn.Dropout(dropout),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )


def _trained(*, dropout: float = 0.5) -> nn.Sequential:
    model = _model(dropout=dropout)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for inputs, targets in _batches() * 3:
        loss = nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
    with torch.no_grad():
        for inputs, _ in _batches():
            model(inputs)
    return model


def error_rate(outputs: Tensor, targets: Tensor) -> Tensor:
    """The part of the rows put into the wrong class."""
    return (outputs.argmax(1) != targets).double().mean()


def test_recalibrates_trained_weights() -> None:
    """A copy gets the statistics that eval mode shows; its shift is gone; the story has both."""
    model = _trained()
    diagnosis = normdrop.doctor(model, _batches(), error_rate)
    assert diagnosis.treatment == "recalibrated"
    assert diagnosis.findings.codes == ("ND101",)
    assert diagnosis.before is not None
    assert diagnosis.after is not None
    assert diagnosis.before["2"].shift == pytest.approx(0.5, abs=0.05)
    assert diagnosis.before["2"].causes == {"1": 1.0}
    # by hand: what reaches the norm in eval mode is the first layer's output, on every other batch
    with torch.no_grad():
        used, judged = (
            torch.cat([model[0](inputs) for inputs, _ in _batches()[first::2]]).double()
            for first in (0, 1)
        )
    mended = diagnosis.model[2]
    assert isinstance(mended, nn.BatchNorm1d)
    assert mended.running_var is not None
    expected = used.var(0, correction=0)
    assert torch.allclose(mended.running_var.double(), expected, rtol=1e-4)
    # what is left is how far the two halves differ
    left = judged.var(0, correction=0).mean() / expected.mean()
    assert diagnosis.after["2"].shift == pytest.approx(left.item(), rel=1e-3)
    assert abs(diagnosis.after["2"].shift - 1) < 0.1
    assert not diagnosis.is_clean
    text = str(diagnosis)
    assert "error_rate is" in text
    assert "1 (Dropout(0.5)) feeds 2 (BatchNorm1d)" in text
    assert "Dropout(0.5) moved to the head" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_metric_is_that_of_the_models() -> None:
    """Before and now are what plain eval passes of both give on batches not estimated from."""
    model = _trained()
    diagnosis = normdrop.doctor(model, _batches(), error_rate)
    for report, network in ((diagnosis.before, model), (diagnosis.after, diagnosis.model)):
        twin = copy.deepcopy(network).eval()
        with torch.no_grad():
            rates = [error_rate(twin(x), targets).item() for x, targets in _batches()[1::2]]
        assert report is not None
        assert report.modes is not None
        assert report.modes.eval_mode == pytest.approx(sum(rates) / len(rates))


def test_leaves_a_model_without_shift_alone() -> None:
    """Nothing to find gives a clean diagnosis, and the copy is the model."""
    model = _trained(dropout=0.0)
    diagnosis = normdrop.doctor(model, _batches())
    assert diagnosis.treatment == "none"
    assert diagnosis.is_clean
    assert diagnosis.after is None
    assert diagnosis.model is not model
    for name, value in model.state_dict().items():
        assert torch.equal(diagnosis.model.state_dict()[name], value)
    assert "Nothing was changed." in str(diagnosis)
    assert "no metric was given" in str(diagnosis)


def test_mends_the_order_of_fresh_weights() -> None:
    """There are no statistics to measure against; the dropout is moved, and no shift expected."""
    diagnosis = normdrop.doctor(_model(), _batches())
    assert diagnosis.treatment == "fixed"
    assert diagnosis.before is None
    assert diagnosis.predicted is not None
    assert diagnosis.after is not None
    assert diagnosis.predicted["2"].shift == pytest.approx(0.5, abs=0.05)
    assert diagnosis.after["2"].shift == pytest.approx(1.0, abs=0.01)
    assert normdrop.check(diagnosis.model, (8,)).is_clean
    assert "the weights are fresh" in " ".join(str(diagnosis).split())


@pytest.mark.parametrize("trained", [True, False])
def test_the_model_is_untouched(*, trained: bool) -> None:
    """State, modes, gradients, hooks and the random state are as they were."""
    model = _trained() if trained else _model()
    state = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    normdrop.doctor(model, _batches(5), error_rate)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())  # noqa: SLF001
    assert isinstance(model[1], nn.Dropout)


def test_is_untouched_by_batches_that_fail() -> None:
    """A loader that raises half-way is named, and the model is as it was."""

    class _Failing:
        def __iter__(self) -> Iterator[Tensor]:
            yield torch.randn(16, 8)
            raise OSError("the disk is gone")

    model = _trained()
    state = copy.deepcopy(model.state_dict())
    with pytest.raises(UsageError, match="the disk is gone"):
        normdrop.doctor(model, _Failing())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_says_what_was_not_possible() -> None:
    """Batches of one example can be measured, but not used to estimate in one pass."""
    model = _trained()
    singles = [inputs[:1] for inputs, _ in _batches()]
    diagnosis = normdrop.doctor(model, singles)
    assert diagnosis.treatment == "none"
    verbs = [note.partition(" was not possible")[0] for note in diagnosis.notes]
    assert verbs == ["Finding the causes", "recalibrate"]
    assert "one value per channel" in " ".join(str(diagnosis).split())


@pytest.mark.parametrize(
    ("batches", "error", "words"),
    [
        (iter([torch.zeros(4, 8)]), UsageError, "read only once"),
        ([], UsageError, "there are no batches"),
        (torch.zeros(4, 8), UsageError, r"pass \[batch\]"),
        ([torch.zeros(4, 9)], CaptureError, "0"),
        ([torch.full((4, 8), math.nan)], NormdropError, "NaN"),
    ],
)
def test_refuses_batches_in_words(
    batches: Any,  # noqa: ANN401 - some are no batches
    error: type[NormdropError],
    words: str,
) -> None:
    """Generators, nothing, one tensor, a wrong shape and NaN are told apart."""
    with pytest.raises(error, match=words):
        normdrop.doctor(_trained(), batches)


def test_refuses_what_is_no_model() -> None:
    """The message names the verb."""
    with pytest.raises(UsageError, match="doctor takes a torch"):
        normdrop.doctor("model", [])  # type: ignore[type-var] # wrong on purpose


def test_values_survive_json() -> None:
    """Everything but the model can be written as JSON."""
    diagnosis = normdrop.doctor(_trained(), _batches(), error_rate)
    read = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert read["treatment"] == "recalibrated"
    assert read["before"]["modes"]["metric"] == "error_rate"
    assert read["fix"]["changes"][0]["code"] == "ND101"


def test_the_page_escapes_and_asks_for_nothing() -> None:
    """Names are shown as they are, and no address but the icon's is in the page."""
    name = "<script>alert(1)</script>"
    page = diagnosis_html(normdrop.doctor(_trained(), _batches(), error_rate, name=name))
    assert name not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<circle") == 2 + 2


def test_reports_its_progress() -> None:
    """Every step that reads batches tells how far it is."""
    told: list[tuple[str, int, int | None]] = []

    def note(step: str, done: int, total: int | None) -> None:
        told.append((step, done, total))

    normdrop.doctor(_trained(), _batches(4), progress=note)
    for step in ("measuring", "recalibrating", "measuring again"):
        assert [(done, total) for name, done, total in told if name == step][-1] == (2, 2)
    assert {"predicting", "mending"} <= {name for name, _, _ in told}
