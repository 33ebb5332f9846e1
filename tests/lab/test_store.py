"""The store: what is put is kept, and what cannot be is said in one sentence."""

import hashlib
import json
import random
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from normdrop.errors import StoreError
from normdrop.lab.store import Salvaged, Store, default_path, salvage
from normdrop.lab.trial import Epoch, Outcome, Trial, outcome_line

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
    with pytest.raises(StoreError, match=r"newer normdrop \(store version 7, this one reads 2\)"):
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


def _of_version_1(path: Path, outcomes: list[Outcome]) -> None:
    """A store as it was before rows had checksums, and keys held the folder of a recipe's file."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE outcome (key TEXT PRIMARY KEY, recipe TEXT NOT NULL, variant TEXT NOT "
            "NULL, data TEXT NOT NULL, seed INTEGER NOT NULL, status TEXT NOT NULL, ended TEXT NOT "
            "NULL DEFAULT CURRENT_TIMESTAMP, outcome TEXT NOT NULL) WITHOUT ROWID"
        )
        connection.execute(f"PRAGMA application_id = {0x6E6F7264}")
        connection.execute("PRAGMA user_version = 1")
        for each in outcomes:
            trial = each.trial
            text = json.dumps(asdict(trial), sort_keys=True)
            connection.execute(
                "INSERT INTO outcome (key, recipe, variant, data, seed, status, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(hashlib.sha256(text.encode()).hexdigest(), trial.recipe, trial.variant),
                    *(trial.data, trial.seed, each.status, outcome_line(each)),
                ),
            )
    connection.close()


def test_a_store_of_version_1_is_gone_on_with(tmp_path: Path, tiny_trial: Make) -> None:
    """Outcomes are found by the trials of then, also where a recipe's file has moved since."""
    path = tmp_path / "s.sqlite"
    built_in = tiny_trial()
    own = replace(built_in, recipe="/home/then/my_recipe.py@0123456789ab")
    moved = replace(own, recipe="/home/now/my_recipe.py@0123456789ab")
    other = replace(own, recipe="/home/now/my_recipe.py@ba9876543210")
    _of_version_1(path, [_outcome(built_in), _outcome(own)])
    for _ in range(2):  # once as it was, once as it is now
        with Store(path) as store:
            assert store.get(built_in) == _outcome(built_in)
            assert store.get(own) == _outcome(own)
            assert store.get(moved) == _outcome(moved)
            assert store.get(other) is None
            assert store.damaged == []


@pytest.mark.parametrize(
    "change",
    [
        {"recipe_version": 2},
        {"data_checksum": "other"},
        {"recipe": "/a/r.py@ba9876543210"},
        {"recipe": "/a/s.py@0123456789ab"},
        {"recipe": "/a/r.py"},
    ],
)
def test_other_code_or_data_is_another_trial(change: dict[str, object], tiny_trial: Make) -> None:
    """A recipe's version, its code and the checksum of the data are in the key; its folder not."""
    trial = replace(tiny_trial(), recipe="/a/r.py@0123456789ab")
    assert replace(trial, **change).key != trial.key  # type: ignore[arg-type] # a field's own
    for folder in ("", "b/", "C:\\recipes\\"):
        assert replace(trial, recipe=f"{folder}r.py@0123456789ab").key == trial.key


@pytest.mark.parametrize(
    "column", ["recipe", "variant", "data", "seed", "status", "ended", "outcome", "digest"]
)
def test_a_changed_column_is_seen(tmp_path: Path, tiny_trial: Make, column: str) -> None:
    """Every column is under the checksum: a number changed by hand is damage."""
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.put(_outcome(tiny_trial()))
        store.put(_outcome(tiny_trial(seed=1)))
    connection = sqlite3.connect(path)
    new = "replace(outcome, '2.5', '2.4')" if column == "outcome" else f"{column} || '1'"
    with connection:
        connection.execute(f"UPDATE outcome SET {column} = {new} WHERE seed = 0")  # noqa: S608 - our own
    connection.close()
    with Store(path) as store:
        assert store.get(tiny_trial()) is None
        assert store.damaged == [tiny_trial()]
        assert [outcome is None for _, outcome in store.rows()].count(True) == 1
        assert store.get(tiny_trial(seed=1)) is not None


def _flipped(path: Path, original: bytes, place: random.Random) -> None:
    """The store with one bit of it turned over."""
    content = bytearray(original)
    content[place.randrange(len(content))] ^= 1 << place.randrange(8)
    path.write_bytes(content)


def _is_told(action: Callable[[], object]) -> bool:
    """Whether something is refused, in one line."""
    try:
        action()
    except StoreError as error:
        return len(str(error).splitlines()) == 1
    return False


def _seen(path: Path, trials: list[Trial]) -> str:
    """How a store that may be damaged ended, and that it ended well."""

    def read() -> str:
        with Store(path) as store:
            found = [store.get(trial) for trial in trials]
            for trial, outcome in zip(trials, found, strict=True):
                assert outcome is None or outcome == _outcome(trial)
                if outcome is None:
                    store.put(_outcome(trial))
            assert [store.get(trial) for trial in trials] == [*map(_outcome, trials)]
        return "again" if None in found else "same"

    read_at_once: list[str] = []
    if not _is_told(lambda: read_at_once.append(read())):
        return read_at_once[0]
    if not _is_told(lambda: salvage(path)):
        read()
    return "line"


