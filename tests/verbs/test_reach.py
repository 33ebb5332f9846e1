"""Dropout reaches a norm through any operation: `check` says so, and sizes it as running does."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

import normdrop
from normdrop.errors import UsageError
from normdrop.lint.rules import selected
from normdrop.values.severity import severity
from normdrop.verbs import check_with

Operation = Callable[[Tensor], Tensor]


def _written(x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, :, ::2] = x[:, :, ::2]
    return out


def _messages(x: Tensor) -> Tensor:
    """Each node's neighbours summed up, the rows as nodes of a ring."""
    nodes = x.flatten(2)
    source = torch.arange(nodes.shape[2])
    target = (source + 1) % nodes.shape[2]
    return torch.zeros_like(nodes).index_add(2, target, nodes[:, :, source])


# From a map of 8 channels, 6 × 10, to one of any rank with channels on axis 1.
OPERATIONS: dict[str, Operation] = {
    "identity": lambda x: x,
    "select": lambda x: x[:, :, 0],
    "mean": lambda x: x.mean(2),
    "amax": lambda x: x.amax(2),
    "amin": lambda x: x.amin(3),
    "sum": lambda x: x.sum(3),
    "std": lambda x: x.std(2),
    "median": lambda x: x.median(2).values,
    "logsumexp": lambda x: x.logsumexp(2),
    "flatten": lambda x: x.flatten(1, 2),
    "flatten all": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(0, 3, 1, 2),
    "transpose": lambda x: x.transpose(2, 3),
    "view": lambda x: x.view(x.shape[0], 16, -1),
    "reflect": lambda x: functional.pad(x, (2, 2, 1, 1), mode="reflect"),
    "replicate": lambda x: functional.pad(x, (2, 2, 1, 1), mode="replicate"),
    "circular": lambda x: functional.pad(x, (2, 2, 1, 1), mode="circular"),
    "zeros": lambda x: functional.pad(x, (2, 2)),
    "glu": lambda x: functional.glu(x, 1),
    "chunk": lambda x: x.chunk(2, 1)[1],
    "tensor_split": lambda x: torch.tensor_split(x, 2, 1)[0],
    "unbind": lambda x: x.unbind(2)[1],
    "stack": lambda x: torch.stack((x, -x), 2).flatten(2, 3),
    "concatenate": lambda x: torch.cat((x, x * 2), 1),
    "statistics pooling": lambda x: torch.cat((x.mean((2, 3)), x.std((2, 3))), 1),
    "index": lambda x: x[:, :, torch.tensor([0, 2, 4])],
    "index_select": lambda x: x.index_select(3, torch.tensor([1, 5])),
    "gather": lambda x: x.gather(2, torch.zeros(*x.shape[:2], 2, x.shape[3], dtype=torch.long)),
    "scatter": lambda x: torch.zeros_like(x).scatter_add(2, torch.zeros_like(x).long(), x),
    "written by index": _written,
    "where": lambda x: torch.where(x > 0.5, x, x * 0.1),
    "einsum": lambda x: torch.einsum("bchw,bdhw->bcd", x, x) / 60,
    "matmul": lambda x: x @ x.transpose(2, 3) / 10,
    "attention": lambda x: functional.scaled_dot_product_attention(x, x, x),
    "position added": lambda x: x + torch.linspace(0, 1, x.shape[3]),
    "unfold": lambda x: functional.unfold(x, 3),
    "roll": lambda x: x.roll(1, 2),
    "flip": lambda x: x.flip(3),
    "repeat": lambda x: x.repeat(1, 1, 2, 1),
    "cumsum": lambda x: x.cumsum(3) / 10,
    "clamp": lambda x: x.clamp(-1, 2),
    "softmax": lambda x: x.softmax(3),
    "square": lambda x: x.square(),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "interpolate": lambda x: functional.interpolate(x, scale_factor=2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 3),
    "expand": lambda x: x.unsqueeze(4).expand(-1, -1, -1, -1, 2).flatten(3),
    "pixel shuffle": lambda x: functional.pixel_shuffle(x, 2),
    "channel shuffle": lambda x: functional.channel_shuffle(x, 4),
    "movedim": lambda x: x.movedim(1, 3).movedim(3, 1),
    "masked_fill": lambda x: x.masked_fill(x < 0.1, 0.0),
    "maximum": lambda x: torch.maximum(x, x.roll(1, 3)),
    "division": lambda x: x / (1 + x.mean(1, keepdim=True)),
    "exponential": lambda x: (-x).exp(),
    "square root": lambda x: (x + 0.1).sqrt(),
    "group norm": lambda x: functional.group_norm(x, 2),
    "layer norm": lambda x: functional.layer_norm(x, x.shape[1:]),
    "sort": lambda x: x.sort(3).values,
    "top": lambda x: x.topk(3, 3).values,
    "messages": _messages,
    "difference": lambda x: x.diff(dim=3),
    "norm of columns": lambda x: x.norm(dim=2),
    "list": lambda x: torch.cat([each.squeeze(2) for each in x.chunk(6, 2)], 2),
    "dict": lambda x: {"kept": x, "other": -x}["kept"],
    "half precision": lambda x: x.to(torch.bfloat16).float(),
    "complex": lambda x: torch.fft.rfft(x, dim=3).abs() / 3,
    "max pool": lambda x: functional.max_pool2d(x, 2),
    "average pool": lambda x: functional.avg_pool2d(x, 2),
}


