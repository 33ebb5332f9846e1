"""Findings that one exchanged layer or one number mends."""

import torch
from torch import nn

import normdrop


def test_dropout_on_logits_goes_before_the_last_weight() -> None:
    """The dropout becomes part of the weight layer's repr, and eval outputs stay."""
    model = nn.Sequential(
        *(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3), nn.Dropout(0.5), nn.Softmax(1))
    )
    mended = normdrop.fix(model, (8,))
    assert [change.becomes or change.what for change in mended.changes] == [
        "Dropout moved to before `2`"
    ]
    assert isinstance(mended.model[3], nn.Identity)
    assert "dropout_before" in repr(mended.model[2])
    x = torch.randn(4, 8)
    assert torch.equal(mended.model.eval()(x), model.eval()(x))
    assert normdrop.check(mended.model, (8,)).is_clean


def test_channel_dropout_of_features_becomes_plain() -> None:
    """The rate stays."""
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout1d(0.3), nn.Linear(8, 2))
    mended = normdrop.fix(model, (5, 8))
    assert [change.code for change in mended.changes] == ["ND108"]
    assert isinstance(mended.model[2], nn.Dropout)
    assert mended.model[2].p == 0.3


def test_momentum_is_turned_around() -> None:
    """PyTorch's momentum is one minus Keras'."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=0.99))
    mended = normdrop.fix(model, (3, 8, 8))
    assert mended.model[1].momentum == 0.01
    assert model[1].momentum == 0.99
    assert any("recalibrate" in line for line in mended.advice)


def test_dropout_before_a_max_pool_is_an_opinion() -> None:
    """It is moved behind the pool when it is selected."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(36, 2)),
    )
    assert not normdrop.fix(model, (3, 8, 8)).changes
    mended = normdrop.fix(model, (3, 8, 8), select=["ND107"])
    assert [type(each) for each in mended.model[3].children()] == [nn.MaxPool2d, nn.Dropout]