def _emptied(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()


@pytest.mark.parametrize(
    "flips", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])]
)
def test_a_bit_that_flips_changes_no_number(tmp_path: Path, tiny_trial: Make, flips: int) -> None:
    """The same outcomes, trials to run again, or one line; after a repair likewise."""
    path = tmp_path / "s.sqlite"
    trials = [tiny_trial(seed=seed) for seed in range(12)]
    with Store(path) as store:
        for trial in trials:
            store.put(_outcome(trial))
    original = path.read_bytes()
    place = random.Random(flips)  # noqa: S311 - no secrets
    seen = set()
    for _ in range(flips):
        _emptied(tmp_path)
        _flipped(path, original, place)
        seen.add(_seen(path, trials))
    assert {"same", "again"} <= seen


_PAGE = 4096


def _damage(kind: str, content: bytearray, place: random.Random) -> None:
    """Damage a file of pages in place, as a disk, a copy or a crash may."""
    last = len(content) // _PAGE - 1
    one, other = (_PAGE * place.randint(0, last) for _ in range(2))
    here, there = slice(one, one + _PAGE), slice(other, other + _PAGE)
    somewhere = place.randrange(len(content))
    match kind:
        case "header":
            content[place.randrange(100)] = place.randrange(256)
        case "page":
            content[here] = place.randbytes(_PAGE)
        case "swapped":
            content[here], content[there] = content[there], content[here]
        case "doubled":
            content[here] = content[there]
        case "zeros":
            content[somewhere : somewhere + 512] = bytes(len(content[somewhere : somewhere + 512]))
        case "short":
            del content[somewhere:]
        case "long":
            content += place.randbytes(somewhere)


@pytest.mark.parametrize("beside", ["", "-wal"])
@pytest.mark.parametrize("kind", ["header", "page", "swapped", "doubled", "zeros", "short", "long"])
@pytest.mark.parametrize(
    "times", [6, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])]
)
def test_damage_of_any_kind_changes_no_number(
    tmp_path: Path, tiny_trial: Make, kind: str, beside: str, times: int
) -> None:
    """Headers, pages, lengths, of the file or of the log that a killed driver leaves beside it."""
    path = tmp_path / "s.sqlite"
    trials = [tiny_trial(seed=seed) for seed in range(40)]
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal")]
    with Store(path) as store:
        for trial in trials:
            store.put(_outcome(trial))
        if beside:
            original = [bytearray(file.read_bytes()) for file in files]
    if not beside:
        original = [bytearray(path.read_bytes())]
    place = random.Random(f"{kind}{beside}")  # noqa: S311 - no secrets
    for _ in range(times):
        _emptied(tmp_path)
        contents = [bytearray(each) for each in original]
        _damage(kind, contents[-1], place)
        for file, content in zip(files, contents, strict=False):
            file.write_bytes(content)
        _seen(path, trials)


def test_pages_out_of_place_are_seen_and_mended(tmp_path: Path, tiny_trial: Make) -> None:
    """Keys out of order would hide outcomes that are there; a repair keeps every one of them."""
    path = tmp_path / "s.sqlite"
    trials = [tiny_trial(seed=seed) for seed in range(40)]
    with Store(path) as store:
        for trial in trials:
            store.put(_outcome(trial))
    original = path.read_bytes()
    pages = range(len(original) // _PAGE)
    seen = 0
    for one in pages:
        for other in pages[one + 1 :]:
            _emptied(tmp_path)
            content = bytearray(original)
            here, there = (slice(_PAGE * each, _PAGE * (each + 1)) for each in (one, other))
            content[here], content[there] = content[there], content[here]
            path.write_bytes(content)
            try:
                Store(path).close()
            except StoreError as error:
                if "keys out of order" in str(error):
                    seen += 1
                    assert salvage(path).kept == len(trials)
    assert seen


def test_a_store_that_lost_its_mark_is_repaired(tmp_path: Path, tiny_trial: Make) -> None:
    """What says that a file is a store may be what is damaged; its rows speak for themselves."""
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.put(_outcome(tiny_trial()))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()
    with pytest.raises(StoreError, match="a database of something else"):
        Store(path)
    assert salvage(path).kept == 1
    with Store(path) as store:
        assert store.get(tiny_trial()) == _outcome(tiny_trial())


def test_a_store_is_repaired(tmp_path: Path, tiny_trial: Make) -> None:
    """Sound rows are kept bit for bit, damaged ones taken out; the old file stays beside."""
    path = tmp_path / "s.sqlite"
    with pytest.raises(StoreError, match="no such store"):
        salvage(path)
    with Store(path) as store:
        for seed in range(300):
            store.put(_outcome(tiny_trial(seed=seed)))
        with pytest.raises(StoreError, match="is using this store"):
            salvage(path)
    assert salvage(path) == Salvaged(300, (), None)
    with path.open("r+b") as file:
        file.seek(3 * path.stat().st_size // 4)
        file.write(b"\xa5" * 4000)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="normdrop store repair --store"):
        Store(path)
    done = salvage(path)
    assert 100 < done.kept < 300
    assert done.damaged is not None
    assert done.damaged.read_bytes() == before
    with Store(path) as store:
        found = [store.get(tiny_trial(seed=seed)) for seed in range(300)]
    assert sum(each is not None for each in found) == done.kept
    assert all(each is None or each == _outcome(each.trial) for each in found)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="nothing in it can be read"):
        salvage(path)


def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, tiny_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one put counts, whatever the clock says."""

    class Past(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Past":
            return cls(1970, 1, 1, tzinfo=tz)

    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.put(Outcome(tiny_trial(), "failed", (), 0.0, "first"))
        monkeypatch.setattr("normdrop.lab.store.datetime", Past)
        store.put(_outcome(tiny_trial()))
    with Store(path) as store:
        assert store.get(tiny_trial()) == _outcome(tiny_trial())


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
