"""Carried moments against brute force: train-mode passes, then eval mode with their statistics."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from normdrop.shifts.moments import expected_shifts
from normdrop.shifts.report import LayerShift
from normdrop.torch.capture import capture

IMAGE = (3, 12, 12)


class Residual(nn.Module):
    """A trunk and a branch that is added to it."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """X + branch(x)."""
        total: Tensor = x + self.branch(x)
        return total


class Beside(Residual):
    """A trunk and a branch that is concatenated to it."""

    def forward(self, x: Tensor) -> Tensor:
        """X and branch(x), side by side."""
        return torch.cat([x, self.branch(x)], dim=1)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 1)
        self.excite = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """X times a gate of its averages."""
        pooled = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))


class Swish(nn.Module):
    """SiLU as it is written by hand."""

    def forward(self, x: Tensor) -> Tensor:
        """X sigmoid(x)."""
        return x * torch.sigmoid(x)


class StochasticDepth(nn.Module):
    """Drops whole samples at rate 0.4."""

    def forward(self, x: Tensor) -> Tensor:
        """One draw a sample."""
        if not self.training:
            return x
        mask = torch.floor(0.6 + torch.rand((x.shape[0], 1, 1, 1)))
        return x / 0.6 * mask


def _block(*middle: nn.Module, width: int = 24) -> nn.Sequential:
    """conv-BN, what is between, conv-BN."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        *middle,
        nn.Conv2d(width, width, 3, padding=1),
        nn.BatchNorm2d(width),
    )


def _conv(width: int = 24) -> nn.Module:
    return nn.Conv2d(width, width, 3, padding=1, bias=False)


def _vectors(*middle: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(40, 96),
        *middle,
        nn.BatchNorm1d(96),
        nn.ELU(),
        nn.Linear(96, 64),
        nn.BatchNorm1d(64),
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "act-drop": (lambda: _block(nn.ReLU(), nn.Dropout(0.5)), IMAGE),
    "drop-act": (lambda: _block(nn.Dropout(0.5), nn.GELU()), IMAGE),
    "drop before the norm": (
        lambda: nn.Sequential(*_block(nn.SiLU()), nn.Dropout(0.3), nn.BatchNorm2d(24)),
        IMAGE,
    ),
    "drop-norm-act": (
        lambda: _block(nn.Dropout(0.6), nn.BatchNorm2d(24), nn.ReLU()),
        IMAGE,
    ),
    "channel-wise": (lambda: _block(nn.ELU(), nn.Dropout2d(0.4)), IMAGE),
    "channel-wise, max pool": (
        lambda: _block(nn.ReLU(), nn.Dropout2d(0.4), nn.MaxPool2d(2)),
        IMAGE,
    ),
    "max pool behind the noise": (
        lambda: _block(nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(2)),
        IMAGE,
    ),
    "max pool before the noise": (
        lambda: _block(nn.Tanh(), nn.MaxPool2d(3, 2, 1), nn.Dropout(0.5)),
        IMAGE,
    ),
    "average pool": (lambda: _block(nn.ReLU(), nn.Dropout(0.5), nn.AvgPool2d(2)), IMAGE),
    "alpha dropout": (lambda: _block(nn.Sigmoid(), nn.AlphaDropout(0.3)), IMAGE),
    "pre-activation": (
        lambda: _block(
            Residual(
                nn.Sequential(_conv(), nn.BatchNorm2d(24), nn.ReLU(), nn.Dropout(0.5), _conv())
            )
        ),
        IMAGE,
    ),
    "post-activation": (
        lambda: _block(
            nn.ReLU(),
            Residual(nn.Sequential(_conv(), nn.BatchNorm2d(24), nn.Dropout(0.4))),
            nn.ReLU(),
        ),
        IMAGE,
    ),
    "stochastic depth": (
        lambda: _block(
            Residual(nn.Sequential(nn.ReLU(), _conv(), nn.BatchNorm2d(24), StochasticDepth()))
        ),
        IMAGE,
    ),
    "dense": (
        lambda: _block(
            Beside(nn.Sequential(nn.ReLU(), _conv(), nn.Dropout(0.5))), nn.Conv2d(48, 24, 1)
        ),
        IMAGE,
    ),
    "gate": (lambda: _block(nn.ReLU(), Gate(24), nn.Dropout(0.5)), IMAGE),
    "swish by hand": (lambda: _block(Swish(), nn.Dropout(0.5)), IMAGE),
    "depthwise": (
        lambda: _block(nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(24, 24, 3, padding=1, groups=24)),
        IMAGE,
    ),
    "transposed": (
        lambda: _block(nn.ReLU(), nn.Dropout(0.5), nn.ConvTranspose2d(24, 24, 2, stride=2)),
        IMAGE,
    ),
    "bilinear": (
        lambda: _block(nn.ReLU(), nn.Dropout(0.5), nn.Upsample(scale_factor=2, mode="bilinear")),
        IMAGE,
    ),
    "layer norm between": (lambda: _block(nn.ReLU(), nn.GroupNorm(1, 24), nn.Dropout(0.5)), IMAGE),
    "strided sequence": (
        lambda: nn.Sequential(
            nn.Conv1d(16, 24, 5, stride=2, padding=2),
            nn.BatchNorm1d(24),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv1d(24, 24, 3, padding=1),
            nn.BatchNorm1d(24),
        ),
        (16, 40),
    ),
    "volume": (
        lambda: nn.Sequential(
            nn.Conv3d(2, 16, 3, padding=1),
            nn.BatchNorm3d(16),
            nn.ReLU(),
            nn.Dropout3d(0.3),
            nn.Conv3d(16, 16, 3, padding=1),
            nn.BatchNorm3d(16),
        ),
        (2, 6, 6, 6),
    ),
    "perceptron": (lambda: _vectors(nn.Dropout(0.5)), (40,)),
    "flattened": (
        lambda: nn.Sequential(
            *_block(nn.ReLU(), nn.Dropout(0.5)),
            nn.ReLU(),
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(24 * 9, 64),
            nn.BatchNorm1d(64),
        ),
        IMAGE,
    ),
    "pooled head": (
        lambda: nn.Sequential(
            *_block(nn.ReLU()),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(24, 64),
            nn.BatchNorm1d(64),
        ),
        IMAGE,
    ),
}


