"""Running trials in processes: faults are outcomes, kills lose nothing, and a rerun goes on."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from normdrop.lab.data import Dataset
from normdrop.lab.run import run
from normdrop.lab.store import Store
from normdrop.lab.train import train
from normdrop.lab.trial import Outcome, Trial

if TYPE_CHECKING:
    import subprocess

Make = Callable[..., Trial]


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


def test_faults_are_outcomes_and_the_rest_goes_on(tiny_trial: Make) -> None:
    """A trial that diverges, raises or kills its process does not keep the others from training."""
    variants = ("diverges", "raises", "plain", "dies")
    outcomes = run([tiny_trial(v) for v in variants], jobs=1, watcher=_Kills(0))
    by_variant = {o.trial.variant: o for o in outcomes}
    assert {v: o.status for v, o in by_variant.items()} == {
        "dies": "failed",
        "diverges": "diverged",
        "raises": "failed",
        "plain": "finished",
    }
    assert by_variant["dies"].message == "its process died 3 times, at last with SIGKILL"


def test_a_killed_worker_costs_nothing(tiny_trial: Make, digits: Dataset) -> None:
    """With the first worker killed at work the outcomes are those of training without processes."""
    trials = [tiny_trial(seed=seed, epochs=20) for seed in range(2)]
    killed = _Kills(1)
    disturbed = _losses(run(trials, jobs=1, watcher=killed))
    assert killed.left == 0
    assert disturbed == _losses(train(trial, digits) for trial in trials)


def test_closing_ends_the_workers(tiny_trial: Make) -> None:
    """When the iterator is closed early, no worker is left."""
    outcomes = run([tiny_trial(seed=s) for s in range(4)], jobs=1, watcher=_Kills(0))
    next(outcomes)
    assert len(_workers(os.getpid())) == 1
    outcomes.close()
    assert _workers(os.getpid()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_driver_is_resumed(  # noqa: PLR0917 - fixtures
    tiny: str,
    tiny_trial: Make,
    digits: Dataset,
    tmp_path: Path,
    how: signal.Signals,
    command: Callable[..., "subprocess.Popen[str]"],
    normdrop: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    """Driver and workers end; the same command trains what is left and nothing twice."""
    store = tmp_path / "s.sqlite"
    # Enough trials that most are left when the signal comes, however slow the machine.
    trials = [tiny_trial(v, seed, epochs=20) for seed in range(5) for v in ("plain", "other")]
    chosen = ("--variant", "plain", "--variant", "other", "--seeds", 5, "--epochs", 20)
    arguments = ("compare", tiny, *chosen, "--jobs", 1, "--store", store)
    with command(*arguments) as driver:
        _wait_for(lambda: _stored(store), 120)
        workers = _workers(driver.pid)
        os.killpg(driver.pid, how) if how == signal.SIGINT else driver.send_signal(how)
        _, errors = driver.communicate(timeout=60)
    _wait_for(lambda: not any(worker.is_running() for worker in workers), 20)
    if how == signal.SIGINT:
        assert driver.returncode == 2, errors
        assert errors.splitlines()[-1].startswith("normdrop: interrupted: what has been trained")
    before = _stored(store)
    assert 1 <= len(before) < len(trials)
    assert normdrop(*arguments).returncode == 0
    after = _stored(store)
    assert before.items() <= after.items()
    with Store(store) as kept:
        resumed = [kept.get(trial) for trial in trials]
    assert _losses(o for o in resumed if o) == _losses(train(t, digits) for t in trials)


def _workers(driver: int) -> list[psutil.Process]:
    """The worker processes of a driver."""
    children = psutil.Process(driver).children()
    return [c for c in children if "normdrop.lab.worker" in c.cmdline()]


def _losses(outcomes: Iterable[Outcome]) -> dict[str, list[tuple[float, float, float]]]:
    """Every number of the outcomes, the seconds aside."""
    return {
        o.trial.key: [(e.train_loss, e.train_eval_loss, e.test_loss) for e in o.epochs]
        for o in outcomes
    }


def _stored(store: Path) -> dict[str, str]:
    """What the store holds now, seconds included: what is trained again differs in them."""
    if not store.exists():
        return {}
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        try:
            return dict(connection.execute("SELECT key, outcome FROM outcome").fetchall())
        except sqlite3.OperationalError:  # the driver has not made the table yet
            return {}


def _wait_for(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
