"""A cancelled bias: folded, removed, or left with a reason."""

import pytest
import torch
from torch import Tensor, nn

import normdrop


def trained(*layers: nn.Module, shape: tuple[int, ...] = (3, 8, 8)) -> nn.Sequential:
    """Layers with large biases and running statistics of their own."""
    torch.manual_seed(0)
    model = nn.Sequential(*layers)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=2.0)
    with torch.no_grad():
        for _ in range(20):
            model(torch.randn(32, *shape))
    return model.eval()


CASES = {
    "plain": lambda: trained(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
    "max-pool": lambda: trained(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4)),
    "average": lambda: trained(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2), nn.BatchNorm2d(4)),
    "flatten": lambda: trained(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.BatchNorm1d(4 * 36)),
    "instance": lambda: trained(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4)),
    "transposed": lambda: trained(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_folded_bias_changes_no_output(case: str) -> None:
    """The bias is zero, its key stays, and eval outputs are the same but for rounding."""
    model = CASES[case]()
    x = torch.randn(8, 3, 8, 8)
    mended = normdrop.fix(model, (3, 8, 8))
    assert [change.code for change in mended.changes] == ["ND201"]
    bias = mended.model.get_submodule("0").bias
    assert isinstance(bias, nn.Parameter)
    assert not bias.any()
    torch.testing.assert_close(mended.model(x), model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_a_removed_bias_changes_no_output(case: str) -> None:
    """Its key goes, and nothing is found any more."""
    model = CASES[case]()
    x = torch.randn(8, 3, 8, 8)
    mended = normdrop.fix(model, (3, 8, 8), remove_bias=True)
    assert "0.bias" not in mended.model.state_dict()
    assert mended.model.get_submodule("0").bias is None
    assert mended.is_complete
    torch.testing.assert_close(mended.model(x), model(x), rtol=1e-4, atol=1e-4)


def test_training_goes_on_as_before() -> None:
    """In train mode the norm takes the bias away, so outputs and gradients agree with it."""
    model = CASES["plain"]()
    mended = normdrop.fix(model, (3, 8, 8)).model
    x = torch.randn(8, 3, 8, 8)
    for each in (model, mended):
        each.train()(x).square().sum().backward()
    torch.testing.assert_close(mended.train()(x), model.train()(x), rtol=1e-4, atol=1e-4)
    mine, theirs = (each.get_submodule("0") for each in (mended, model))
    assert isinstance(mine.weight, nn.Parameter)
    assert isinstance(theirs.weight, nn.Parameter)
    torch.testing.assert_close(mine.weight.grad, theirs.weight.grad, rtol=1e-3, atol=1e-3)
    running = mended.get_submodule("1").running_mean
    expected = model.get_submodule("1").running_mean
    bias = theirs.bias
    assert isinstance(running, Tensor)
    assert isinstance(expected, Tensor)
    assert isinstance(bias, nn.Parameter)
    torch.testing.assert_close(running, expected - bias.detach(), rtol=1e-4, atol=1e-4)


def test_a_tied_bias_stays() -> None:
    """A bias that two layers share belongs to both."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.bias = first.bias
    model = nn.Sequential(first, nn.BatchNorm1d(4), nn.ReLU(), second)
    mended = normdrop.fix(model, (4,))
    assert not mended.changes
    assert any("used elsewhere" in line for line in mended.advice)


def test_a_norm_of_several_tensors_keeps_its_mean() -> None:
    """The running mean of a shared norm can take back one bias alone."""

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.norm(self.one(x)) + self.norm(self.two(x))
            return y

    mended = normdrop.fix(Shared(), (4,))
    assert not mended.changes
    assert any("normalises other tensors too" in line for line in mended.advice)
