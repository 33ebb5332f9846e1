"""Whatever happens, the model and the random state are left as they were."""

import copy
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import normdrop
from normdrop.errors import CaptureError
from normdrop.torch.watch import untouched
from normdrop.verbs import invert, simulate


class _Net(nn.Module):
    """A network that draws, counts, and fails when told to."""

    def __init__(self, failing: str) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
        self.last = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 4), nn.BatchNorm1d(4))
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))
        self.failing = failing

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        if self.failing == ("train" if self.training else "eval"):
            raise RuntimeError("no further")
        scores: Tensor = self.last(self.first(x))
        return scores


def _snapshot(model: nn.Module) -> dict[str, object]:
    gradients = {name: copy.deepcopy(p.grad) for name, p in model.named_parameters()}
    return {
        "state": copy.deepcopy(model.state_dict()),
        "buffers": {name: id(buffer) for name, buffer in model.named_buffers()},
        "modes": [module.training for module in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "gradients": gradients,
        "gradient ids": [id(p.grad) for p in model.parameters()],
        "hooks": [
            len(module._forward_hooks) + len(module._forward_pre_hooks)  # noqa: SLF001
            for module in model.modules()
        ],
        "random": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
    }


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return one == other


@settings(max_examples=25, deadline=None)
@given(
    modes=st.lists(st.booleans(), min_size=9, max_size=9),
    trainable=st.lists(st.booleans(), min_size=8, max_size=8),
    graded=st.booleans(),
    failing=st.sampled_from(["", "train", "eval"]),
    verb=st.sampled_from([simulate, invert]),
    width=st.sampled_from([6, 7]),
)
def test_model_and_random_state_are_left_alone(
    modes: list[bool],
    trainable: list[bool],
    *,
    graded: bool,
    failing: str,
    verb: object,
    width: int,
) -> None:
    """Modes, buffers, gradients, hooks, `requires_grad` and random state survive, errors or not."""
    torch.manual_seed(0)
    model = _Net(failing)
    model.get_buffer("first.2.running_mean").fill_(0.2)
    for module, training in zip(model.modules(), modes, strict=True):
        module.training = training
    for parameter, requires_grad in zip(model.parameters(), trainable, strict=True):
        parameter.grad = torch.ones_like(parameter) if graded else None
        parameter.requires_grad_(requires_grad)
    before = _snapshot(model)
    run = simulate if verb is simulate else invert
    if failing or width != 6:
        with pytest.raises(CaptureError):
            run(model, (width,))
    else:
        run(model, (width,))
    after = _snapshot(model)
    assert [key for key in before if not _same(before[key], after[key])] == []


def test_lazy_modules_are_not_materialised() -> None:
    """A lazy layer would keep the shape of a made-up input, so it is refused by name."""
    model = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d())
    with pytest.raises(CaptureError, match=r"^0: a lazy module"):
        simulate(model, (3,))
    assert isinstance(model[0], nn.LazyLinear)


def test_modules_that_hide_their_calls_are_refused() -> None:
    """A module whose calls cannot be seen must not pass for one without norm layers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(nn.BatchNorm1d(3))
    with pytest.raises(CaptureError, match=r"^1: a scripted module"):
        simulate(nn.Sequential(nn.Linear(3, 3), scripted), (3,))


class _Writing(nn.Module):
    """A network whose forward writes to itself, in one of many ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.weight = nn.Parameter(3 * torch.randn(4, 8))
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(8)
        self.limit: Tensor
        self.register_buffer("limit", torch.ones(()))
        self.steps = 0
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.drop(x))
        with torch.no_grad():
            match self.way:
                case "other memory":
                    self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)
                case "same memory":
                    self.weight.data.clamp_(-1, 1)
                case "without gradient":
                    self.weight.mul_(0.5)
                case "rows":
                    nn.functional.embedding(torch.tensor([0]), self.weight, max_norm=1.0)
                case "another parameter":
                    self.weight = nn.Parameter(self.weight / 2)
                case "buffer":
                    self.limit = self.limit * 2
                case "attribute":
                    self.steps, self.seen = self.steps + 1, x
                case "new part":
                    self.part = nn.Linear(8, 8)
        return x @ self.weight.T


@pytest.mark.parametrize("verb", ["check", "predict", "measure", "fix", "doctor", "untouched"])
@pytest.mark.parametrize(
    "way",
    [
        "other memory",
        "same memory",
        "without gradient",
        "rows",
        "another parameter",
        "buffer",
        "attribute",
        "new part",
    ],
)
def test_what_a_forward_writes_to_the_model_is_put_back(way: str, verb: str) -> None:
    """Parameters, buffers, attributes and modules are the same objects of the same values."""
    torch.manual_seed(0)
    model = _Writing(way)
    before = {name: (tensor, tensor.clone()) for name, tensor in model.named_parameters()}
    limit, modules = model.limit, list(model.modules())
    batches = [torch.randn(16, 8) for _ in range(4)]
    if verb == "untouched":
        with untouched(model):
            model(batches[0])
    elif verb in {"measure", "doctor"}:
        getattr(normdrop, verb)(model, batches)
    else:
        getattr(normdrop, verb)(model, (8,))
    after = dict(model.named_parameters())
    assert after.keys() == before.keys()
    for name, (tensor, value) in before.items():
        assert after[name] is tensor
        assert torch.equal(tensor, value), name
        assert tensor.device.type == "cpu"
    assert model.limit is limit
    assert limit.item() == 1
    assert list(model.modules()) == modules
    assert (model.steps, model.seen) == (0, None)
