"""How many networks of a public model zoo capture sees as a graph, from their shapes alone.

The zoo is pytorchcv, which is not among this project's dependencies: `pip install --no-deps
pytorchcv`. Every fourteenth of its models is built without weights and captured in both modes.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

from normdrop.errors import CaptureError
from normdrop.shifts.graph import Kind
from normdrop.torch.capture import capture

FIRST, STEP = 3, 14


class _Missing(ModuleType):
    """Stands for torchvision, which one module of the zoo imports for an operator not used here."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def main() -> None:
    """Print one line per network and the count at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="", help="folder that pytorchcv is installed in")
    sys.path.append(parser.parse_args().path)
    for name in ("torchvision", "torchvision.ops"):
        sys.modules.setdefault(name, _Missing(name))
    from pytorchcv import model_provider  # type: ignore[import-not-found]

    lines, seen, built = [__doc__ or ""], 0, 0
    for name in list(model_provider._models)[FIRST::STEP]:  # noqa: SLF001 - it has no public list
        try:
            model = model_provider.get_model(name, pretrained=False)
        except ImportError as error:
            lines.append(f"{name:40} not built: {error}")
            continue
        built += 1
        start = time.process_time()
        try:
            graph = capture(model, (getattr(model, "in_channels", 3), *model.in_size)).train
        except CaptureError as error:
            lines.append(f"{name:40} {error}")
            continue
        seen += 1
        unknown = dict(Counter(node.operation for node in graph.of_kind(Kind.UNKNOWN)))
        spent = time.process_time() - start
        lines.append(f"{name:40} {len(graph):5} nodes {spent:6.2f} s  {unknown or ''}")
    lines.append(f"\ncaptured {seen} of {built}")
    text = "\n".join(lines)
    print(text)
    Path(__file__).with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
