"""A script: imports every module of normdrop, then calls every verb, and prints those it called.

In a process of its own: libraries warn when they are imported, and what is imported stays.
"""

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import nn

import normdrop


def import_everything() -> None:
    """Import each module there is, but for those that start a program when they are imported."""
    for module in pkgutil.walk_packages(normdrop.__path__, "normdrop."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def calls(store: str) -> Mapping[str, Callable[[], object]]:
    """A call of each verb, which returns something true if the verb did what it says."""
    clean = nn.Sequential(nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU())
    norm = nn.BatchNorm1d(4)
    faulty = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 4), norm)
    rows = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(np.int64)
    batches = [torch.from_numpy(rows)]
    recipe = normdrop.Recipe(
        "own",
        ("with-dropout", "without"),
        network=partial(_network, faulty, clean),
        settings={"epochs": 1, "batch_size": 16, "learning_rate": 0.01},
    )
    data = normdrop.Dataset.of("rows", train=(rows, labels), test=(rows, labels))

    def draws_in_eval_mode() -> bool:
        faulty.eval()
        with normdrop.modes(faulty, dropout=True, norm="running"):
            return not torch.equal(faulty(batches[0]), faulty(batches[0]))

    def passes_the_clean() -> bool:
        normdrop.assert_clean(clean, (4,))
        return True

    def is_undone() -> bool:
        before = _variance(norm)
        with normdrop.recalibrated(faulty, batches):
            changed = not torch.equal(_variance(norm), before)
        return changed and torch.equal(_variance(norm), before)

    return {
        "assert_clean": passes_the_clean,
        "check": lambda: normdrop.check(faulty, (4,)),
        "predict": lambda: len(normdrop.predict(faulty, (4,))) == 1,
        "measure": lambda: len(normdrop.measure(faulty, batches)) == 1,
        "modes": draws_in_eval_mode,
        "recalibrated": is_undone,
        "view": lambda: normdrop.view(faulty, (4,)).noises,
        "doctor": lambda: normdrop.doctor(faulty, batches),
        "fix": lambda: normdrop.fix(faulty, (4,)).changes,
        "recalibrate": lambda: normdrop.recalibrate(faulty, batches),
        "compare": lambda: (
            len(normdrop.compare(recipe, data=data, seeds=1, store=store, progress=False)) == 2
        ),
    }


def _variance(norm: nn.BatchNorm1d) -> torch.Tensor:
    assert norm.running_var is not None
    return norm.running_var.clone()


def _network(faulty: nn.Module, clean: nn.Module, variant: str, *_: object) -> nn.Module:
    return nn.Sequential(faulty if variant == "with-dropout" else clean, nn.Linear(4, 2))


def main(store: str) -> None:
    """Print the verbs that did what they say."""
    warnings.simplefilter("ignore")  # of other libraries, at their import
    import_everything()
    sys.stdout.write(" ".join(verb for verb, call in calls(store).items() if call()))


if __name__ == "__main__":
    main(sys.argv[1])