class Sequence(nn.Module):
    """A layer for sequences, of the rows of a map."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Features on axis 1."""
        rows = x.mean(2).transpose(1, 2)
        attends = isinstance(self.layer, nn.MultiheadAttention)
        out = self.layer(rows, rows, rows) if attends else self.layer(rows)
        out = out[0] if isinstance(out, tuple) else out
        made: Tensor = out.transpose(1, 2)
        return made


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(8, 12, 3),
    "transposed convolution": lambda: nn.ConvTranspose2d(8, 4, 3, stride=2),
    "weight norm": lambda: parametrizations.weight_norm(nn.Conv2d(8, 12, 3)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Conv2d(8, 12, 3)),
    "old weight norm": lambda: _old_weight_norm(nn.Conv2d(8, 12, 3)),
    "linear": lambda: Sequence(nn.Linear(8, 12)),
    "lstm": lambda: Sequence(nn.LSTM(8, 12, batch_first=True)),
    "gru": lambda: Sequence(nn.GRU(8, 12, batch_first=True, bidirectional=True)),
    "rnn": lambda: Sequence(nn.RNN(8, 12, batch_first=True)),
    "attention layer": lambda: Sequence(nn.MultiheadAttention(8, 2, batch_first=True)),
    "transformer layer": lambda: Sequence(
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    ),
    "activations": lambda: nn.Sequential(nn.PReLU(), nn.Softplus(), nn.Tanh()),
    "global pool": lambda: nn.AdaptiveAvgPool2d(1),
    "upsampling": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "local response": lambda: nn.LocalResponseNorm(3),
    "bilinear": lambda: _Twice(nn.Bilinear(8, 8, 6)),
}


