"""Inputs as they are: graphs, lengths, masks, ids, nested ones, sizes that a model insists on."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop.errors import CaptureError


class Graph(nn.Module):
    """Two rounds of messages along given edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 32, bias=False), nn.Linear(32, 32, bias=False)
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(32)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """Node features (nodes, 6) and edges (2, count)."""
        assert edges.shape[0] == 2
        source, target = edges
        x = self.drop(self.first(x).relu())
        gathered = torch.zeros_like(x).index_add(0, target, x[source])
        made: Tensor = self.norm(self.second(gathered))
        return made


class Packed(nn.Module):
    """A recurrent layer over sequences of known lengths, which have to fall."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.rnn = nn.Dropout(0.5), nn.GRU(6, 32, batch_first=True)
        self.norm = nn.BatchNorm1d(32)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Sequences (batch, steps, 6)."""
        packed = nn.utils.rnn.pack_padded_sequence(self.drop(x), lengths, batch_first=True)
        _, last = self.rnn(packed)
        made: Tensor = self.norm(last[0])
        return made


class Masked(nn.Module):
    """Ids with a mask that says which of them count."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.drop = nn.Embedding(50, 32), nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(32)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Ids and a mask (batch, steps)."""
        mask = torch.ones_like(ids) if mask is None else mask
        assert mask.shape == ids.shape
        assert bool(mask.is_meta or mask.any(1).all())
        x = self.drop(self.embed(ids)) * mask[..., None]
        made: Tensor = self.norm(x.sum(1) / mask.sum(1, keepdim=True))
        return made


class Fixed(nn.Module):
    """A model of batches of six."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(8, 64), nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(64)

    def forward(self, x: Tensor) -> Tensor:
        """Six rows of eight."""
        made: Tensor = self.norm(self.drop(self.linear(x.reshape(6, 8))))
        return made


class Several(nn.Module):
    """Two inputs, in a dict or a list."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(10, 64), nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(64)

    def forward(self, both: object) -> dict[str, list[Tensor]]:
        """Joined along their features."""
        parts = list(both.values()) if isinstance(both, dict) else both
        assert isinstance(parts, list)
        return {"out": [self.norm(self.drop(self.linear(torch.cat(parts, 1))))]}


_MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
INPUTS: dict[str, tuple[Callable[[], nn.Module], object]] = {
    "graph": (Graph, (torch.randn(40, 6), torch.randint(40, (2, 90)))),
    "named graph": (Graph, {"x": torch.randn(40, 6), "edges": torch.randint(40, (2, 90))}),
    "lengths": (Packed, (torch.randn(3, 5, 6), torch.tensor([5, 4, 2]))),
    "ids": (Masked, torch.randint(50, (3, 4))),
    "ids and mask": (Masked, (torch.randint(50, (3, 4)), _MASK)),
    "one row of ids": (Masked, {"ids": torch.randint(50, (1, 4)), "mask": torch.ones(1, 4)}),
    "fixed size": (Fixed, torch.randn(6, 8)),
    "dict": (Several, ({"a": torch.randn(3, 4), "b": torch.randn(3, 6)},)),
    "list": (Several, ([torch.randn(3, 4), torch.randn(3, 6)],)),
    "dict of shapes": (Several, ({"a": (4,), "b": (6,)},)),
}


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("name", INPUTS)
def test_every_verb_takes_inputs_as_they_are(name: str, *, trained: bool) -> None:
    """`check` names the dropout and `predict` a shift, of fresh weights and of trained ones."""
    torch.manual_seed(0)
    make, example = INPUTS[name]
    model = make()
    if trained:
        norm = model.get_submodule("norm")
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_var is not None
        norm.running_var.fill_(0.7)
    found = [each for each in normdrop.check(model, example) if each.code == "ND101"]
    assert [each.layers for each in found] == [("drop", "norm")]
    layer = normdrop.predict(model, example)["norm"]
    assert layer.unknown or layer.shift < 0.95


def test_a_size_that_a_model_insists_on_is_told_of() -> None:
    """The report says that the one size stood for all; with shapes alone there is no way."""
    torch.manual_seed(0)
    report = normdrop.predict(Fixed(), torch.randn(6, 8))
    assert "no other number of examples" in report.notes[0]
    assert 0.3 < report["norm"].shift < 0.8
    with pytest.raises(CaptureError, match="shape"):
        normdrop.predict(Fixed(), (8,))
