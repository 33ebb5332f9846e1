r"""Whether `check` and `predict` say of networks of public libraries what running them shows.

    pip install --no-deps --target FOLDER -r benchmarks/zoo/requirements.txt torch_geometric \
        braindecode speechbrain pytorch-tabnet efficientnet_pytorch vit-pytorch conformer \
        transformers einops mne mne_bids skorch scikit-learn scipy joblib threadpoolctl pooch \
        lazy_loader decorator hyperpyyaml ruamel.yaml h5py matplotlib xxhash tabulate
    python benchmarks/library_models.py --path FOLDER --results FILE [--half learn|judge]
        [--only LIBRARY...] [--limit SECONDS]

FOLDER holds the libraries (see zoo/noisy.py); the networks come in a seeded order, so that those
which were run are a fair draw from all. FILE keeps what was found, a line of JSON a network; what
is in it already is told and not run anew, so that a run which ended goes on. Every network is
built with its dropout on and without stored weights. Truth is brute force: train-mode passes over
pink noise with plain averages as running statistics, then eval-mode passes over the same, each norm
layer's input seen by a hook; and all that again with everything but the norms in eval mode, since
small batches shift norms, too, and what counts is the ratio of both. A norm layer is affected if
that lies beyond 0.95 or 1/0.95, clean within 1 ± 0.02; what lies between, or nearer to a bound than
two halves of the passes disagree by, counts neither way. It is found if ND1xx names it with
severity error or warning. Which half a network is of, a seeded draw over the names says: the first
is to learn from, the second to be judged once.

A line has, for each network: affected norm layers, of these found; clean ones, of these called
shifted; those with a predicted shift, of these in the right band of severity. Then `measure`,
`recalibrate`, `fix` and `doctor` are called, too; whatever ends in neither a result nor a line of
its own is told as a crash.
"""

import argparse
import hashlib
import json
import math
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

sys.path.insert(0, str(Path(__file__).parent))

from zoo.noisy import SOURCES, Noisy, every, stand_in

import normdrop
from normdrop.errors import NormdropError
from normdrop.torch._synthetic import positions, synthetic
from normdrop.values.severity import severity

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCHES, _COUNT = 3, 16
_AFFECTED, _CLEAN = 0.95, 0.02
_LONGEST = 150
"""Seconds that one network may take."""
_TOLD = 6
"""Lines of what is odd about a network, at the most."""


def half(name: str) -> str:
    """Which half a network is of."""
    return "learn" if hashlib.sha256(f"7 {name}".encode()).digest()[0] % 2 else "judge"


def _run(model: nn.Module, example: object, generator: torch.Generator) -> None:
    count = _COUNT if positions(example) > 1 else 16 * _COUNT
    args, kwargs = synthetic(example, count, generator, torch.device("cpu"))
    model(*args, **kwargs)


def brute_force(network: Noisy) -> dict[str, tuple[float, float]]:
    """Log Δ that noise makes at every norm layer, and how far two halves of the passes disagree."""
    torch.manual_seed(0)
    model = network.build()
    halves = []
    for seed in (1, 2):
        noisy, quiet = (_logs(model, network.example, seed, noise=on) for on in (True, False))
        halves.append({path: noisy[path] - quiet[path] for path in noisy.keys() & quiet.keys()})
    first, second = halves
    return {
        path: ((first[path] + second[path]) / 2, abs(first[path] - second[path]))
        for path in first.keys() & second.keys()
    }


