"""Trials on a real cluster of two nodes: the outcomes of a local run, whatever dies."""

import dataclasses
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import psutil
import pytest
from waiting import wait_for

from normdrop.errors import UsageError
from normdrop.lab.cluster import Cluster, run_on
from normdrop.lab.data import Dataset
from normdrop.lab.payload import Payload
from normdrop.lab.store import Store
from normdrop.lab.train import train, versions
from normdrop.lab.trial import Epoch, Outcome, Trial

if TYPE_CHECKING:
    import subprocess

    from ray.cluster_utils import Cluster as RayCluster

Make: TypeAlias = Callable[..., Trial]

pytestmark = pytest.mark.slow

_LONG = 200
"""Epochs that take seconds on any machine: time to be seen at work and be killed."""


class _Watcher:
    """Notes what it is told; at each progress it tries to `act`, until that says that it did."""

    def __init__(self, act: Callable[[], bool] = lambda: True) -> None:
        self._act = act
        self.acted = False
        self.ended_keys: list[str] = []

    def advanced(self, trial: Trial, epochs: float) -> None:
        """Act."""
        assert trial.key not in self.ended_keys
        assert 0 < epochs <= int(trial.settings["epochs"] or 0)
        self.acted = self.acted or self._act()

    def ended(self, outcome: Outcome) -> None:
        """Note it."""
        self.ended_keys.append(outcome.trial.key)


def test_outcomes_are_those_of_a_local_run(
    on: Cluster, noted_trial: Make, digits: Dataset, tmp_path: Path
) -> None:
    """Bit for bit; the recipe's text travels, under the key it has here."""
    trials = [noted_trial(v, seed, epochs=3) for seed in range(2) for v in ("plain", "other")]
    watcher = _Watcher()
    outcomes = list(run_on(on, trials, jobs=None, watcher=watcher))
    assert _numbers(outcomes) == _numbers(train(trial, digits) for trial in trials)
    assert sorted(watcher.ended_keys) == sorted(trial.key for trial in trials)
    away = [path for process, _, path in _starts(tmp_path) if process != os.getpid()]
    assert len(away) == len(trials)


def test_an_edited_recipe_changes_nothing(on: Cluster, noted_trial: Make, digits: Dataset) -> None:
    """Nodes train the text that the run began with, and need no file."""
    trials = [noted_trial(seed=seed, epochs=3) for seed in range(3)]
    file = Path(trials[0].recipe)
    text = file.read_bytes()
    file.unlink()
    payload = Payload(texts={trials[0].recipe: text})
    outcomes = list(run_on(on, trials, jobs=1, watcher=_Watcher(), payload=payload))
    file.write_bytes(text)
    assert _numbers(outcomes) == _numbers(train(trial, digits) for trial in trials)


