"""How quiet the checker is on popular networks, as their authors ship them.

    python benchmarks/check_quiet.py --path FOLDER [--only LIBRARY...]

FOLDER holds what `pip install --no-deps --target FOLDER -r zoo/requirements.txt` put there, beside
this project's own environment. Each network is built without stored weights and its shift measured:
run in train mode, then in evaluation mode with the statistics of that run (`simulate`). Where every
norm layer with running statistics lies within 1 ± 0.02 the network is quiet and must have no error
and no warning of the bands ND1, ND3 and ND4. Of networks without such a norm layer nothing is
counted. A network whose shift is larger is named with what is found, and judged by nobody.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

sys.path.insert(0, str(Path(__file__).parent))

from zoo.networks import LIBRARIES, Network

from normdrop.errors import NormdropError
from normdrop.lint.rules import check_captured, selected
from normdrop.shifts.graph import Kind
from normdrop.shifts.moments import expected_shifts
from normdrop.torch.capture import capture
from normdrop.verbs import simulate

GOAL, WITHIN = 100, 0.02
_BANDS = ("ND1", "ND3", "ND4")


@dataclass(frozen=True)
class Outcome:
    """What was measured of a network, and what was found in it.

    Attributes:
        shift: The shift farthest from 1; 1 without noise.
        norms: How many norm layers with running statistics were called.
        codes: The codes found, of those that count.
    """

    shift: float
    norms: int
    codes: tuple[str, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing should be found."""
        return abs(self.shift - 1) <= WITHIN and self.norms > 0


def outcome(network: Network) -> Outcome:
    """Measure one network and check it."""
    torch.manual_seed(0)
    model = network.build()
    captured = capture(model, network.shape)
    rules = selected(_BANDS)
    modes = {path: module.training for path, module in model.named_modules()}
    found = check_captured(captured, expected_shifts(captured), rules, modes=modes)
    codes = sorted({each.code for each in found if each.severity != "note"})
    norms = {node.layer for node in captured.train.of_kind(Kind.NORM) if node.carries_statistics}
    measured = simulate(model, network.shape, blame=False) if norms else ()
    shifts = [layer.shift for layer in measured]
    return Outcome(
        max(shifts, key=lambda shift: abs(shift - 1), default=1.0), len(norms), (*codes,)
    )


def main() -> None:
    """Print one line a network and the count at the end; keep them beside this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="", help="folder that the libraries are installed in")
    parser.add_argument("--only", nargs="+", choices=sorted(LIBRARIES), default=sorted(LIBRARIES))
    given = parser.parse_args()
    sys.path.append(given.path)
    # Its operators are compiled for another build of torch; no network here uses one.
    sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    lines: list[str] = []
    seen = [each for each in map(_judged(lines), _networks(given.only)) if each is not None]
    quiet = [each for each in seen if each.is_quiet]
    loud = [each for each in quiet if each.codes]
    met = "met" if len(quiet) >= GOAL and not loud else "missed"
    lines.append(
        f"networks {len(seen)}, of them within 1 ± {WITHIN} everywhere {len(quiet)}, of these with "
        f"errors or warnings {len(loud)} (goal: none in {GOAL}): {met}"
    )
    print(lines[-1])
    if given.only == sorted(LIBRARIES):
        Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _networks(libraries: list[str]) -> Iterator[Network]:
    for library in libraries:
        yield from LIBRARIES[library]()


def _judged(lines: list[str]) -> Callable[[Network], Outcome | None]:
    """Measures a network and writes down its line."""

    def judge(network: Network) -> Outcome | None:
        name = f"{network.library} {network.name}"
        try:
            found = outcome(network)
        except (NormdropError, ImportError, RuntimeError, ValueError, TypeError) as error:
            found, line = None, f"{name:58} left out: {' '.join(str(error).split())[:80]}"
        else:
            said = " ".join(found.codes) or "nothing found"
            kind = "quiet" if found.is_quiet else "shifted" if found.norms else "no norm"
            line = f"{name:58} {found.norms:4} norms  {found.shift:6.3f}  {kind:8} {said}"
        lines.append(line)
        print(line, flush=True)
        return found

    return judge


if __name__ == "__main__":
    main()
