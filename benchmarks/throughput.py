"""Training speed of the lab against Keras 3 and plain PyTorch on the ten-orders network.

    python benchmarks/throughput.py                  # takes hours: ten orders × six seeds
    python benchmarks/throughput.py --heats 10 --images 6000            # speed alone
    python benchmarks/throughput.py --orders 1 --heats 4 --images 60000 # equal losses, less time

A heat is one order and two seeds, which every contestant trains in turn, minutes apart at most; the
contestant that begins changes from heat to heat. The unit is training images per second of both
cores, over whole epochs with their evaluation on the test set, the first epoch left out (it pays
for tracing and compiling; leaving it out favours the peers, and so does that the lab evaluates the
training examples as well). Speeds are compared heat by heat, against the peer whose median over all
heats is best.

Each peer runs as one process with two threads and as two processes with one thread each, and the
faster of the two in a first heat of its own, of 20000 images at most, is taken. The lab runs two
processes of one thread.

The same trials show that all train the same network: with m_s the mean test loss over the
orders from seed s, the 90 % interval (Welch) of the difference of the means of m_s between the lab
and a peer must lie within ±20 % of the peer's (two one-sided tests at 5 %). Six seeds are needed.
The margin is wide because the losses are: batch norm's running statistics (momentum 0.99) follow
the weights some hundred batches behind, so that after two epochs of MNIST one order's test loss
varies by 10 to 30 % from seed to seed, and after shorter ones by more.

Results are kept in `.peers/results.jsonl`, heat by heat, so that a run that was stopped goes on.
"""

import argparse
import hashlib
import json
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from _teams import CORES, HERE, OURS, PEER_KINDS, PEERS, Contestant, Team, install
from scipy import stats

RESULTS = PEERS / "results.jsonl"
MARGIN = 0.20
CALIBRATION = 20000
MEMORY_LIMIT_MIB = 1536

ORDERS = (
    "conv-drop-bn-act-pool",
    "conv-bn-act-drop-pool",
    "conv-bn-act-pool-drop",
    "conv-act-drop-bn-pool",
    "conv-drop-act-pool-bn",
    "conv-drop-act-bn-pool",
    "conv-act-bn-pool-drop",
    "conv-act-drop-pool-bn",
    "conv-bn-drop-act-pool",
    "conv-act-bn-drop-pool",
)


def images_per_second(trials: Sequence[dict], images: int, processes: int) -> float:
    """Training images per second of all processes together, the first epoch left out."""
    seconds = [epoch["seconds"] for trial in trials for epoch in trial["epochs"][1:]]
    return processes * images * len(seconds) / sum(seconds)


def kept(key: str) -> Iterator[dict]:
    """What earlier runs with these settings left behind."""
    if RESULTS.exists():
        for line in RESULTS.read_text().splitlines():
            try:
                result = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a run that was killed
            if result["key"] == key:
                yield result


def keep(key: str, **result: object) -> dict:
    """Append one result."""
    line = json.dumps({"key": key, **result})
    with RESULTS.open("a") as stream:
        # A killed run may have left half a line: begin on a new one.
        stream.write(f"\n{line}\n")
    return json.loads(line)


def layouts(peers: Sequence[Contestant], programs: str, images: int) -> list[Contestant]:
    """Each peer in the layout that was faster in one heat of its own."""
    images = min(images, CALIBRATION)
    key = f"{programs} {images}"
    chosen = []
    for peer in peers:
        rates = {
            result["processes"]: result["rate"]
            for result in kept(key)
            if result.get("layout") == peer.name
        }
        for processes in (1, CORES):
            if processes not in rates:
                team = Team(replace(peer, processes=processes))
                rates[processes] = images_per_second(
                    team.run(ORDERS[1], (0, 1), 2, images), images, processes
                )
                team.stop()
                keep(key, layout=peer.name, processes=processes, rate=rates[processes])
        best = max(rates, key=rates.__getitem__)
        told = ", ".join(
            f"{count} × {CORES // count}: {rates[count]:.0f}" for count in sorted(rates)
        )
        print(f"{peer.name}: images/s by processes × threads: {told}; taking {best}", flush=True)
        chosen.append(replace(peer, processes=best))
    return chosen


