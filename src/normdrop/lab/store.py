"""Outcomes on disk: one SQLite file, written by the driver alone, each row with its checksum."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import platformdirs
from filelock import FileLock, Timeout

from normdrop.errors import StoreError
from normdrop.lab.trial import Outcome, Trial, outcome_line, read_outcome
from normdrop.values.text import one_line

_APPLICATION = 0x6E6F7264  # "nord": marks a SQLite file as one of ours
_VERSION = 2
"""2: rows have a checksum. A store of version 1 gets them when it is opened."""
_SCHEMA = """
CREATE TABLE outcome (
  key      TEXT PRIMARY KEY,  -- the trial's hash
  recipe   TEXT NOT NULL,
  variant  TEXT NOT NULL,
  data     TEXT NOT NULL,
  seed     INTEGER NOT NULL,
  status   TEXT NOT NULL,
  ended    TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  outcome  TEXT NOT NULL,     -- the whole outcome, as JSON
  digest   TEXT NOT NULL DEFAULT ''  -- of all other columns
) WITHOUT ROWID
"""
_Row = Sequence[object]
"""As `SELECT *` gives it: the columns above in their order, those of version 1 without the last."""
_WIDTH = 9
_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a damaged file raises; the second where a name in SQLite's message is damaged."""
# What stands in the way of writing, and says nothing of what is written.
_FULL = {"SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_LOCKED"}


def default_path() -> Path:
    """Where outcomes are kept when no store is named: a file in the user's data folder."""
    return Path(platformdirs.user_data_dir("normdrop", appauthor=False)) / "normdrop.sqlite"


class Store:
    """A file of outcomes, open for one driver at a time.

    Every outcome is on disk when `put` returns. Use it as a context manager, or close it.

    Args:
        path: The file; it and its folder are made if missing.

    Attributes:
        path: The file.
        damaged: The trials that were asked for and whose outcome is damaged.

    Raises:
        StoreError: When the file is no store, damaged, newer than this normdrop, in use by another
            driver, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[Trial] = []
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path)
            try:
                self._connection = self._open()
            except BaseException:
                self._lock.release()
                raise

    def get(self, trial: Trial) -> Outcome | None:
        """What came of a trial; None if it has not ended yet, or if what was kept of it is damaged.

        A damaged outcome tells nothing: the trial is run again, and `put` replaces what was there.
        """
        with _explained(self.path):
            query = "SELECT * FROM outcome WHERE key = ?"
            row = self._connection.execute(query, (trial.key,)).fetchone()
        outcome = _sound(row) if row else None
        if row and outcome is None:
            self.damaged.append(trial)
        # A recipe's file may have moved since.
        return None if outcome is None else replace(outcome, trial=trial)

    def put(self, outcome: Outcome) -> None:
        """Keep an outcome, in place of an earlier one of the same trial."""
        with _explained(self.path):
            self._put(_row(outcome))

    def _put(self, row: _Row) -> None:
        query = "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._connection.execute(query, (*row, _digest(row)))

    def rows(self) -> Iterator[tuple[str, Outcome | None]]:
        """What each row is of, in words, and its outcome; None where it is damaged."""
        with _explained(self.path):
            for row in self._connection.execute("SELECT * FROM outcome"):
                yield _named(row), _sound(row)

    def close(self) -> None:
        """Let another driver have the file."""
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _open(self) -> sqlite3.Connection:
        connection = _connect(self.path)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Check that the file is a store of this version; make a new file into one."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        empty = not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        if application != _APPLICATION and not empty:
            raise StoreError(f"{self.path}: a database of something else; name another --store")
        if version > _VERSION:
            raise StoreError(
                f"{self.path}: written by a newer normdrop (store version {version}, this one "
                f"reads {_VERSION}); upgrade normdrop or name another --store"
            )
        if version < 1 and not empty:
            raise sqlite3.DatabaseError(f"store version {version}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # on disk even if the machine goes down
        if empty:
            connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {_APPLICATION};"
                f"PRAGMA user_version = {_VERSION}; {_SCHEMA}; COMMIT;"
            )
        _check_whole(connection)
        if version == 1 and not empty:
            _give_digests(connection)


def _locked(path: Path) -> FileLock:
    """The lock of a store, taken.

    Raises:
        StoreError: Another driver has it.
    """
    file = Path(f"{path}.lock")
    file.touch()  # says why it cannot be made; the lock itself would only say "not now"
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(
            f"{path}: another `normdrop compare` is using this store; wait for it to end "
            "or name another one with --store"
        ) from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    # A damaged byte is no reason to read nothing.
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    return connection


def _check_whole(connection: sqlite3.Connection) -> None:
    """Walk through the table as SQLite does when it looks a key up.

    Its own check does not ask whether keys are in order. Where they are not, as when a disk has put
    one page in another's place, a key that is there is not found, nor one that was just written.

    Raises:
        sqlite3.DatabaseError: SQLite finds a fault, or keys are out of order.
    """
    (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return  # no store yet
    last = b""
    for (key,) in connection.execute("SELECT key FROM outcome ORDER BY key"):
        found = key.encode(errors="surrogateescape") if isinstance(key, str) else b""
        if found <= last:
            raise sqlite3.DatabaseError("keys out of order")
        last = found


def _row(outcome: Outcome) -> _Row:
    trial = outcome.trial
    ended = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")  # as SQLite's CURRENT_TIMESTAMP
    return (
        *(trial.key, trial.recipe, trial.variant, trial.data, trial.seed),
        *(outcome.status, ended, outcome_line(outcome)),
    )


def _digest(row: _Row) -> str:
    """The checksum of a row without its checksum."""
    text = json.dumps(list(row), default=repr)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _sound(row: _Row) -> Outcome | None:
    """The outcome of a row that is as it was written; None where it is not.

    By its checksum; in a store of version 1 by the key alone, which is a checksum of the trial.
    """
    values, digest = (row[:-1], row[-1]) if len(row) == _WIDTH else (row, None)
    if digest is not None and digest != _digest(values):
        return None
    try:
        outcome = read_outcome(str(values[-1]))
    except (ValueError, RecursionError):
        return None
    trial, key = outcome.trial, values[0]
    # Not a set of both: the second is seldom asked for, and takes as long as the first.
    return outcome if key == trial.key or key == _key_of_1(trial) else None


def _key_of_1(trial: Trial) -> str:
    """The key in version 1: with the folder of a recipe's file."""
    return hashlib.sha256(json.dumps(asdict(trial), sort_keys=True).encode()).hexdigest()


