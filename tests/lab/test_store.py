"""The store: what is put is kept, and what cannot be is said in one sentence."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from normdrop.errors import StoreError
from normdrop.lab.store import Store, default_path
from normdrop.lab.trial import Epoch, Outcome, Trial

Make = Callable[..., Trial]


def _outcome(trial: Trial) -> Outcome:
    epoch = Epoch(1, 0.1 + 0.2, 1e-300, float("inf"), 0.5, 1.25)
    return Outcome(trial, "finished", (epoch, epoch), 2.5, "a “message”", {"torch": "2"})


def test_outcomes_come_back_bit_for_bit(tmp_path: Path, tiny_trial: Make) -> None:
    """What is put is there after closing and opening; what is not is None; the last one counts."""
    path = tmp_path / "new" / "folder" / "s.sqlite"
    with Store(path) as store:
        store.put(Outcome(tiny_trial(), "failed", (), 0.0, "first"))
        store.put(_outcome(tiny_trial()))
    with Store(path) as store:
        assert store.get(tiny_trial()) == _outcome(tiny_trial())
        assert store.get(tiny_trial(seed=1)) is None
        assert store.get(tiny_trial(epochs=3)) is None


def test_two_drivers_do_not_share_a_store(tmp_path: Path) -> None:
    """A store in use is refused, and free again once it is closed."""
    path = tmp_path / "s.sqlite"
    with Store(path), pytest.raises(StoreError, match=r"another .* is using this store"):
        Store(path)
    Store(path).close()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """A store of a later version is refused with both versions, and unchanged."""
    path = tmp_path / "s.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreError, match=r"newer normdrop \(store version 7, this one reads 1\)"):
        Store(path)


@pytest.mark.parametrize("content", [b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_files_that_are_no_store(tmp_path: Path, content: bytes) -> None:
    """A file of something else is refused and unchanged."""
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a store, or damaged"):
        Store(path)
    assert path.read_bytes() == content


def test_another_programs_database(tmp_path: Path) -> None:
    """A database of another program is refused and gets no table of ours."""
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreError, match="a database of something else"):
        Store(path)


def test_damage_in_the_middle_is_seen(tmp_path: Path, tiny_trial: Make) -> None:
    """A store with overwritten pages is refused when it is opened."""
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        for seed in range(50):
            store.put(_outcome(tiny_trial(seed=seed)))
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xa5" * 9000)
    with pytest.raises(StoreError, match="damaged"):
        Store(path)


_LINE = "UPDATE outcome SET outcome = json_set(outcome, ?, json(?))"


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE outcome SET outcome = ?", ("{broken",)),
        ("UPDATE outcome SET outcome = ?", ("",)),
        ("UPDATE outcome SET outcome = ?", ("null",)),
        ("UPDATE outcome SET outcome = ?", ("[1, 2]",)),
        ("UPDATE outcome SET outcome = ?", ("7",)),
        ("UPDATE outcome SET outcome = ?", ("{}",)),
        ("UPDATE outcome SET outcome = ?", (b"\xff\xfe\x00",)),
        ("UPDATE outcome SET outcome = substr(outcome, 1, ?)", (200,)),
        ("UPDATE outcome SET outcome = json_remove(outcome, ?)", ("$.epochs",)),
        ("UPDATE outcome SET outcome = json_remove(outcome, ?)", ("$.epochs[1].number",)),
        ("UPDATE outcome SET outcome = json_remove(outcome, ?)", ("$.trial.seed",)),
        (_LINE, ("$.trial", "null")),
        (_LINE, ("$.trial.seed", "7")),  # what came of another trial
        (_LINE, ("$.status", '"ended"')),
        (_LINE, ("$.status", "[]")),
        (_LINE, ("$.epochs", "3")),
        (_LINE, ("$.epochs", "[null]")),
        (_LINE, ("$.epochs[0].test_loss", '"low"')),
        (_LINE, ("$.epochs[0].train_loss", "null")),
        (_LINE, ("$.seconds", "null")),
        (_LINE, ("$.measures", "[]")),
        (_LINE, ("$.measures", '{"shift": [1]}')),
        (_LINE, ("$.more", "1")),
    ],
)
def test_a_damaged_outcome_is_none(
    tmp_path: Path, tiny_trial: Make, statement: str, values: tuple[object, ...]
) -> None:
    """Its trial is to run again, and what comes of it replaces the damage; others are kept."""
    path = tmp_path / "s.sqlite"
    # SQLite's JSON knows no infinity.
    epoch = Epoch(1, 0.25, 0.5, 0.75, None, 1.25)
    whole = Outcome(tiny_trial(), "finished", (epoch, epoch), 2.5, "", {}, {"shift": 0.5})
    with Store(path) as store:
        store.put(whole)
        store.put(_outcome(tiny_trial(seed=1)))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"{statement} WHERE seed = 0", values)
    connection.close()
    with Store(path) as store:
        assert store.get(tiny_trial()) is None
        store.put(whole)
        assert store.get(tiny_trial()) == whole
        assert store.get(tiny_trial(seed=1)) == _outcome(tiny_trial(seed=1))


def test_a_folder_that_cannot_be_written() -> None:
    """A store where no file can be made is refused with the system's reason."""
    with pytest.raises(StoreError, match=r"/proc/s\.sqlite: .*; name another --store"):
        Store(Path("/proc/s.sqlite"))


def test_a_store_is_not_a_folder(tmp_path: Path) -> None:
    """A folder in place of the file is refused."""
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path)


_FILL = """
import sys
from pathlib import Path
from normdrop.errors import StoreError
from normdrop.lab.store import Store
from normdrop.lab.trial import Outcome, Trial
with Store(Path(sys.argv[1])) as store:
    try:
        for seed in range(100):
            trial = Trial("r", 1, "v", "d", "c", seed, {}, "cpu", "fp32")
            store.put(Outcome(trial, "finished", (), 0.0, "x" * 4000))
    except StoreError as error:
        print(seed, error)
"""


def test_a_full_disk_keeps_what_was_put(tmp_path: Path) -> None:
    """When no more can be written, that is said, and every outcome put before is kept."""
    path = tmp_path / "s.sqlite"
    limit = 100_000
    result = subprocess.run(
        [sys.executable, "-c", _FILL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    count, message = result.stdout.split(" ", 1)
    assert "what it holds is kept" in message
    assert 5 < int(count) < 50
    with Store(path) as store:
        for seed in range(int(count)):
            assert store.get(Trial("r", 1, "v", "d", "c", seed, {}, "cpu", "fp32")) is not None


def test_default_is_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a name the store is normdrop.sqlite in the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path().name == "normdrop.sqlite"
