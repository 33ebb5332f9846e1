"""Every combination of dropout and norm modes, on modules that hold one or both."""

import copy
import itertools
from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import normdrop
from normdrop.errors import UsageError


class _DropPath(nn.Module):
    """Hand-written stochastic depth, drawn by a function of its own."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept: Tensor = x * torch.bernoulli(0.5 * torch.ones(len(x), 1)) * 2
        return kept


class _Functional(nn.Module):
    """Drops in a functional call, and has children."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(self.inner(x), 0.5, self.training)


class _Both(nn.Module):
    """Normalises and drops by one and the same mode."""

    def __init__(self) -> None:
        super().__init__()
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(4))
        self.register_buffer("running_var", torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.batch_norm(x, self.running_mean, self.running_var, training=self.training)
        return functional.dropout(x, 0.5, self.training)


class _Auxiliary(nn.Module):
    """Answers differently in train mode, and makes no noise of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return torch.zeros(1) if self.training else x


def _attention() -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True)
    return nn.Sequential(nn.BatchNorm1d(4), nn.Unflatten(1, (1, 4)), layer)


_NORMS: tuple[Literal["running", "batch"], ...] = ("running", "batch")
_MODELS: dict[str, Callable[[], nn.Module]] = {
    "modules": lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)),
    "drop path": lambda: nn.Sequential(nn.BatchNorm1d(4), _DropPath()),
    "functional": _Functional,
    "both": _Both,
    "attention": _attention,
}


@pytest.mark.parametrize("name", _MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_every_combination(name: str, *, training: bool) -> None:
    """Noise and batch statistics are there when asked for; all is put back."""
    torch.manual_seed(0)
    model = _MODELS[name]().train(training)
    x = 3 + torch.randn(8, 4)
    before = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    for dropout, norm in itertools.product((True, False), _NORMS):
        with torch.no_grad(), normdrop.modes(model, dropout=dropout, norm=norm):
            torch.manual_seed(1)
            one = model(x)
            torch.manual_seed(2)
            other = model(x)
            torch.manual_seed(1)
            alone = model(torch.cat([x[:1], 5 * x[1:]]))[:1]
        assert (not torch.equal(one, other)) == dropout
        same_row = torch.allclose(one[:1], alone, atol=1e-6)
        if not dropout:
            assert same_row == (norm == "running")
    torch.testing.assert_close(model.state_dict(), before[0], rtol=0, atol=0)
    assert [module.training for module in model.modules()] == before[1]


def test_modules_that_do_neither_keep_their_mode() -> None:
    """A model whose own train mode means something else is not put in it for its dropout."""
    model = _Auxiliary().eval()
    with normdrop.modes(model, dropout=True, norm="batch"):
        assert model(torch.randn(8, 4)).shape == (8, 4)
        assert model.body[1].training


def test_one_of_them_alone() -> None:
    """What is not named keeps its mode."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    with normdrop.modes(model, dropout=False):
        assert [model[0].training, model[1].training] == [True, False]
    with normdrop.modes(model, norm="running"):
        assert [model[0].training, model[1].training] == [False, True]
    with normdrop.modes(model):
        assert [model[0].training, model[1].training] == [True, True]


def test_frozen_norms_stay_on_running_statistics() -> None:
    """A norm in eval mode in a model in train mode is not thawed."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    model[0].eval()
    with normdrop.modes(model, norm="batch"):
        assert [model[0].training, model[1].training] == [False, True]


def test_nothing_is_learned_of_batches() -> None:
    """Inside, running statistics do not drift; after an exception they and momentum are back."""
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=None), nn.BatchNorm1d(4))

    def fail() -> None:
        with normdrop.modes(model, norm="batch"):
            model(3 + torch.randn(8, 4))
            assert model.get_buffer("1.running_mean").abs().max() == 0
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert [norm.momentum for norm in model] == [None, 0.1]
    counts = [model.get_buffer(f"{path}.num_batches_tracked").item() for path in "01"]
    assert counts == [0, 0]


def test_another_word_is_refused() -> None:
    """The words are in the error."""
    with pytest.raises(UsageError, match="'running', 'batch' or None"):
        normdrop.modes(nn.BatchNorm1d(2), norm="train").__enter__()  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not int"):
        normdrop.modes(3, dropout=True).__enter__()  # type: ignore[arg-type] # wrong on purpose