class _Twice(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        rows = x.mean(2).transpose(1, 2)
        made: Tensor = self.layer(rows, rows).transpose(1, 2)
        return made


def _old_weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


class Samples(nn.Module):
    """Drops whole examples, as stochastic depth does."""

    def forward(self, x: Tensor) -> Tensor:
        """Scale what is kept."""
        if not self.training:
            return x
        return x * torch.empty(len(x), 1, 1, 1).bernoulli_(0.7) / 0.7


NOISES: dict[str, Callable[[], nn.Module]] = {
    "element": lambda: nn.Dropout(0.5),
    "channel": lambda: nn.Dropout2d(0.3),
    "sample": Samples,
}


class Net(nn.Module):
    """Noise, an operation, a norm."""

    def __init__(self, noise: nn.Module, operation: Operation) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.first = nn.BatchNorm2d(8)
        self.drop = noise
        self.operation = operation  # a module among the layers, too
        with torch.no_grad():
            made = operation(torch.randn(2, 8, 6, 10))
        kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
        self.norm = kinds[made.ndim](made.shape[1])

    def features(self, x: Tensor) -> Tensor:
        """What the norm sees."""
        return self.operation(self.drop(self.first(self.conv(x)).relu()))

    def forward(self, x: Tensor) -> Tensor:
        """The norm of it."""
        normed: Tensor = self.norm(self.features(x))
        return normed


def brute_force(net: Net) -> float:
    """Log Δ at the norm by the variances themselves, over many draws of the noise."""
    x = torch.randn(256, 1, 6, 10)
    axis = [0, 2, 3]
    with torch.no_grad():
        net.first.momentum = None
        net.first.reset_running_stats()
        draws = [net.train().features(x) for _ in range(8)]
        trained = torch.cat(draws)
        axes = [each for each in axis if each < trained.ndim]
        train = trained.var(axes, correction=0).mean()
        evaluated = net.eval().features(x).var(axes, correction=0).mean()
    return math.log(evaluated / train)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("operation", [*OPERATIONS, *LAYERS])
def test_the_noise_is_named_and_its_shift_sized(operation: str, noise: str) -> None:
    """Where running the model shows a shift, `check` and `predict` name the noise and are near.

    Near is the same severity, or one that a shift 1.1 times as large or as small has: the inputs of
    the run are white where those of the verbs are pink; or one within the error that is stated. An
    unknown size is a warning.
    """
    torch.manual_seed(0)
    net = Net(NOISES[noise](), OPERATIONS.get(operation) or LAYERS[operation]())
    true = brute_force(net)
    net.first.momentum = 0.1
    net.first.reset_running_stats()
    found = [each for each in normdrop.check(net, (1, 6, 10)) if each.code == "ND101"]
    if abs(true) > 0.1:
        assert [each.layers[0].partition(".")[0] for each in found] == ["drop"]
    for each in found:
        assert each.layers[-1] == "norm"
        near = _near(true, each.error)
        assert each.severity == "warning" if each.shift is None else each.severity in near
    predicted = normdrop.predict(net, (1, 6, 10))["norm"]
    assert predicted.unknown or predicted.severity in _near(true, predicted.error)
    if 0.1 < abs(true) < 3:  # beyond, train mode leaves no variance to share
        assert [each.partition(".")[0] for each in predicted.causes] == ["drop"]


def _near(true: float, error: float | None) -> set[str]:
    """The severities of shifts near a true one."""
    far = max(0.1, 2 * (error or 0.0))
    return {severity(math.exp(true + move)) for move in np.linspace(-far, far, 9)}


def test_without_noise_nothing_is_found() -> None:
    """The same operations are clean where nothing draws, and the norms are counted."""
    for operation in OPERATIONS.values():
        findings = normdrop.check(Net(nn.Dropout(0.0), operation), (1, 6, 10))
        assert "ND101" not in findings.codes
        assert (findings.judged, findings.unknown) == (2, ())


def test_batches_are_measured_and_serve_as_the_example() -> None:
    """With batches no example is needed, and a trained model's shift is the measured one."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.5), nn.BatchNorm1d(32))
    batches = [torch.randn(64, 8) for _ in range(60)]
    for batch in batches:
        net(batch)
    (finding,) = [f for f in normdrop.check(net, batches=batches) if f.code == "ND101"]
    assert finding.method == "measured"
    assert finding.shift == pytest.approx(normdrop.measure(net, batches)["2"].shift)
    with pytest.raises(UsageError, match="pass a shape"):
        normdrop.check(net)


def _convolution(width: int) -> nn.Conv2d:
    return nn.Conv2d(width, 128, 3, padding=1, bias=False)


class Large(nn.Module):
    """A trained model whose statistics take minutes to invert."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            [_convolution(width), nn.BatchNorm2d(128), nn.ReLU(), nn.Dropout(0.3)]
            for width in (3, 128, 128)
        ]
        self.layers = nn.Sequential(*(each for block in layers for each in block))

    def forward(self, x: Tensor) -> Tensor:
        """All layers."""
        made: Tensor = self.layers(x)
        return made


@pytest.fixture(scope="module")
def large() -> tuple[Large, list[Tensor]]:
    """The model, and batches like those that its statistics are from."""
    torch.manual_seed(0)
    net = Large()
    batches = [functional.avg_pool2d(torch.randn(8, 3, 36, 36), 5, 1) * 3 for _ in range(3)]
    for norm in (net.layers[1], net.layers[5], net.layers[9]):
        assert isinstance(norm, nn.BatchNorm2d)
        norm.momentum = None
        nn.init.uniform_(norm.bias)
    with torch.no_grad():
        for batch in batches:
            net(batch)
    return net.eval(), batches


