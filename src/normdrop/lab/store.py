"""Outcomes on disk: one SQLite file, written by the driver alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import platformdirs
from filelock import FileLock, Timeout

from normdrop.errors import StoreError
from normdrop.lab.trial import Outcome, Trial, outcome_line, read_outcome

_APPLICATION = 0x6E6F7264  # "nord": marks a SQLite file as one of ours
_VERSION = 1
_SCHEMA = """
CREATE TABLE outcome (
  key      TEXT PRIMARY KEY,  -- the trial's hash
  recipe   TEXT NOT NULL,
  variant  TEXT NOT NULL,
  data     TEXT NOT NULL,
  seed     INTEGER NOT NULL,
  status   TEXT NOT NULL,
  ended    TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  outcome  TEXT NOT NULL      -- the whole outcome, as JSON
) WITHOUT ROWID
"""


def default_path() -> Path:
    """Where outcomes are kept when no store is named: a file in the user's data folder."""
    return Path(platformdirs.user_data_dir("normdrop", appauthor=False)) / "normdrop.sqlite"


class Store:
    """A file of outcomes, open for one driver at a time.

    Every outcome is on disk when `put` returns. Use it as a context manager, or close it.

    Args:
        path: The file; it and its folder are made if missing.

    Raises:
        StoreError: When the file is no store, damaged, newer than this normdrop, in use by another
            driver, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = Path(f"{path}.lock")
            lock.touch()  # says why it cannot be made; the lock itself would only say "not now"
            self._lock = FileLock(lock)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise StoreError(
                    f"{path}: another `normdrop compare` is using this store; wait for it to end "
                    "or name another one with --store"
                ) from None
            try:
                self._connection = self._open()
            except BaseException:
                self._lock.release()
                raise

    def get(self, trial: Trial) -> Outcome | None:
        """What came of a trial; None if it has not ended yet, or if what was kept of it is damaged.

        A damaged outcome tells nothing: the trial is run again, and `put` replaces what was there.
        """
        with self._explained():
            query = "SELECT outcome FROM outcome WHERE key = ?"
            row = self._connection.execute(query, (trial.key,)).fetchone()
        try:
            outcome = read_outcome(row[0]) if row else None
        except ValueError:
            return None
        return outcome if outcome is not None and outcome.trial.key == trial.key else None

    def put(self, outcome: Outcome) -> None:
        """Keep an outcome, in place of an earlier one of the same trial."""
        trial = outcome.trial
        with self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO outcome (key, recipe, variant, data, seed, status, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(trial.key, trial.recipe, trial.variant, trial.data, trial.seed),
                    *(outcome.status, outcome_line(outcome)),
                ),
            )

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
        connection = sqlite3.connect(self.path, isolation_level=None)
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
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # on disk even if the machine goes down
        if empty:
            connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {_APPLICATION};"
                f"PRAGMA user_version = {_VERSION}; {_SCHEMA}; COMMIT;"
            )
        (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the file system report into one sentence with a way out."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(f"{self.path}: {reason}; name another --store") from error
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{self.path}: cannot be written ({error}); what it holds is kept: make room or "
                "name another --store, then run the same command again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: not a store, or damaged ({error}); move it away, or name another "
                "--store"
            ) from error
