"""Replayed passes against passes run in full."""

from typing import TYPE_CHECKING

import pytest
import torch
from family._parts import StochasticDepth
from torch import Tensor, nn

from normdrop.torch.watch._passes import Passes, Replay, same_statistics

if TYPE_CHECKING:
    from normdrop.shifts.stream import Arguments


class _InPlace(nn.Module):
    """Two noise layers with calls between them that change their inputs in place."""

    def __init__(self, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = nn.Dropout(0.3), second
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """conv, norm, noise, thrice, with in-place sums and activations."""
        for conv, norm, noise in zip(
            self.convs, self.norms, (self.first, self.second, nn.Identity()), strict=True
        ):
            y = conv(x).relu_()
            y += 1
            x = noise(norm(y).relu_())
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


@pytest.mark.parametrize("second", [nn.Dropout(0.5), nn.Dropout2d(0.2), StochasticDepth(0.4)])
@pytest.mark.parametrize("silent", ["first", "second"])
def test_replay_changes_no_bit(second: nn.Module, silent: str) -> None:
    """Statistics with a replay equal those without, in both modes, whichever layer is silent."""
    torch.manual_seed(0)
    model = _InPlace(second)
    inputs: Arguments = ((torch.randn(8, 4, 5, 5),), {})
    passes, train_replay, eval_replay = Passes(model), Replay(), Replay()
    with torch.no_grad():
        whole = passes.train(inputs, 0, replay=train_replay)
        passes.evaluate(inputs, whole, (eval_replay, whole))
        replayed = passes.train(inputs, 0, silent, train_replay)
        in_full = passes.train(inputs, 0, silent)
        assert all(same_statistics(replayed[path], in_full[path]) for path in in_full)
        assert not all(same_statistics(replayed[path], whole[path]) for path in whole)
        replayed = passes.evaluate(inputs, in_full, (eval_replay, whole))
        in_full = passes.evaluate(inputs, in_full)
        assert all(same_statistics(replayed[path], in_full[path]) for path in in_full)


def test_another_call_ends_the_replay() -> None:
    """A call of other weights is made, and so is every one after it."""
    x, one, two = torch.ones(1, 3), torch.ones(2, 3), 2 * torch.ones(2, 3)
    replay, linear = Replay(), nn.functional.linear
    for weight in (one, two):
        replay(linear, (x, weight), {})
    replay.rewind()
    assert replay(linear, (x, two), {}).tolist() == [[6.0, 6.0]]
    assert replay(linear, (2 * x, two), {}).tolist() == [[12.0, 12.0]]
    replay.rewind()
    assert replay(linear, (2 * x, one), {}).tolist() == [[3.0, 3.0]]  # taken to be the first call
