"""How long a capture takes and how much memory, against torch.fx and torch.export.

Each measurement is a fresh process of one thread: it builds the model, then times the first call
and five more, of which the median stands under "later". `capture` yields two graphs, train and
eval; torch.fx and torch.export yield one. Times are of the process, so that other work on the
machine does not count. Memory is the growth of the process's peak resident size over what it was
with the model built, in the first call, what that call imports included.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIMITS = {"ResNet-50": 0.5, "DenseNet-201": 2.0}
MEMORY_LIMIT = 50.0
REPEATS = 5


def tools() -> dict[str, Callable[[object], object]]:
    """What is compared: each takes a model."""
    import torch
    from torch import fx

    from normdrop.torch.capture import capture

    def exported(model: object) -> object:
        return torch.export.export(model, (torch.zeros(2, 3, 224, 224),), strict=False)  # type: ignore[arg-type]

    def traced(model: object) -> object:
        return fx.symbolic_trace(model)  # type: ignore[arg-type]

    def captured(model: object) -> object:
        return capture(model, (3, 224, 224))  # type: ignore[arg-type]

    return {"capture": captured, "torch.fx": traced, "torch.export": exported}


def peak() -> float:
    """Peak resident size in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(model_name: str, tool: str) -> dict[str, float]:
    """One tool on one model, in this process."""
    from capture_models import MODELS

    run = tools()[tool]
    model = MODELS[model_name]()
    times, before, grown = [], peak(), 0.0
    for repeat in range(1 + REPEATS):
        start = time.process_time()
        run(model)
        times.append(time.process_time() - start)
        if repeat == 0:
            grown = peak() - before
    return {"first": times[0], "later": statistics.median(times[1:]), "memory": grown}


def main() -> None:
    """Print one line per model and tool, with ratios to capture."""
    lines = [__doc__ or "", f"{'':14}{'':14}{'first':>9}{'later':>9}{'ratio':>8}{'memory':>10}"]
    for model_name, limit in LIMITS.items():
        results = {tool: _in_a_process(model_name, tool) for tool in tools()}
        ours = results["capture"]
        for tool, each in results.items():
            lines.append(
                f"{model_name:14}{tool:14}{each['first']:8.2f}s{each['later']:8.2f}s"
                f"{each['later'] / ours['later']:7.1f}×{each['memory']:8.0f}MB"
            )
        within = ours["first"] <= limit and ours["memory"] <= MEMORY_LIMIT
        lines.append(f"{model_name}: {'within' if within else 'OVER'} {limit} s and 50 MB\n")
    text = "\n".join(lines)
    print(text)
    Path(__file__).with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


def _in_a_process(model_name: str, tool: str) -> dict[str, float]:
    command = [sys.executable, __file__, model_name, tool]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=one_thread)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2])))
    else:
        main()
