"""How quiet the checker is on networks of a public model zoo, as their authors ship them.

    python benchmarks/check_quiet.py --path FOLDER [--step N]

The zoo is pytorchcv, which is not among this project's dependencies: `pip install --no-deps
--target FOLDER pytorchcv`. Where no noise of train mode reaches any norm layer with running
statistics the shift is 1 by construction; such a network should have no error and no warning of the
bands ND1, ND3 and ND4. Every other one is named with what is found, and judged by nobody.
"""

import argparse
import sys
from types import ModuleType

from normdrop.errors import CaptureError
from normdrop.graph import Graph, Kind
from normdrop.graph.paths import noise_before
from normdrop.moments import expected_shifts
from normdrop.rules import check_captured, selected
from normdrop.torch.capture import capture

FIRST = 3
_BANDS = ("ND1", "ND3", "ND4")


class _Missing(ModuleType):
    """Stands for torchvision, which one module of the zoo imports for an operator not used here."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def is_clean(graph: Graph) -> bool:
    """Whether no noise reaches a norm layer with running statistics."""
    norms = (norm for norm in graph.of_kind(Kind.NORM) if norm.carries_statistics)
    return not any(noise_before(graph, norm) for norm in norms)


def main() -> None:
    """Print one line a network and the count at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="", help="folder that pytorchcv is installed in")
    parser.add_argument("--step", type=int, default=9, help="take every N-th network")
    given = parser.parse_args()
    sys.path.append(given.path)
    for name in ("torchvision", "torchvision.ops"):
        sys.modules.setdefault(name, _Missing(name))
    from pytorchcv import model_provider  # type: ignore[import-not-found]

    clean = loud = 0
    for name in list(model_provider._models)[FIRST :: given.step]:  # noqa: SLF001 - it has no public list
        try:
            model = model_provider.get_model(name, pretrained=False)
            captured = capture(model, (getattr(model, "in_channels", 3), *model.in_size))
        except (ImportError, CaptureError) as error:
            print(f"{name:40} left out: {error}", flush=True)
            continue
        shifts = expected_shifts(captured)
        found = check_captured(captured, shifts, selected(_BANDS), training=True)
        codes = sorted({each.code for each in found if each.severity != "note"})
        quiet = is_clean(captured.train)
        clean += quiet
        loud += quiet and bool(codes)
        print(f"{name:40} {'clean' if quiet else 'noise'} {' '.join(codes)}", flush=True)
    print(f"clean networks {clean}, of them with errors or warnings {loud}")


if __name__ == "__main__":
    main()
