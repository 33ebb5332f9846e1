"""How well ND101 tells shifted norm layers from clean ones, over the family of `predict`.

    python benchmarks/check_truth.py

Truth is brute force on fresh weights (see family/truth.py). A norm layer is affected if its true
shift is below 0.95 or above 1/0.95, clean within 1 ± 0.01; what lies between counts neither way. It
is found if ND101 names it with severity error or warning, and a false alarm is a clean one that is.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from family.members import FAMILY, Member
from family.points import fresh_truths

from normdrop import check

LEAST_FOUND, MOST_FALSE = 0.99, 0.01
_AFFECTED, _CLEAN = 0.95, 0.01


def judged(member: Member) -> tuple[list[str], list[str], set[str]]:
    """The affected, the clean and the found norm layers of one network."""
    truths = fresh_truths(member, "pink")
    shifts = {
        path: math.exp(sum(math.log(truth[path].shift) for truth in truths) / len(truths))
        for path in truths[0]
    }
    affected = [path for path, shift in shifts.items() if not _AFFECTED <= shift <= 1 / _AFFECTED]
    clean = [path for path, shift in shifts.items() if abs(shift - 1) <= _CLEAN]
    found = {
        path
        for finding in check(member.build(), member.shape)
        if finding.code == "ND101" and finding.severity != "note"
        for path in finding.layers[1:]
    }
    return affected, clean, found


def main() -> None:
    """Print one line a network that is not judged perfectly, and the totals."""
    affected = clean = right = false = 0
    for member in FAMILY:
        bad, good, found = judged(member)
        missed, alarms = set(bad) - found, set(good) & found
        affected, clean = affected + len(bad), clean + len(good)
        right, false = right + len(bad) - len(missed), false + len(alarms)
        if missed or alarms:
            print(f"{member.name:40} missed {sorted(missed)}  false {sorted(alarms)}", flush=True)
    print(f"affected {affected}, found {right} ({right / affected:.1%}, goal {LEAST_FOUND:.0%})")
    print(f"clean {clean}, false alarms {false} ({false / clean:.1%}, goal {MOST_FALSE:.0%})")


if __name__ == "__main__":
    main()
