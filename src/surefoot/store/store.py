"""The record file: one writer, any number of readers."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
import numpy as np

from surefoot.core.errors import StoreError, UsageError
from surefoot.core.history import Facts, History, Status, Study
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Event, Finished, Losses, Note, Observation, Observed, Progress, Sink
from surefoot.core.run import Run

VERSION = 1  # of the schema, in SQLite's user_version
MOST = float(np.finfo(np.float32).max)  # losses are stored as float32
APPLICATION = 0x53464F54  # "SFOT", in SQLite's application_id: tells our files from others'


class Store:
    """A SQLite file of studies. Parameters: `path`; `create`, whether to make it where it is absent.

    Raises StoreError for a file that cannot be opened or written, is not a store, or is of another version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not path.exists() and not create:
            raise StoreError(f"there is no store at {path}: nothing has been recorded there yet")
        with self._errors("open"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, timeout=30)
            self._prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.db.close()

    def begin(self, kind: str, facts: Facts, environment: Mapping[str, str], runs: Sequence[Run]) -> int:
        """Write the plan of a study; its number."""
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        with self._errors("write to"), self.db:
            row = self.db.execute(
                "INSERT INTO studies (kind, created, status, facts, environment) VALUES (?, ?, 'running', ?, ?)",
                (kind, created, json.dumps(attrs.asdict(facts)), json.dumps(dict(environment))),
            )
            study = int(row.lastrowid or 0)
            for run in runs:
                recipe = attrs.asdict(run.recipe)
                self.db.execute(
                    "INSERT INTO runs (study, run, recipe, seed, key, status) VALUES (?, ?, ?, ?, ?, 'planned')",
                    (study, run.index, json.dumps(recipe), run.seed, run.key),
                )
                stage = (study, run.index, facts.steps)
                self.db.execute("INSERT INTO stages VALUES (?, ?, NULL, 0, ?, 'planned', NULL)", stage)
                self.db.execute("INSERT INTO stage_runs VALUES (?, ?, ?)", (study, run.index, run.index))
        return study

    def sink(self, study: int) -> Sink:
        """Where a trainer's records of a study go. A run's losses are written with the observation that follows."""
        held: dict[int, list[Losses]] = {}

        def flush(run: int) -> None:
            if chunks := held.pop(run, None):
                seen = np.concatenate([chunk.values for chunk in chunks]).clip(-MOST, MOST).astype("<f4").tobytes()
                self.db.execute("INSERT INTO losses VALUES (?, ?, ?, ?)", (study, run, chunks[0].start, seen))

        def write(event: Event) -> None:
            match event:
                case Losses():
                    held.setdefault(event.run, []).append(event)
                case Observed(run=run, observation=observation):
                    flush(run)
                    seen = json.dumps(dict(observation.values))
                    self.db.execute(
                        "INSERT INTO observations VALUES (?, ?, ?, ?)", (study, run, observation.step, seen)
                    )
                    self._set(study, run, "running")
                case Diverged(run=run, step=step):
                    self._set(study, run, "diverged")
                    self.db.execute("UPDATE runs SET diverged = ? WHERE study = ? AND run = ?", (step, study, run))
                case Finished(run=run, seconds=seconds, final=final):
                    flush(run)
                    self.db.execute(
                        "UPDATE runs SET seconds = ?, final = ?, "
                        "status = CASE status WHEN 'diverged' THEN status ELSE 'done' END WHERE study = ? AND run = ?",
                        (seconds, json.dumps(dict(final)), study, run),
                    )
                    self.db.execute("UPDATE stages SET status = 'done' WHERE study = ? AND stage = ?", (study, run))
                case Note(text=text):
                    self.db.execute("INSERT INTO notes VALUES (?, ?)", (study, text))

        def record(event: Event) -> None:
            # Records arrive in bursts, a look at all rows at a time: what a burst wrote is committed when it is over.
            with self._errors("write to"):
                if isinstance(event, Progress):
                    self.db.commit()
                write(event)

        return record

    def finish(self, study: int, status: Status, seconds: float, trainer: str = "") -> None:
        """Close a study as done, interrupted or failed; `trainer` is the one that was used."""
        with self._errors("write to"), self.db:
            self.db.execute(
                "UPDATE studies SET status = ?, seconds = ?, trainer = ? WHERE id = ?",
                (status, seconds, trainer, study),
            )

    def studies(self) -> list[Study]:
        """All studies, without their curves."""
        with self._errors("read"):
            return [self._study(row, ()) for row in self.db.execute("SELECT * FROM studies ORDER BY id")]

    def load(self, study: int | None = None) -> Study:
        """One study with all its records; the latest where no number is given. Raises UsageError for an unknown one."""
        with self._errors("read"):
            known = [number for (number,) in self.db.execute("SELECT id FROM studies ORDER BY id")]
            if not known:
                raise UsageError(f"the store {self.path} holds no study yet", remedy="run: surefoot compare")
            chosen = known[-1] if study is None else study
            if chosen not in known:
                raise UsageError(f"no study {study} in {self.path}", remedy=f"known: {', '.join(map(str, known))}")
            row = self.db.execute("SELECT * FROM studies WHERE id = ?", (chosen,)).fetchone()
            return self._study(row, tuple(self._runs(chosen)))

    def _runs(self, study: int) -> Iterator[History]:
        columns = "run, recipe, seed, key, status, diverged, seconds, final"
        for row in self.db.execute(f"SELECT {columns} FROM runs WHERE study = ? ORDER BY run", (study,)).fetchall():
            index, recipe, seed, key, status, diverged, seconds, final = row
            seen = self.db.execute(
                "SELECT step, seen FROM observations WHERE study = ? AND run = ? ORDER BY step", (study, index)
            )
            observations = tuple(Observation(step, json.loads(values)) for step, values in seen)
            blobs = self.db.execute(
                "SELECT seen FROM losses WHERE study = ? AND run = ? ORDER BY start", (study, index)
            ).fetchall()
            losses = np.frombuffer(b"".join(blob for (blob,) in blobs), dtype="<f4")
            run = Run(index, _recipe(json.loads(recipe)), seed, key)
            yield History(run, status, observations, losses, diverged, seconds, json.loads(final))

    def _study(self, row: tuple[Any, ...], runs: tuple[History, ...]) -> Study:
        number, kind, created, status, seconds, trainer, facts, environment = row
        notes = self.db.execute("SELECT note FROM notes WHERE study = ? ORDER BY rowid", (number,)).fetchall()
        given = json.loads(facts)
        given |= {name: tuple(given[name]) for name in ("metrics", "seeds")}
        texts = tuple(note for (note,) in notes)
        return Study(
            number, kind, created, status, Facts(**given), json.loads(environment), runs, texts, seconds, trainer
        )

    def _set(self, study: int, run: int, status: Status) -> None:
        self.db.execute("UPDATE runs SET status = ? WHERE study = ? AND run = ?", (status, study, run))

    def _prepare(self) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        (tables,) = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            self.db.execute("PRAGMA journal_mode = WAL")
            schema = files("surefoot.store").joinpath("schema.sql").read_text()
            header = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
            self.db.executescript(f"BEGIN; {schema} {header} COMMIT;")
        elif application != APPLICATION:
            raise StoreError(f"{self.path} is a database, but not a store of Surefoot")
        elif version != VERSION:
            raise StoreError(
                f"{self.path} is a store of version {version}; this Surefoot reads version {VERSION}. "
                "Use another folder (--out), or the Surefoot that wrote it"
            )
        self.db.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as wrong:
            raise StoreError(
                f"cannot {doing} the store {self.path}: {wrong}. Check the disk and the permissions, "
                "or use another folder (--out)"
            ) from wrong


def _recipe(data: dict[str, Any]) -> Recipe:
    return Recipe(**{**data, "hyper": dict(data["hyper"])})