def test_the_data_are_sent_once_and_read_in_place(
    on: Cluster, tiny_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One copy goes to Ray for all trials; what a node reads of it is Ray's memory, not a copy."""
    import ray

    put = ray.put
    handed_over: list[ray.ObjectRef[Dataset]] = []

    def noting_put(value: Dataset) -> "ray.ObjectRef[Dataset]":
        handed_over.append(put(value))
        return handed_over[-1]

    def owns_its_data(dataset: Dataset) -> bool:
        array = dataset.train.inputs
        while isinstance(array.base, type(array)):
            array = array.base
        return bool(array.flags.owndata or array.flags.writeable)

    monkeypatch.setattr(ray, "put", noting_put)
    ray.init(address=on.address, log_to_driver=False)
    try:
        trials = [tiny_trial(seed=seed) for seed in range(4)]
        assert len(list(run_on(on, trials, jobs=2, watcher=_Watcher()))) == 4
        assert len(handed_over) == 1
        spread = ray.remote(owns_its_data).options(scheduling_strategy="SPREAD")
        assert ray.get([spread.remote(handed_over[0]) for _ in range(4)]) == [False] * 4
    finally:
        ray.shutdown()


def test_a_node_killed_at_work_loses_nothing(
    on: Cluster, ray_cluster: "RayCluster", noted_trial: Make, digits: Dataset, tmp_path: Path
) -> None:
    """With a node killed without grace under a trial, the outcomes are those of a local run."""
    trials = [noted_trial(seed=seed, epochs=_LONG) for seed in range(4)]
    (victim,) = ray_cluster.worker_nodes
    raylet = victim.all_processes["raylet"][0].process.pid

    def kill() -> bool:
        if busy := bool(_at_work(psutil.Process(raylet), tmp_path)):
            ray_cluster.remove_node(victim, allow_graceful=False)  # SIGKILL
        return busy

    watcher = _Watcher(kill)
    try:
        outcomes = list(run_on(on, trials, jobs=None, watcher=watcher))
    finally:
        ray_cluster.add_node(num_cpus=1)
    assert watcher.acted
    assert len(_starts(tmp_path)) > len(trials)
    assert _numbers(outcomes) == _numbers(train(trial, digits) for trial in trials)


def test_a_killed_process_costs_nothing(
    on: Cluster, noted_trial: Make, digits: Dataset, tmp_path: Path
) -> None:
    """With a process killed at work the outcomes are those of a local run."""
    trials = [noted_trial(seed=seed, epochs=_LONG) for seed in range(2)]

    def kill() -> bool:
        at_work = _at_work(psutil.Process(), tmp_path)
        for process in at_work[:1]:
            process.kill()
        return bool(at_work)

    watcher = _Watcher(kill)
    outcomes = list(run_on(on, trials, jobs=1, watcher=watcher))
    assert watcher.acted
    assert len(_starts(tmp_path)) == len(trials) + 1
    assert _numbers(outcomes) == _numbers(train(trial, digits) for trial in trials)


def test_trials_share_a_gpu(
    ray_cluster: "RayCluster", noted_trial: Make, digits: Dataset, tmp_path: Path
) -> None:
    """Two trials that take half a GPU each are at work at a time, and see that GPU."""
    # Ray takes our word for the GPU; the trials' own device is the processor.
    node = ray_cluster.add_node(num_cpus=2, num_gpus=1)
    trials = [noted_trial(seed=seed, epochs=_LONG) for seed in range(3)]
    watcher = _Watcher(lambda: len(_at_work(psutil.Process(), tmp_path)) == 2)
    try:
        halves = Cluster(ray_cluster.address, gpus=0.5)
        outcomes = list(run_on(halves, trials, jobs=None, watcher=watcher))
    finally:
        ray_cluster.remove_node(node)
    assert watcher.acted
    assert [gpus for _, gpus, _ in _starts(tmp_path)] == ["0"] * len(trials)
    assert _numbers(outcomes) == _numbers(train(trial, digits) for trial in trials)


def test_faults_are_the_outcomes_they_are_here(
    on: Cluster, tiny_trial: Make, digits: Dataset
) -> None:
    """A trial that diverges, raises or kills its process ends as in a local run."""
    trials = {v: tiny_trial(v) for v in ("diverges", "raises", "plain", "dies")}
    outcomes = run_on(on, trials.values(), jobs=None, watcher=_Watcher())
    there = {outcome.trial.variant: outcome for outcome in outcomes}
    assert there["dies"].status == "failed"
    assert there["dies"].message.startswith("its process died 3 times, at last so: ")
    for variant in ("diverges", "raises", "plain"):
        here = train(trials[variant], digits)
        assert (there[variant].status, there[variant].message) == (here.status, here.message)


def test_closing_cancels_what_is_at_work(on: Cluster, tiny_trial: Make) -> None:
    """When the iterator is closed early, nothing trains on, also where the connection stays."""
    import ray

    ray.init(address=on.address, log_to_driver=False)
    try:
        first, *rest = [tiny_trial(seed=s, epochs=1 if s == 0 else 10**6) for s in range(3)]
        outcomes = run_on(on, [first, *rest], jobs=None, watcher=_Watcher())
        assert next(outcomes).trial == first
        wait_for(_trainers, 60)
        outcomes.close()
        wait_for(lambda: not _trainers(), 30)
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_nodes_with_other_packages_are_refused(
    on: Cluster, tiny_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of different versions never get under one key."""
    other = {**versions(), "torch": "1.0"}
    monkeypatch.setattr("normdrop.lab.cluster._run.versions", lambda: other)
    with pytest.raises(UsageError, match=r"has torch .*, this process 1\.0; install the same"):
        list(run_on(on, [tiny_trial()], jobs=None, watcher=_Watcher()))


@pytest.mark.parametrize("through_client", [False, True])
def test_the_command_prints_the_same_table(
    ray_cluster: "RayCluster",
    client_port: int,
    normdrop: "Callable[..., subprocess.CompletedProcess[str]]",
    tmp_path: Path,
    *,
    through_client: bool,
) -> None:
    """`--on`, from a node and from outside, prints and stores what a local run does."""
    address = f"ray://127.0.0.1:{client_port}" if through_client else ray_cluster.address
    orders = ("--variant", "conv-bn-act-drop-pool", "--variant", "conv-drop-bn-act-pool")
    arguments = (
        *("compare", "ten-orders", "--data", "digits", "--limit-train", 200, *orders),
        *("--seeds", 2, "--epochs", 1, "--store"),
    )
    here = normdrop(*arguments, tmp_path / "here.sqlite", "--jobs", 1)
    there = normdrop(*arguments, tmp_path / "there.sqlite", "--on", address)
    assert there.returncode == 0, there.stderr
    assert "4 of 4 trials" in there.stderr
    assert there.stdout == here.stdout.replace("here.sqlite", "there.sqlite")
    assert _stored(tmp_path / "there.sqlite") == _stored(tmp_path / "here.sqlite")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command_is_resumed(  # noqa: PLR0917 - fixtures
    how: signal.Signals,
    ray_cluster: "RayCluster",
    tiny: str,
    tiny_trial: Make,
    digits: Dataset,
    tmp_path: Path,
    command: "Callable[..., subprocess.Popen[str]]",
    normdrop: "Callable[..., subprocess.CompletedProcess[str]]",
) -> None:
    """When the driver ends nothing trains on; the same command goes on, here as well as there."""
    store = tmp_path / "s.sqlite"
    trials = [tiny_trial(seed=seed, epochs=20) for seed in range(8)]
    arguments = (
        *("compare", tiny, "--variant", "plain", "--seeds", 8, "--epochs", 20),
        *("--store", store),
    )
    with command(*arguments, "--on", ray_cluster.address) as driver:
        wait_for(lambda: _stored(store), 120)
        os.killpg(driver.pid, how)
        _, errors = driver.communicate(timeout=60)
    if how == signal.SIGINT:
        assert driver.returncode == 2, errors
        assert errors.splitlines()[-1].startswith("normdrop: interrupted: what has been trained")
    wait_for(lambda: not _trainers(), 30)
    before = _stored(store)
    assert 1 <= len(before) < len(trials)
    assert normdrop(*arguments).returncode == 0
    with Store(store) as kept:
        resumed = [kept.get(trial) for trial in trials]
    assert _numbers(o for o in resumed if o) == _numbers(train(t, digits) for t in trials)


def _trainers(of: psutil.Process | None = None) -> list[psutil.Process]:
    """The processes in which nodes train; Ray names them so while they do."""
    children = (of or psutil.Process()).children(recursive=True)
    return [child for child in children if "ray::train_on_node" in " ".join(_words(child))]


def _starts(folder: Path) -> list[tuple[int, str, Path]]:
    """The process, the GPUs it saw and the recipe's path of every trial that was started."""
    lines = [line.split(" ", 2) for line in (folder / "starts").read_text().splitlines()]
    return [(int(process), gpus, Path(path)) for process, gpus, path in lines]


def _at_work(of: psutil.Process, folder: Path) -> list[psutil.Process]:
    """Those of a process' descendants that train, and have begun."""
    begun = {process for process, _, _ in _starts(folder)}
    return [process for process in _trainers(of) if process.pid in begun]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def _numbers(outcomes: Iterable[Outcome]) -> dict[str, list[Epoch]]:
    """Every number of the outcomes, the seconds aside."""
    return {
        o.trial.key: [dataclasses.replace(epoch, seconds=0.0) for epoch in o.epochs]
        for o in outcomes
    }


def _stored(store: Path) -> dict[str, list[Epoch]]:
    """The numbers in a store, also while it is written."""
    from normdrop.lab.trial import read_outcome

    if not store.exists():
        return {}
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT outcome FROM outcome").fetchall()
        except sqlite3.OperationalError:  # the driver has not made the table yet
            return {}
    return _numbers(read_outcome(row[0]) for row in rows)
