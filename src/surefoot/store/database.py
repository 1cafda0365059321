"""The SQLite file: how it is opened, made, brought up to date, written and read."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from surefoot.core.errors import StoreError
from surefoot.store.checkpoints import Checkpoints
from surefoot.store.faults import RAISED, told
from surefoot.store.lock import WriterLock
from surefoot.store.place import network

VERSION = 3  # of the schema, in SQLite's user_version
APPLICATION = 0x53464F54  # "SFOT", in SQLite's application_id: tells our files from others'
PATIENCE = 30.0  # seconds to wait for whoever holds the file for a moment


class Database:
    """A connection, its transactions, and the right to write, which is taken when it is first needed."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.notes: list[str] = []
        self.spent: list[str] = []  # checkpoints that a transaction let go of
        memory = str(path) == ":memory:"
        self.lock = None if memory else WriterLock(path)
        self.checkpoints = None if memory else Checkpoints(path.with_name(f"{path.name}.checkpoints"))
        self.owned = False
        self.db: sqlite3.Connection | None = None
        if not memory and not create and not path.exists():
            raise StoreError(_absent(path))
        try:
            with self.errors("open"):
                if create:
                    path.parent.mkdir(parents=True, exist_ok=True)
                self.db = _connect(path)
                self._look(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Forget what was not committed, and let others write."""
        try:
            if self.db is not None:
                self.db.close()
        finally:
            self.db, self.owned = None, False
            if self.lock is not None:
                self.lock.release()

    def ask(self, query: str, given: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connected().execute(query, given).fetchall()

    def write(self, statement: str, given: tuple[Any, ...] = ()) -> int:
        """Execute a statement in a transaction, begun where none is open; the number of a row it inserted."""
        db = self._connected()
        if not db.in_transaction:
            db.execute("BEGIN IMMEDIATE")
        return db.execute(statement, given).lastrowid or 0

    def commit(self) -> None:
        """Make what was written last; then remove the checkpoints that nothing names any more."""
        db = self._connected()
        if db.in_transaction:
            db.execute("COMMIT")
        spent, self.spent = self.spent, []
        for name in spent:
            if self.checkpoints and not self.names(name):
                with suppress(OSError):  # what stays here is swept when a study is reopened
                    self.checkpoints.remove(name)

    def names(self, checkpoint: str) -> bool:
        """Whether anything is to be gone on with from this checkpoint."""
        return any(
            self.ask(f"SELECT 1 FROM {table} WHERE checkpoint = ? LIMIT 1", (checkpoint,))
            for table in ("stages", "states")
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction by the one writer: all of it or nothing. Raises StoreError where another process writes."""
        with self.errors("write to"):
            self.own()
            self.commit()
            yield
            self.commit()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Queries that see one moment."""
        with self.errors("read"):
            db = self._connected()
            if db.in_transaction:
                yield
                return
            db.execute("BEGIN")
            try:
                yield
            finally:
                db.rollback()

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Errors of SQLite and the system in plain words; nothing half-written stays."""
        try:
            yield
        except BaseException as wrong:
            if doing != "read":
                self._rollback()
            if isinstance(wrong, RAISED):
                raise told(f"{doing} the store", self.path, wrong) from wrong
            raise

    def own(self) -> None:
        """Become the one writer: bring the file up to date, and mark what killed writers left."""
        if self.owned:
            return
        with self.errors("write to"):
            if self.lock is not None:
                self.lock.take()
                self._journal()
            self.commit()
            self._upgrade()
            # Nobody else writes, so a study that says it is running belongs to a process that is no more.
            self.write("UPDATE studies SET status = 'interrupted' WHERE status = 'running'")
            self.commit()
        self.owned = True

    def version(self) -> int:
        """The version of the schema."""
        return int(self.ask("PRAGMA user_version")[0][0])

    def held(self) -> bool:
        """Whether anyone has the right to write now."""
        return self.owned or self.lock is None or self.lock.held()

    def _connected(self) -> sqlite3.Connection:
        if self.db is None:
            raise StoreError(f"the store {self.path} is closed")
        return self.db

    def _rollback(self) -> None:
        self.spent = []
        if self.db is not None:
            with suppress(sqlite3.Error):
                self.db.rollback()

    def _look(self, create: bool) -> None:
        ours, empty = self._application(), not self.ask("SELECT 1 FROM sqlite_master LIMIT 1")
        if empty and ours in (0, APPLICATION):
            if not create:
                raise StoreError(_absent(self.path))
            schema = _schema()
            header = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
            # Of two processes that make it at once, the second finds everything made.
            self._connected().executescript(f"BEGIN IMMEDIATE; {schema} {header} COMMIT;")
        if self._application() != APPLICATION:
            raise StoreError(f"{self.path} is a database, but not a store of Surefoot. Use another folder (--out)")
        version = self.version()
        if not 1 <= version <= VERSION:
            raise StoreError(
                f"{self.path} is a store of version {version}; this Surefoot reads up to version {VERSION}. "
                "Use another folder (--out), or the Surefoot that wrote it"
            )
        self.ask("PRAGMA foreign_keys = ON")

    def _application(self) -> int:
        return int(self.ask("PRAGMA application_id")[0][0])

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _journal(self) -> None:
        kind = network(self.path.parent)
        if kind is not None:
            self._note(
                f"the folder of the store is on a network file system ({kind}): it is written without a write-ahead "
                "log, so readers and the writer wait for each other"
            )
        self._wait_for(f"PRAGMA journal_mode = {'WAL' if kind is None else 'DELETE'}")
        # A checkpoint's file is removed when the next is committed: that must be on the disk, whatever fails then.
        self.ask("PRAGMA synchronous = EXTRA")

    def _wait_for(self, statement: str) -> None:
        # The journal changes when nobody else is in the file, and SQLite does not wait for that by itself.
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask(statement)
                return
            except sqlite3.OperationalError as wrong:
                if "locked" not in str(wrong) or time.monotonic() > until:
                    raise
            time.sleep(0.01)

    def _upgrade(self) -> None:
        if self.version() == VERSION:
            return
        was = self.version()
        if was == 1:
            self.write("ALTER TABLE studies ADD COLUMN plan TEXT NOT NULL DEFAULT ''")
            self.write("DELETE FROM stage_runs")
            self.write("DELETE FROM stages")
        self.write(_statement("states"))
        self.write(f"PRAGMA user_version = {VERSION}")
        self._note(
            f"the store {self.path} was of version {was} and is now of version {VERSION}: "
            "an older Surefoot cannot read it"
        )


def _connect(path: Path) -> sqlite3.Connection:
    """A connection; where this user may only read, one that does."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    where = path.absolute().as_uri()
    db = sqlite3.connect(f"{where}?mode=ro", timeout=PATIENCE, isolation_level=None, uri=True)
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.OperationalError:
        # A write-ahead log, even an empty one, needs a file beside this one; without it the file is all there is.
        db.close()
        db = sqlite3.connect(f"{where}?mode=ro&immutable=1", isolation_level=None, uri=True)
    return db


def _schema() -> str:
    return files("surefoot.store").joinpath("schema.sql").read_text()


def _statement(table: str) -> str:
    """The statement of the schema that makes a table."""
    start = _schema().index(f"CREATE TABLE IF NOT EXISTS {table} ")
    return _schema()[start:].split("\n);")[0] + ")"


def _absent(path: Path) -> str:
    return f"there is no store at {path}: nothing has been recorded there yet"
