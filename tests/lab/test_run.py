"""Running trials in processes: faults are outcomes, kills lose nothing, and a rerun goes on."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from normdrop.lab.run import run
from normdrop.lab.trial import Outcome, Trial

Make = Callable[..., Trial]
Start = Callable[..., "psutil.Popen"]


class _Kills:
    """Kills the process of a trial the first time it shows progress."""

    def __init__(self, times: int) -> None:
        self.left = times

    def advanced(self, trial: Trial, epochs: float) -> None:
        """Kill one worker."""
        del trial, epochs
        if self.left:
            self.left -= 1
            _workers(os.getpid())[0].kill()

    def ended(self, outcome: Outcome) -> None:
        """Nothing to do."""


def _workers(driver: int) -> list[psutil.Process]:
    children = psutil.Process(driver).children()
    return [c for c in children if "normdrop.lab.worker" in c.cmdline()]


def _results(outcomes: list[Outcome]) -> dict[tuple[str, int], tuple[str, float | None]]:
    return {
        (o.trial.variant, o.trial.seed): (o.status, o.final.test_loss if o.final else None)
        for o in outcomes
    }


def test_faults_are_outcomes_and_the_rest_goes_on(tiny_trial: Make) -> None:
    """A trial that diverges, raises or kills its process does not keep the others from training."""
    variants = ("dies", "diverges", "raises", "plain")
    outcomes = run([tiny_trial(v) for v in variants], jobs=2, watcher=_Kills(0))
    by_variant = {o.trial.variant: o for o in outcomes}
    assert {v: o.status for v, o in by_variant.items()} == {
        "dies": "failed",
        "diverges": "diverged",
        "raises": "failed",
        "plain": "finished",
    }
    assert by_variant["dies"].message == "its process died 3 times, at last with SIGKILL"


def test_a_killed_worker_costs_nothing(tiny_trial: Make) -> None:
    """With two workers killed on the way the outcomes are those of an undisturbed run."""
    trials = [tiny_trial(seed=seed, epochs=60) for seed in range(3)]
    disturbed = _results(list(run(trials, jobs=1, watcher=_Kills(2))))
    assert disturbed == _results(list(run(trials, jobs=2, watcher=_Kills(0))))
    assert {status for status, _ in disturbed.values()} == {"finished"}


def test_closing_ends_the_workers(tiny_trial: Make) -> None:
    """When the iterator is closed early, no worker is left."""
    outcomes = run([tiny_trial(seed=s) for s in range(4)], jobs=2, watcher=_Kills(0))
    next(outcomes)
    outcomes.close()
    assert _workers(os.getpid()) == []


def _stored(store: Path) -> dict[tuple[str, int], str]:
    """What the store holds: each outcome's numbers, without the seconds."""
    if not store.exists():
        return {}
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT variant, seed, outcome, ended FROM outcome").fetchall()
    except sqlite3.OperationalError:  # not made yet
        rows = []
    finally:
        connection.close()
    numbers = {}
    for variant, seed, text, ended in rows:
        epochs = json.loads(text)["epochs"]
        numbers[variant, seed] = f"{[e['test_loss'] for e in epochs]}"
        del ended
    return numbers


def _command(tiny: str, store: Path) -> list[object]:
    variants = ["--variant", "plain", "--variant", "other"]
    return ["compare", tiny, *variants, "--seeds", 3, "--epochs", 60, "--store", store]


def _wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_driver_is_resumed(
    tiny: str,
    tmp_path: Path,
    command: Callable[..., "psutil.Popen"],
    normdrop: Callable[..., object],
    how: signal.Signals,
) -> None:
    """The driver ends, its workers follow, and the same command finishes what is left."""
    store = tmp_path / "s.sqlite"
    with command(*_command(tiny, store)) as driver:
        _wait_for(lambda: len(_stored(store)) >= 2)
        workers = _workers(driver.pid)
        assert workers
        os.killpg(driver.pid, how) if how == signal.SIGINT else driver.send_signal(how)
        _, errors = driver.communicate(timeout=30)
    _wait_for(lambda: not any(worker.is_running() for worker in workers), 10)
    if how == signal.SIGINT:
        assert driver.returncode == 2
        assert errors.splitlines()[-1].startswith("normdrop: interrupted")
    before = _stored(store)
    assert 2 <= len(before) < 6