def heats(
    contestants: Sequence[Contestant], key: str, options: argparse.Namespace
) -> list[dict[str, list[dict]]]:
    """Run the heats that no earlier run has, every contestant in turn; return the trials of all."""
    done = {result["heat"]: result["trials"] for result in kept(key) if "heat" in result}
    with ExitStack() as stack:
        teams: list[Team] = []
        for heat in range(options.heats):
            if heat in done:
                continue
            if not teams:
                teams = [Team(contestant) for contestant in contestants]
                for team in teams:
                    stack.callback(team.stop)
            order = ORDERS[heat % options.orders]
            seeds = [CORES * (heat // options.orders) + number for number in range(CORES)]
            first = heat % len(teams)
            trials = {
                team.contestant.name: team.run(order, seeds, options.epochs, options.images)
                for team in (*teams[first:], *teams[:first])
            }
            done[heat] = keep(key, heat=heat, trials=trials)["trials"]
            print(f"heat {heat + 1} of {options.heats}: {order}", flush=True)
    return [done[heat] for heat in range(options.heats)]


def report_speed(
    contestants: Sequence[Contestant], results: Sequence[dict[str, list[dict]]], images: int
) -> None:
    """Print medians, the ratio to the best peer heat by heat, and peak memory."""
    rates = {
        contestant.name: [
            images_per_second(
                heat[contestant.name], images, contestant.processes if contestant.is_peer else CORES
            )
            for heat in results
        ]
        for contestant in contestants
    }
    peers = [contestant.name for contestant in contestants if contestant.is_peer]
    best = max(peers, key=lambda name: statistics.median(rates[name]))
    print(f"\n{'':16} images/s  ÷ {best:12} (lowest, highest)   peak MiB a worker")
    for contestant in contestants:
        name = contestant.name
        ratios = [rate / other for rate, other in zip(rates[name], rates[best], strict=True)]
        peak = max(trial["peak_mib"] for heat in results for trial in heat[name])
        note = "  above the limit" if peak > MEMORY_LIMIT_MIB and not contestant.is_peer else ""
        print(
            f"{name:16} {statistics.median(rates[name]):8.0f}  {statistics.median(ratios):8.2f}"
            f"         ({min(ratios):.2f}, {max(ratios):.2f})   {peak:12.0f}{note}"
        )


def report_equivalence(
    contestants: Sequence[Contestant], results: Sequence[dict[str, list[dict]]], orders: int
) -> None:
    """Print whether final test losses agree within the margin, for whole rounds of orders."""
    rounds = len(results) // orders
    if rounds < 3:  # noqa: PLR2004 - two seeds a round, six seeds needed
        print(f"\nEquivalence needs six seeds of all {orders} orders, {3 * orders} heats.")
        return
    whole = results[: rounds * orders]
    means = {}
    for contestant in contestants:
        losses: dict[int, list[float]] = {}
        for heat in whole:
            for trial in heat[contestant.name]:
                losses.setdefault(trial["seed"], []).append(trial["epochs"][-1]["test_loss"])
        means[contestant.name] = [statistics.fmean(losses[seed]) for seed in sorted(losses)]
    print(f"\nMean final test loss over {orders} orders, {2 * rounds} seeds; 90 % intervals")
    for ours in (contestant.name for contestant in contestants if not contestant.is_peer):
        for peer in (contestant.name for contestant in contestants if contestant.is_peer):
            scale = statistics.fmean(means[peer])
            interval = stats.ttest_ind(
                means[ours], means[peer], equal_var=False
            ).confidence_interval(0.90)
            low, high = interval.low / scale, interval.high / scale
            verdict = "equal" if low > -MARGIN and high < MARGIN else "not shown equal"
            print(
                f"{ours} {statistics.fmean(means[ours]):.4f}, {peer} {scale:.4f}: difference "
                f"{100 * low:+.1f} % to {100 * high:+.1f} %: {verdict} within ±{100 * MARGIN:.0f} %"
            )


def main() -> None:
    """Run what has not been run, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=len(ORDERS), help="race the first N orders")
    parser.add_argument("--heats", type=int, help="three rounds of the orders by default")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=20000, help="training images")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contestants; all by default")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs measured")
    options = parser.parse_args()
    if options.epochs < 2:  # noqa: PLR2004 - the first is left out
        parser.error("--epochs must be at least 2: the first is not counted")
    options.heats = options.heats or 3 * options.orders
    chosen = [
        contestant
        for contestant in (*OURS, *PEER_KINDS)
        if not options.only or contestant.name in options.only
    ]
    PEERS.mkdir(exist_ok=True)
    if options.fresh:
        RESULTS.unlink(missing_ok=True)
    install(chosen)
    sources = sorted((HERE / "contestants").glob("*.py"))
    sizes = (options.orders, options.epochs, options.images)
    names = [contestant.name for contestant in chosen]
    programs = b"".join(path.read_bytes() for path in sources)
    key = hashlib.sha256(programs + repr((sizes, names)).encode()).hexdigest()[:16]
    peers = layouts(
        [contestant for contestant in chosen if contestant.is_peer],
        hashlib.sha256(programs).hexdigest()[:16],
        options.images,
    )
    contestants = [*(contestant for contestant in chosen if not contestant.is_peer), *peers]
    results = heats(contestants, key, options)
    report_speed(contestants, results, options.images)
    report_equivalence(contestants, results, options.orders)


if __name__ == "__main__":
    main()
