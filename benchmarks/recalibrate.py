"""`recalibrate` beside fvcore's `update_bn_stats` and torch's `update_bn` on the same batches.

First the processor time of each on one thread, in ours; then how far each layer's stored statistics
are from the float64 statistics of all that reached it in the pass; then what each of the three
leaves behind on a model with dropout: the shift that stays at each norm layer, and the loss. fvcore
is installed on the first run, beside the environment, in `.peers/fvcore`.
"""

import copy
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from _teams import HERE, PEERS
from measure import convolutions, perceptron
from predict_speed import resnet18
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

import normdrop
from normdrop.lab.data import load
from normdrop.lab.examples import Examples

Batches = list[tuple[Tensor, Tensor]]
Peer = Callable[[nn.Module, list[Tensor]], object]

_ROUNDS = 5
_FVCORE = PEERS / "fvcore"
_PACKAGES = ("fvcore", "iopath", "portalocker", "tabulate", "termcolor", "yacs", "pyyaml", "tqdm")


def _fvcore() -> Callable[..., object]:
    """Fvcore's function, installed without its dependencies on other frameworks."""
    if not _FVCORE.is_dir():
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
        pinned = ("--constraint", HERE / "peers.txt", "--target", _FVCORE)
        subprocess.run([*pip, *pinned, *_PACKAGES], check=True)
    sys.path.insert(0, str(_FVCORE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn.precise_bn import update_bn_stats

    return update_bn_stats  # type: ignore[no-any-return] # it publishes no types


def peers() -> dict[str, Peer]:
    """The three by name."""
    precise = _fvcore()
    return {
        "recalibrate": normdrop.recalibrate,
        "recalibrate, exact": lambda model, batches: normdrop.recalibrate(
            model, batches, method="exact"
        ),
        "update_bn_stats": lambda model, batches: precise(model.train(), batches, len(batches)),
        "update_bn": lambda model, batches: update_bn(batches, model.train()),
    }


def times(make: Callable[[], nn.Module], batches: list[Tensor]) -> dict[str, float]:
    """Processor seconds of each, medians of rounds in which they take turns."""
    model = make()
    works = {name: work for name, work in peers().items() if "exact" not in name}
    for work in works.values():
        work(model, batches[:2])
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_ROUNDS):
        for name, work in works.items():
            start = time.process_time()
            work(model, batches)
            found[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in found.items()}


def reached(model: nn.Module, batches: list[Tensor]) -> dict[str, np.ndarray]:
    """All values that reach each norm in a pass by batch statistics, dropout off, in float64."""
    model = copy.deepcopy(model).double().eval()
    kept: dict[str, list[Tensor]] = {}
    for path, norm in model.named_modules():
        if isinstance(norm, _BatchNorm):
            norm.train()
            kept[path] = []
            norm.register_forward_pre_hook(lambda _, args, path=path: kept[path].append(args[0]))
    with torch.no_grad():
        for batch in batches:
            model(batch.double())
    return {
        path: torch.cat([x.transpose(0, 1).flatten(1) for x in values], 1).T.numpy()
        for path, values in kept.items()
    }


def accuracy(model: nn.Module, batches: list[Tensor]) -> tuple[float, float]:
    """Worst relative error of a variance, and worst error of a mean in deviations."""
    expected = reached(model, batches)
    normdrop.recalibrate(model, batches)
    variance, mean = 0.0, 0.0
    for path, values in expected.items():
        norm = model.get_submodule(path)
        spread = values.var(0)
        off = np.abs(norm.get_buffer("running_var").numpy() - spread) / spread
        far = np.abs(norm.get_buffer("running_mean").numpy() - values.mean(0)) / np.sqrt(spread)
        variance, mean = max(variance, off.max()), max(mean, far.max())
    return variance, mean


def left_behind() -> list[str]:
    """A network with dropout before norms, trained on digits, after each of the three."""
    digits = Examples.of(load("digits").train, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    model = _trained(digits, generator)
    batches: Batches = list(digits.shuffled_batches(128, generator))
    lines = []
    for name, work in {"as trained": lambda _, __: None, **peers()}.items():
        one = copy.deepcopy(model)
        work(one, [x for x, _ in batches])
        one.eval()
        report = normdrop.measure(one, batches)
        shifts = "  ".join(f"{report[path].shift:6.3f}" for path in ("2", "6", "10"))
        with torch.no_grad():
            loss = sum(functional.cross_entropy(one(x), y, reduction="sum") for x, y in batches)
        lines.append(f"{name:20s} {shifts}   {float(loss) / len(digits):.4f}")
    return lines


def _trained(digits: Examples, generator: torch.Generator) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs in (1, 32, 32):
        convolution = nn.Conv2d(inputs, 32, 3, padding=1, bias=False)
        layers += [convolution, nn.Dropout(0.5), nn.BatchNorm2d(32), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(8):
        for x, y in digits.shuffled_batches(64, generator):
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(x), y))
            optimizer.step()
    return model


def main() -> None:
    """Print the three tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"processor time ÷ recalibrate's, median of {_ROUNDS}, one thread; the target is >= 1")
    cases: tuple[tuple[str, Callable[[], nn.Module], tuple[int, ...], int], ...] = (
        ("perceptron of 64, batches of 32", lambda: perceptron(64), (32, 32), 100),
        ("4 convolutions of 16, 8 of 16×16", lambda: convolutions(16, 4), (8, 3, 16, 16), 40),
        ("4 convolutions of 32, 32 of 32×32", lambda: convolutions(32, 4), (32, 3, 32, 32), 6),
        ("ResNet-18, 16 of 64×64", resnet18, (16, 3, 64, 64), 4),
    )
    for name, make, shape, count in cases:
        found = times(make, [torch.randn(shape) for _ in range(count)])
        ours = found.pop("recalibrate")
        ratios = "  ".join(f"{peer} {seconds / ours:.2f}" for peer, seconds in found.items())
        print(f"{name:35s} {ratios}", flush=True)
    print("\nworst error of stored statistics against float64; the target is 1e-4")
    for name, make, shape, count in cases:
        batches = [3 + torch.randn(shape) for _ in range(count)]
        variance, mean = accuracy(make(), batches)
        print(f"{name:35s} variance {variance:.0e}  mean {mean:.0e} deviations", flush=True)
    print("\nwhat each leaves behind: shift at the three norm layers, loss in eval mode")
    print("\n".join(left_behind()))


if __name__ == "__main__":
    main()