def _logs(model: nn.Module, example: object, seed: int, *, noise: bool) -> dict[str, float]:
    """Log Δ at every norm layer, with the noise on or off while the norms learn."""
    norms = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, _NormBase) and module.running_var is not None
    }
    for norm in norms.values():
        norm.reset_running_stats()
        norm.momentum = None
    torch.manual_seed(seed)
    seen: dict[str, list[Tensor]] = {}

    def see(path: str) -> Any:  # noqa: ANN401 - a hook
        def hook(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
            axes = [axis for axis in range(args[0].ndim) if axis != 1]
            seen.setdefault(path, []).append(args[0].var(axes, correction=0))

        return hook

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        model.train(noise)
        for norm in norms.values():
            norm.train()
        for _ in range(_BATCHES):
            _run(model, example, generator)
        handles = [norm.register_forward_pre_hook(see(path)) for path, norm in norms.items()]
        model.eval()
        generator.manual_seed(seed)
        for _ in range(_BATCHES):
            _run(model, example, generator)
        for handle in handles:
            handle.remove()
    logs = {}
    for path, values in seen.items():
        stored = norms[path].running_var
        top, bottom = torch.stack(values).mean().item(), stored.mean().item()
        if top > 0 and bottom > 0:
            logs[path] = math.log(top / bottom)
    return logs


def outcome(network: Noisy) -> tuple[int, int, int, int, int, int, list[str]]:
    """Affected, found, clean, false alarms, layers predicted, of the same band; what is odd."""
    truth = brute_force(network)
    torch.manual_seed(0)
    model = network.build()
    odd: list[str] = []
    found: set[str] = set()
    predicted: dict[str, Any] = {}
    try:
        findings = normdrop.check(model, network.example)
        found = {
            path.partition(".batch_norm()")[0]  # a norm that its module calls as a function
            for each in findings
            if each.code.startswith("ND1") and each.severity != "note"
            for path in each.layers[1:]
        }
        predicted = {layer.path: layer for layer in normdrop.predict(model, network.example)}
        odd += [str(note) for note in findings.notes]
    except NormdropError as error:
        odd.append(f"refused: {error}")
    except TimeoutError:
        raise
    except Exception as error:  # noqa: BLE001 - what is looked for
        odd.append(f"CRASHED: {type(error).__name__}: {error}")
    bound = -math.log(_AFFECTED)
    affected = {p for p, (log, apart) in truth.items() if abs(log) - apart > bound}
    clean = {p for p, (log, apart) in truth.items() if abs(log) + apart <= _CLEAN}
    missed, false = affected - found, clean & found
    odd += [f"missed {p} at {math.exp(truth[p][0]):.3f}" for p in sorted(missed)[:3]]
    odd += [f"false {p} at {math.exp(truth[p][0]):.3f}" for p in sorted(false)[:3]]
    known = [p for p in truth if p in predicted and not predicted[p].unknown]
    same = 0
    for path in known:
        log, apart = truth[path]
        near = max(0.05, apart + 2 * (predicted[path].error or 0.0))
        bands = {severity(math.exp(log + move)) for move in (-near, 0.0, near)}
        same += predicted[path].severity in bands
        if predicted[path].severity not in bands and len(odd) < _TOLD:
            odd.append(f"predicted {path} {predicted[path].shift:.3f}, is {math.exp(log):.3f}")
    return (
        *(len(affected), len(affected - missed), len(clean), len(false), len(known), same),
        odd,
    )


def crashes(network: Noisy) -> list[str]:
    """What the other verbs end in, where that is neither a result nor a line of their own."""
    torch.manual_seed(0)
    model = network.build()
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(2):
        args, kwargs = synthetic(network.example, _COUNT, generator, torch.device("cpu"))
        batches.append(kwargs or (args[0] if len(args) == 1 else args))
    verbs: dict[str, Callable[[], object]] = {
        "measure": lambda: normdrop.measure(model, batches),
        "recalibrate": lambda: normdrop.recalibrate(model, batches).undo(),
        "fix": lambda: normdrop.fix(model, network.example),
        "doctor": lambda: normdrop.doctor(model, batches),
    }
    odd = []
    for name, verb in verbs.items():
        try:
            verb()
        except NormdropError as error:
            odd.append(f"{name}: {str(error).partition(chr(10))[0]}")
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - what is looked for
            odd.append(f"{name} CRASHED: {type(error).__name__}: {error}")
    return odd


def _examined(network: Noisy) -> dict[str, Any]:
    """What is found with a network, or why it was not run."""
    began = time.monotonic()
    signal.alarm(_LONGEST)
    try:
        *counts, odd = outcome(network)
        odd += crashes(network)
    except Exception as error:  # noqa: BLE001 - a library that is not what was expected
        text = str(error).partition("\n")[0]
        counts, odd = [], [f"not run: {type(error).__name__}: {text[:120]}"]
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - began
    return {"name": network.name, "counts": counts, "odd": odd, "seconds": round(seconds, 1)}


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"more than {_LONGEST} s")


def main() -> None:
    """Print one line a network, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="", help="folder that the libraries are installed in")
    parser.add_argument("--results", type=Path, required=True, help="file to go on with")
    parser.add_argument("--half", choices=("learn", "judge"))
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=())
    parser.add_argument("--limit", type=float, default=540, help="seconds")
    arguments = parser.parse_args()
    if arguments.path:
        sys.path.append(arguments.path)
    stand_in()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    lines = arguments.results.read_text("utf-8").splitlines() if arguments.results.exists() else []
    known = {each["name"]: each for each in map(json.loads, lines)}
    start = time.monotonic()
    networks = sorted(every(arguments.only), key=lambda each: _draw(each.name))
    told = []
    for network in networks:
        if arguments.half and half(network.name) != arguments.half:
            continue
        found = known.get(network.name)
        if found is None and time.monotonic() - start < arguments.limit:
            found = _examined(network)
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
        if found is not None:
            told.append(found)
            counts = " ".join(f"{count:4}" for count in found["counts"])
            print(f"{found['name']:45} {counts} {found['seconds']:5.1f} s", flush=True)
            for each in found["odd"]:
                print(f"    {each[:160]}", flush=True)
    _sum_up([each for each in told if each["counts"]], len(told))


def _draw(name: str) -> bytes:
    """Where a network comes in the order of running."""
    return hashlib.sha256(f"order {name}".encode()).digest()


def _sum_up(run: list[dict[str, Any]], tried: int) -> None:
    totals = [sum(values) for values in zip(*(each["counts"] for each in run), strict=True)]
    affected, found, clean, false, known, same = totals or [0] * 6
    crashed = sum("CRASHED" in line for each in run for line in each["odd"])
    print(
        f"{len(run)} of {tried} networks; affected norm layers {affected}, found {found}; clean "
        f"{clean}, false alarms {false}; predicted {known}, in the right band {same}; verbs that "
        f"crashed {crashed}"
    )


if __name__ == "__main__":
    main()