def _batch_norms(model: nn.Module) -> dict[str, nn.Module]:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return {path: module for path, module in model.named_modules() if isinstance(module, kinds)}


@torch.no_grad()
def _measured(model: nn.Module, shape: tuple[int, ...]) -> dict[str, float]:
    """Eval variance over train variance, with the train statistics installed for eval mode."""
    seen: dict[str, list[Tensor]] = {}
    norms = _batch_norms(model)
    for path, norm in norms.items():

        def watch(_: nn.Module, inputs: tuple[Tensor, ...], path: str = path) -> None:
            x = inputs[0].double().transpose(0, 1).flatten(1)
            seen.setdefault(path, []).append(torch.stack([x.mean(1), x.var(1, correction=0)]))

        norm.register_forward_pre_hook(watch)
    size = 1024 if len(shape) == 1 else 64
    batches = [torch.randn(size, *shape) for _ in range(6)]
    variances = []
    for training in (True, False):
        seen.clear()
        model.train(training)
        for batch in batches:
            model(batch)
        average = {path: torch.stack(values).mean(0) for path, values in seen.items()}
        variances.append({path: float(value[1].mean()) for path, value in average.items()})
        if training:
            for path, norm in norms.items():
                norm.get_buffer("running_mean").copy_(average[path][0])
                norm.get_buffer("running_var").copy_(average[path][1])
    return {path: variances[1][path] / variances[0][path] for path in norms}


@pytest.mark.parametrize("name", NETWORKS)
def test_against_brute_force(name: str) -> None:
    """Every norm layer of one draw of fresh weights, to 12 % of Δ.

    The measurement's own standard error is below 1 %; the rest is what one draw of 24 channels'
    weights leaves of correlations that cancel on average.
    """
    make, shape = NETWORKS[name]
    torch.manual_seed(11)
    model = make()
    predicted = {layer.path: layer for layer in expected_shifts(capture(model, shape))}
    measured = _measured(model, shape)
    assert predicted.keys() == measured.keys()
    assert min(measured.values()) < 0.98
    for path, truth in measured.items():
        assert not predicted[path].unknown
        assert abs(math.log(predicted[path].shift / truth)) < 0.12, (path, truth)


