"""What `normdrop fix` makes of faulty networks: an outcome for each fault, and what it costs then.

    python benchmarks/repair.py [--count N] [--seed N] [--minutes N]

Networks of many kinds are generated with dropout at random places, in torch and in Keras, fresh and
trained for a few steps, and mended. The cost is measured by running them: the statistics are stored
as training stores them, with dropout on, and the outputs in evaluation are held against those with
statistics that `recalibrate` estimates with dropout off. It is the norm of the difference as a
share of that of the outputs, and the share of answers that change. A repair harms if the first is
larger afterwards by more than a twentieth and by more than 0.01.
"""

# ruff: noqa: ANN401, PLR2004 - models of two frameworks have no type; the shares are those of the generated kinds

import argparse
import copy
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import normdrop

_CLASSES, _SIDE, _BATCH, _PASSES = 5, 12, 64, 6
_FAULTS = ("ND101", "ND102", "ND103", "ND104", "ND105", "ND106")


class Residual(nn.Module):
    """A residual block with dropout at one of four places of its branch, or none."""

    def __init__(self, width: int, rate: float, place: int, *, post: bool) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.drop, self.place, self.post = nn.Dropout(rate), place, post
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The sum of trunk and branch."""
        steps = (
            [self.conv1, self.bn1, self.relu1, self.conv2, self.bn2]
            if self.post
            else [self.bn1, self.relu1, self.conv1, self.bn2, self.relu2, self.conv2]
        )
        y = x
        for number, step in enumerate(steps):
            if number == self.place:
                y = self.drop(y)
            y = step(y)
        return self.relu2(x + y) if self.post else x + y


def perceptron(source: random.Random) -> nn.Module:
    """Dense layers with dropout anywhere between them."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = 3 * _SIDE * _SIDE
    for _ in range(source.randint(2, 4)):
        layers += [nn.Linear(width, 48, bias=source.random() < 0.5), *_steps(source, 1)]
        width = 48
    return nn.Sequential(*layers, nn.Linear(width, _CLASSES))


def convolutional(source: random.Random) -> nn.Module:
    """Convolutions with dropout anywhere between them, and a head."""
    layers: list[nn.Module] = []
    width = 3
    for _ in range(source.randint(2, 5)):
        layers += [nn.Conv2d(width, 16, 3, padding=1), *_steps(source, 2)]
        width = 16
    head = [nn.Dropout(0.5)] if source.random() < 0.3 else []
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head, nn.Linear(width, _CLASSES)
    )


def residual(source: random.Random) -> nn.Module:
    """Residual blocks of one style."""
    post, place = source.random() < 0.5, source.randint(0, 5)
    rate = source.choice((0.1, 0.2, 0.3, 0.5))
    blocks = [Residual(16, rate, place, post=post) for _ in range(source.randint(1, 4))]
    end = [] if post else [nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks),
        *(*end, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, _CLASSES)),
    )


class Forward(nn.Module):
    """Layers that are called one by one, as a `forward` does, with functions between them."""

    def __init__(self, source: random.Random) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(16), nn.BatchNorm2d(16)
        self.drop1, self.drop2 = nn.Dropout(source.choice((0.2, 0.5))), nn.Dropout2d(0.2)
        self.fc = nn.Linear(16, _CLASSES)
        self.early = source.random() < 0.5

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.conv1(x)
        x = self.bn1(self.drop1(x)) if self.early else self.drop1(self.bn1(x))
        x = self.conv2(functional.relu(x))
        x = functional.relu(self.bn2(self.drop2(x)))
        y: Tensor = self.fc(x.mean((2, 3)))
        return y


def _steps(source: random.Random, axes: int) -> list[nn.Module]:
    norm = nn.BatchNorm1d(48) if axes == 1 else nn.BatchNorm2d(16)
    steps: list[nn.Module] = [norm, source.choice((nn.ReLU, nn.Tanh, nn.LeakyReLU))()]
    if source.random() < 0.3:
        steps.reverse()
    if source.random() < 0.8:
        kinds = (
            (nn.Dropout, nn.Dropout, nn.AlphaDropout) if axes == 1 else (nn.Dropout, nn.Dropout2d)
        )
        steps.insert(source.randint(0, 2), source.choice(kinds)(source.choice((0.1, 0.25, 0.5))))
    return steps


