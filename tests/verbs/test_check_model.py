"""`normdrop.check` and `normdrop.assert_clean` on torch models."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop import Findings
from normdrop.errors import UsageError


class Residual(nn.Module):
    """A residual block with dropout before its second norm."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.drop = nn.Dropout(rate)
        self.norm2 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to the trunk."""
        y = self.drop(self.conv1(self.norm1(x).relu()))
        branch: Tensor = self.conv2(self.norm2(y).relu())
        return x + branch


def codes(model: nn.Module, example: object = (8,)) -> list[str]:
    """What is found, by code."""
    return [finding.code for finding in normdrop.check(model, example)]


def test_one_finding_per_cause_with_all_its_norms() -> None:
    """Two dropout layers are two findings, each with its norms, the worst norm first."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), Residual(0.5), Residual(0.0), Residual(0.5))
    findings = normdrop.check(model, (3, 16, 16))
    causes = [each for each in findings if each.code == "ND101"]
    assert [each.layers[0] for each in causes] == ["1.drop", "3.drop"]
    assert [each.layers[1] for each in causes] == ["1.norm2", "3.norm2"]
    assert [each.severity for each in causes] == ["error", "error"]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_the_shift_is_the_closed_form(rate: float) -> None:
    """Directly before a norm, on inputs of mean zero, the shift is the share that is kept."""
    model = nn.Sequential(nn.Dropout(rate), nn.BatchNorm1d(8))
    (finding,) = normdrop.check(model, (8,))
    assert finding.shift == pytest.approx(1 - rate, rel=1e-6)
    assert finding.severity == ("error" if rate > 0.2 else "warning")


def test_the_shift_agrees_with_a_measurement() -> None:
    """A stated shift lies within 5 % of the ratio of variances on 4000 samples.

    Both variances are sums over 64 channels × 4000 samples; their ratio varies by less than 1 %
    (three standard errors).
    """
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 64)
    )
    whole = nn.Sequential(*model, nn.BatchNorm1d(64))
    finding = next(each for each in normdrop.check(whole, (16,)) if each.code == "ND101")
    batch = torch.randn(4000, 16)
    with torch.no_grad():
        train = model.train()(batch).var(dim=0).mean()
        before = model[:3](batch)
        evaluated = model[4](before).var(dim=0).mean()
    assert finding.shift is not None
    assert math.log(finding.shift) == pytest.approx(math.log(evaluated / train), abs=0.05)


def test_the_model_is_left_as_it_was() -> None:
    """Modes, parameters, buffers and the random state stay."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8)).eval()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    normdrop.check(model, (8,))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in model.modules())


def test_a_layer_that_is_never_called_is_found() -> None:
    """Idle dropout and norm layers are findings, used ones and other idle layers are none."""
    model = Residual(0.0)
    model.extra = nn.Dropout(0.5)
    model.linear = nn.Linear(3, 3)
    (finding,) = normdrop.check(model, (8, 4, 4))
    assert (finding.code, finding.layers) == ("ND401", ("extra",))


def test_statistics_are_read() -> None:
    """Dead statistics, and new statistics beside trained weights, are found; new layers are not."""
    model = nn.Sequential(nn.BatchNorm1d(8), nn.ReLU())
    assert codes(model) == []
    norm = model[0]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, 8))
    assert codes(model) == ["ND210"]
    norm.running_var[3] = math.nan
    assert codes(model) == ["ND211"]


def test_bias_through_flatten_and_layer_norm() -> None:
    """A bias is cancelled through flattening, and not by layer norm or across axes."""
    convolution = nn.Conv2d(3, 4, 3)
    flat = nn.Sequential(convolution, nn.Flatten(), nn.BatchNorm1d(4 * 36))
    assert codes(flat, (3, 8, 8)) == ["ND201"]
    assert codes(nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))) == []
    # Batch norm takes axis 1 for channels, the linear layer the last one.
    assert codes(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(5)), (5, 8)) == ["ND209"]


def test_assert_clean_names_what_is_wrong_and_takes_exceptions() -> None:
    """A test fails with the findings in its message, but for codes and layers that are accepted."""
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))
    with pytest.raises(AssertionError, match="ND101"):
        normdrop.assert_clean(model, (8,))
    normdrop.assert_clean(model, (8,), ignore=("ND1",))
    normdrop.assert_clean(model, (8,), ignore=("0",))
    with pytest.raises(AssertionError):
        normdrop.assert_clean(model, (8,), ignore=("1", "ND2"))


def test_findings_show_themselves() -> None:
    """Findings are a sequence, a table, HTML, a data frame and a dictionary."""
    findings = normdrop.check(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8)), (8,))
    assert isinstance(findings, Findings)
    assert len(findings) == 1
    assert findings[0].layers == ("0", "1")
    assert "ND101" in str(findings)
    assert "<table>" in findings._repr_html_()
    assert list(findings.to_dataframe()["code"]) == ["ND101"]
    assert findings.to_dict()["notes"] == []
    assert findings.codes == ("ND101",)


def test_what_is_no_model_is_refused() -> None:
    """Anything but a torch module is refused in words."""
    with pytest.raises(UsageError, match="not str"):
        normdrop.check("model", (8,))  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize("blocks", [20, 125, 140])
def test_a_deep_chain_is_checked_however_small_its_signal_becomes(blocks: int) -> None:
    """Every noise layer is found, where shares of a shift cancel and where none are told."""
    torch.manual_seed(0)
    chain = [
        layer
        for _ in range(blocks)
        for layer in (nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1))
    ]
    found = normdrop.check(nn.Sequential(*chain, nn.Linear(8, 8), nn.BatchNorm1d(8)), (8,))
    told = {finding.layers[0] for finding in found if finding.code == "ND101"}
    assert len(told) == blocks
    shifts = [finding.shift for finding in found if finding.shift is not None]
    assert all(math.isfinite(shift) for shift in shifts)