def _shifts(model: nn.Module, shape: tuple[int, ...], *, blame: bool = True) -> list[LayerShift]:
    return expected_shifts(capture(model, shape), blame=blame)


def test_without_noise_nothing_shifts() -> None:
    """Train and eval mode agree to rounding when nothing is drawn."""
    layers = _shifts(_block(nn.ReLU(), nn.Dropout(0.0), nn.MaxPool2d(2)), IMAGE)
    assert [layer.shift for layer in layers] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert all(not layer.causes for layer in layers)


def test_dropout_directly_before_a_norm_is_the_closed_form() -> None:
    """With a centred input the shift is 1 − rate in every channel."""
    layer = _shifts(nn.Sequential(nn.Dropout(0.3), nn.BatchNorm1d(8)), (8,))[0]
    assert layer.shift_per_channel == pytest.approx([0.7] * 8, abs=1e-6)
    assert layer.mean_shift == pytest.approx(0.0, abs=1e-9)


def test_causes_are_what_leaving_a_noise_out_changes() -> None:
    """Shares are the changes of log Δ without each noise layer, as models without them show."""

    def model(first: float, second: float) -> nn.Module:
        torch.manual_seed(3)
        return _block(nn.ReLU(), nn.Dropout(first), _conv(), nn.ReLU(), nn.Dropout(second))

    layer = _shifts(model(0.2, 0.5), IMAGE)[1]
    logs = {
        path: math.log(_shifts(model(*rates), IMAGE)[1].shift / layer.shift)
        for path, rates in {"3": (0.0, 0.5), "6": (0.2, 0.0)}.items()
        if path in {"3", "6"}
    }
    total = sum(logs.values())
    assert sum(layer.causes.values()) == pytest.approx(1)
    ordered = [layer.causes[path] for path in sorted(layer.causes)]
    assert ordered == pytest.approx([logs["3"] / total, logs["6"] / total], abs=1e-3)


def test_causes_do_not_change_the_prediction() -> None:
    """More scenarios in one walk leave the first pair as it is."""
    torch.manual_seed(4)
    model = _block(nn.ReLU(), nn.Dropout(0.2), Residual(_conv()), nn.Dropout(0.5))
    with_causes, without = (_shifts(model, IMAGE, blame=blame) for blame in (True, False))
    assert [a.shift for a in with_causes] == pytest.approx([b.shift for b in without], rel=1e-6)
    assert not without[1].causes


def test_an_operation_that_is_not_followed_is_said() -> None:
    """Unknown up to and including the next norm layer, and known again behind it."""

    class Running(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.cumsum(dim=1)

    model = nn.Sequential(
        nn.Linear(8, 16),
        nn.Dropout(0.5),
        Running(),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(16, 16),
        nn.BatchNorm1d(16),
    )
    blind, known = _shifts(model, (8,))
    assert "cumsum" in blind.unknown
    assert math.isnan(blind.shift)
    assert not known.unknown
    assert 0.3 < known.shift < 0.7


def test_rescaling_in_eval_mode_alone_is_not_guessed() -> None:
    """A dropout that rescales in eval mode instead of train mode makes the next norm unknown."""

    class Uninverted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                return x * (torch.rand_like(x) < 0.5)
            return x * 0.5

    layer = _shifts(nn.Sequential(nn.Linear(8, 16), Uninverted(), nn.BatchNorm1d(16)), (8,))[0]
    assert layer.unknown or layer.shift == pytest.approx(0.5, abs=0.05)


def test_a_layer_called_twice_is_one_layer() -> None:
    """Statistics of both calls are averaged, as the running ones are."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(8)
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            total: Tensor = self.norm(self.drop(x)) + self.norm(x)
            return total

    layers = _shifts(Twice(), (8,))
    assert [layer.path for layer in layers] == ["norm"]
    assert layers[0].shift == pytest.approx(2 / 3, abs=1e-4)