def keras_sequential(source: random.Random) -> Any:
    """A Keras model, layer behind layer."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((_SIDE, _SIDE, 3))])
    for _ in range(source.randint(2, 3)):
        steps = [layers.BatchNormalization(), layers.ReLU()]
        if source.random() < 0.3:
            steps.reverse()
        if source.random() < 0.8:
            steps.insert(source.randint(0, 2), layers.Dropout(source.choice((0.1, 0.25, 0.5))))
        for layer in (layers.Conv2D(16, 3, padding="same"), *steps):
            model.add(layer)
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(_CLASSES))
    return model


def keras_residual(source: random.Random) -> Any:
    """A Keras model with residual blocks."""
    layers = keras.layers
    given = keras.Input((_SIDE, _SIDE, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(given)
    place = source.randint(0, 4)
    for _ in range(source.randint(1, 3)):
        y = x
        steps = [
            *(layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(16, 3, padding="same")),
            *(layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(16, 3, padding="same")),
        ]
        steps.insert(place, layers.Dropout(source.choice((0.2, 0.4))))
        for step in steps:
            y = step(y)
        x = layers.Add()([x, y])
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(given, layers.Dense(_CLASSES)(layers.GlobalAveragePooling2D()(x)))


_KINDS: dict[str, Callable[[random.Random], Any]] = {
    "torch perceptron": perceptron,
    "torch convolutional": convolutional,
    "torch residual": residual,
    "torch forward": Forward,
    "keras sequential": keras_sequential,
    "keras residual": keras_residual,
}


def pictures(source: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth pictures of some classes, channels last."""
    labels = source.integers(0, _CLASSES, count)
    centres = np.random.default_rng(1).normal(size=(_CLASSES, 4, 4, 3))
    coarse = centres[labels] + source.normal(size=(count, 4, 4, 3))
    fine = np.kron(coarse, np.ones((1, _SIDE // 4, _SIDE // 4, 1)))
    return (fine + 0.3 * source.normal(size=fine.shape)).astype("float32"), labels


def _given(model: Any, x: np.ndarray) -> Any:
    if isinstance(model, keras.Model):
        return torch.from_numpy(x)
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


def trained(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """A few steps of Adam."""
    given, wanted = _given(model, x), torch.from_numpy(y)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    model.train()
    for start in range(0, len(x), _BATCH):
        rows = slice(start, start + _BATCH)
        optimizer.zero_grad()
        outputs = _run(model, given[rows], train=True)
        functional.cross_entropy(outputs, wanted[rows]).backward()  # type: ignore[no-untyped-call] # torch types no backward
        optimizer.step()
    return model


def _run(model: Any, x: Any, *, train: bool) -> Tensor:
    if isinstance(model, keras.Model):
        outputs: Tensor = model(x, training=train)
        return outputs
    model.train(train)
    result: Tensor = model(x)
    return result


def cost(model: Any, x: np.ndarray, seed: int) -> tuple[float, float]:
    """How far outputs are off with stored statistics, and the share of answers that change."""
    torch.manual_seed(seed)
    keras.utils.set_random_seed(seed)
    given = _given(model, x)
    with torch.no_grad():
        starts = [start for _ in range(_PASSES) for start in range(0, len(x), _BATCH)]
        for number, start in enumerate(starts, start=1):
            _average(model, 1 / number)
            _run(model, given[start : start + _BATCH], train=True)
        stored = _run(model, given, train=False)
        batches = [given[start : start + _BATCH] for start in range(0, len(x), _BATCH)]
        normdrop.recalibrate(model, batches)
        right = _run(model, given, train=False)
    off = (stored - right).norm() / (right - right.mean(0)).norm()
    changed = (stored.argmax(1) != right.argmax(1)).double().mean()
    return float(off), float(changed)


def _average(model: Any, weight: float) -> None:
    """Have the next batch count this much in the stored statistics: of all alike, once settled."""
    if isinstance(model, keras.Model):
        for layer in model._flatten_layers():  # noqa: SLF001 - no public walk of all layers
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 1 - weight
        return
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = weight


@dataclass(frozen=True)
class Outcome:
    """What became of one network."""

    kind: str
    trained: bool
    faults: int
    silent: int
    moves: Counter[str]
    kept_outputs: bool
    before: tuple[float, float]
    after: tuple[float, float]
    seconds: float

    @property
    def harms(self) -> bool:
        """Whether it costs more than before."""
        grown = self.after[0] - self.before[0]
        return grown > 0.01 and grown > 0.05 * self.before[0]


def outcome(kind: str, seed: int, *, train: bool) -> Outcome | None:
    """Make a network, mend it, measure both; None where `check` finds no fault."""
    torch.manual_seed(seed)
    keras.utils.set_random_seed(seed)
    model = _KINDS[kind](random.Random(seed))  # noqa: S311 - a choice of networks, no secret
    shape = (_SIDE, _SIDE, 3) if kind.startswith("keras") else (3, _SIDE, _SIDE)
    x, _ = pictures(np.random.default_rng(seed), 3 * _BATCH)
    if train:
        many, labels = pictures(np.random.default_rng(seed), 40 * _BATCH)
        trained(model, many, labels)
    found = [
        each
        for each in normdrop.check(model, shape)
        if each.code in _FAULTS and each.severity == "error"
    ]
    if not found:
        return None
    started = time.perf_counter()
    mended = normdrop.fix(model, shape)
    seconds = time.perf_counter() - started
    given = _given(model, x)
    with torch.no_grad():
        was, is_now = (_run(each, given, train=False) for each in (model, mended.model))
    scale = float(was.abs().max())
    keys = _keys(model) == _keys(mended.model)
    same = bool(torch.allclose(was, is_now, atol=1e-4 * scale)) and keys
    done = {each.layer for each in mended.changes}
    told = " ".join(mended.advice)
    silent = [each for each in found if each.layers[0] not in done and each.layers[0] not in told]
    moves = Counter(_move(each.what) for each in mended.changes if each.code == "ND101")
    before = cost(_copied(model), x, seed)
    after = cost(_copied(mended.model), x, seed)
    same &= type(mended.model) is type(model)
    return Outcome(kind, train, len(found), len(silent), moves, same, before, after, seconds)


def _move(what: str) -> str:
    if "moved" not in what:
        return "uniform"
    return "head" if "to the head" in what else "branch"


def _keys(model: Any) -> list[str]:
    if isinstance(model, keras.Model):
        return [weight.path for weight in model.weights]
    return list(model.state_dict())


def _copied(model: Any) -> Any:
    if not isinstance(model, keras.Model):
        return copy.deepcopy(model)
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied


def outcomes(count: int, seed: int) -> Iterator[Outcome]:
    """As many faulty networks as asked for, each kind in turn, every third one trained."""
    found = number = 0
    while found < count:
        kind = list(_KINDS)[number % len(_KINDS)]
        result = outcome(kind, seed + number, train=number // len(_KINDS) % 3 == 2)
        number += 1
        if result is not None:
            found += 1
            yield result


def main() -> None:
    """Mend many networks and print what became of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: list[Outcome] = []
    started = time.monotonic()
    for each in outcomes(given.count, given.seed):
        found.append(each)
        if time.monotonic() - started > 60 * given.minutes:
            break
        if each.harms or each.silent or not each.kept_outputs:
            print(f"  {each}", flush=True)
    print(f"{len(found)} networks, {sum(each.faults for each in found)} errors")
    print(f"{'kind':22}{'state':9}{'nets':>5}{'off before':>12}{'after':>8}{'left':>8}{'s':>6}")
    for kind in _KINDS:
        for train in (False, True):
            part = [each for each in found if (each.kind, each.trained) == (kind, train)]
            if part:
                _print_row(kind, "trained" if train else "fresh", part)
    _print_row("all", "", found)
    moves = sum((each.moves for each in found), Counter[str]())
    print(f"what became of dropout: {dict(moves)}")
    print(f"networks with a fault nothing was said of: {sum(map(bool, (e.silent for e in found)))}")
    print(f"outputs, class or keys changed: {sum(not each.kept_outputs for each in found)}")
    print(f"cost raised: {sum(each.harms for each in found)}")


def _print_row(kind: str, state: str, part: list[Outcome]) -> None:
    before = statistics.median(each.before[0] for each in part)
    after = statistics.median(each.after[0] for each in part)
    left = statistics.median(each.after[0] / max(each.before[0], 1e-9) for each in part)
    seconds = statistics.median(each.seconds for each in part)
    print(
        f"{kind:22}{state:9}{len(part):5}{before:12.3f}{after:8.3f}{left:8.0%}{seconds:6.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