def _named(row: _Row) -> str:
    """What a row is of, as far as it says so."""
    recipe, variant, data, seed = row[1:5]
    return one_line(f"{variant} with seed {seed} ({recipe} on {data})")


def _give_digests(connection: sqlite3.Connection) -> None:
    """Make a store of version 1 one of this version: with checksums, and keys without folders."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        rows = connection.execute("SELECT * FROM outcome").fetchall()
        connection.execute("ALTER TABLE outcome ADD COLUMN digest TEXT NOT NULL DEFAULT ''")
        for row in rows:
            outcome = _sound(row)
            if outcome is not None:
                new = (outcome.trial.key, *row[1:])
                query = "UPDATE OR REPLACE outcome SET key = ?, digest = ? WHERE key = ?"
                connection.execute(query, (new[0], _digest(new), row[0]))
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system report into one sentence with a way out."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{path}: {reason}; name another --store") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in _FULL or name.startswith("SQLITE_IOERR"):
            raise StoreError(
                f"{path}: cannot be written ({error}); what it holds is kept: make room or "
                "name another --store, then run the same command again"
            ) from error
        raise StoreError(
            f"{path}: not a store, or damaged ({one_line(str(error))}); `normdrop store repair "
            f"--store {path}` saves what can be read, or name another --store"
        ) from error


def check_exists(path: Path) -> None:
    """Refuse a store that is not there, rather than make it.

    Raises:
        StoreError: There is no file.
    """
    if not path.is_file():
        raise StoreError(f"{path}: no such store")


@dataclass(frozen=True)
class Salvaged:
    """What became of a damaged store.

    Attributes:
        kept: How many outcomes are sound.
        lost: What was taken out, a line each, where a row says what it was of.
        damaged: Where the damaged file lies now; None where there was nothing to mend.
    """

    kept: int
    lost: tuple[str, ...]
    damaged: Path | None


def salvage(path: Path) -> Salvaged:
    """Take what is damaged out of a store; its trials will be trained again.

    What can be read is written to a new file, and the old one is kept beside it.

    Raises:
        StoreError: The store is missing, in use, of a newer normdrop, or nothing in it can be read.
    """
    check_exists(path)
    with _explained(path):
        lock = _locked(path)
        try:
            return _repaired(path)
        finally:
            lock.release()


def _repaired(path: Path) -> Salvaged:
    rows, whole = _salvaged(path)
    outcomes = [(row, _sound(row)) for row in rows]
    kept = [(outcome.trial.key, *row[1:8]) for row, outcome in outcomes if outcome is not None]
    lost = tuple(_named(row) for row, outcome in outcomes if outcome is None)
    if whole and not lost:
        return Salvaged(len(kept), (), None)
    if not kept:
        raise StoreError(f"{path}: nothing in it can be read: move it away")
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with Store(new) as store:
        for row in kept:
            store._put(row)  # noqa: SLF001 - as it was written, with the time it ended
    Path(f"{new}.lock").unlink(missing_ok=True)
    aside = _free(path)
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        if (beside := Path(f"{path}{suffix}")).exists():
            beside.rename(f"{aside}{suffix}")
    new.rename(path)
    return Salvaged(len(kept), lost, aside)


def _free(path: Path) -> Path:
    """A name beside a file that is not taken."""
    number = 1
    while (free := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return free


def _salvaged(path: Path) -> tuple[list[_Row], bool]:
    """The rows that can be read, and whether there is no fault in the file.

    A damaged page ends a walk through the table, so it is walked from both ends.
    """
    found: dict[object, _Row] = {}
    with closing(_connect(path)) as connection:
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            _check_whole(connection)
            whole = application == _APPLICATION and version in {1, _VERSION}
        except _DAMAGED:
            whole = False
        for query in (
            "SELECT * FROM outcome ORDER BY key",
            "SELECT * FROM outcome ORDER BY key DESC",
        ):
            try:
                for row in connection.execute(query):
                    found.setdefault(row[0], row)
            except _DAMAGED:
                whole = False
    return list(found.values()), whole