def test_a_large_trained_model_has_sizes(large: tuple[Large, list[Tensor]]) -> None:
    """Where inverting costs too much, a few inputs bound the shift, near the measured one."""
    net, batches = large
    measured = normdrop.measure(net, batches)
    found = normdrop.check(net, (3, 32, 32))
    assert [each.layers for each in found] == [
        ("layers.3", "layers.5"),
        ("layers.7", "layers.9"),
    ]
    for each in found:
        assert each.shift is not None
        assert each.error is not None
        assert each.method == "simulate"
        true = math.log(measured[each.layers[1]].shift)
        assert abs(math.log(each.shift) - true) < 0.1 + 2 * each.error


def test_reach_alone_runs_nothing(large: tuple[Large, list[Tensor]]) -> None:
    """`fast` names the same layers as a check in full, sizes nothing and runs no real tensor."""
    net, _ = large
    ran = []
    handle = net.register_forward_pre_hook(lambda _, args: ran.append(not args[0].is_meta))
    found = check_with(net, (3, 32, 32), selected(), fast=True)
    handle.remove()
    assert not any(ran)
    assert [(each.code, each.severity, each.shift) for each in found] == [
        ("ND101", "warning", None)
    ] * 2
    assert {each.path for each in found.unknown} == {"layers.5", "layers.9"}
    assert found.summary == (
        "2 findings in 1 norm layer; 2 could not be judged: layers.5, layers.9 (only its reach was "
        "asked for)"
    )


class _Trunk(nn.Module):
    """Noise at the end of every branch of a trunk that no norm interrupts."""

    def __init__(self, branches: int, rate: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(32, 32) for _ in range(branches)])
        self.noises = nn.ModuleList([nn.Dropout(rate) for _ in range(branches)])
        self.norm = nn.BatchNorm1d(32, momentum=None)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape (examples, 32)."""
        for layer, noise in zip(self.layers, self.noises, strict=True):
            x = x + noise(torch.relu(layer(x)))
        return self.norm(x)  # type: ignore[no-any-return]


TRUNKS = pytest.mark.parametrize(
    ("branches", "rate"), [(4, 0.1), (12, 0.1), (12, 0.3), (30, 0.05), (30, 0.2)]
)


def _brute_force(model: _Trunk) -> float:
    """Log Δ at the norm, over passes through a new model in both modes."""
    inputs, seen = torch.randn(8192, 32), list[float]()
    with torch.no_grad():
        model(inputs)
        model.norm.register_forward_pre_hook(
            lambda _, args: seen.append(float(args[0].var(0).mean()))
        )
        model.eval()(inputs)
    assert model.norm.running_var is not None
    return math.log(seen[0] / float(model.norm.running_var.mean()))


@TRUNKS
def test_many_small_noises_are_told_by_what_they_make_together(branches: int, rate: float) -> None:
    """`check` and `predict` name the shift that running shows, though each share is small."""
    torch.manual_seed(0)
    model = _Trunk(branches, rate)
    found = [each.shift for each in normdrop.check(model, (32,)) if each.code == "ND101"]
    predicted = normdrop.predict(model, (32,))["norm"].shift
    truth = _brute_force(model)
    assert math.log(min(each for each in found if each)) == pytest.approx(truth, abs=0.08)
    assert math.log(predicted) == pytest.approx(truth, abs=0.08)


@TRUNKS
def test_moments_through_additions_hold_the_truth_or_are_none(
    branches: int, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where running a model takes too long their error says how far they are off."""
    monkeypatch.setattr("normdrop.verbs._evidence.BUDGET", 0.0)
    torch.manual_seed(0)
    model = _Trunk(branches, rate)
    found = normdrop.check(model, (32,))
    worst = next(each for each in found if each.code == "ND101" and "norm" in each.layers)
    truth = _brute_force(model)
    if worst.shift is None:
        assert branches > 16
        assert worst.severity == "warning"
    else:
        assert worst.method == "moments"
        assert worst.error is not None
        assert abs(math.log(worst.shift) - truth) <= 2 * worst.error
