"""The record file: one writer, any number of readers."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from surefoot.core.errors import UsageError
from surefoot.core.history import Facts, Status, Study
from surefoot.core.record import Sink
from surefoot.core.run import Run
from surefoot.store import states
from surefoot.store.check import Checked, check
from surefoot.store.checkpoints import Checkpoints
from surefoot.store.database import Database
from surefoot.store.read import history_of, keys_of, run_rows, study_of, study_rows
from surefoot.store.reopen import Reopened, plan_of, reopen, sweep
from surefoot.store.sink import Recorder
from surefoot.store.tiles import runs_of


class Store:
    """A SQLite file of studies. Parameters: `path`; `create`, whether to make it where it is absent.

    Whoever writes first (`begin`, `plan`, `sink`, `finish`, `reopen`) is the one writer until the store is closed.
    Raises StoreError for a file that cannot be opened or written, is not a store, is of a newer version, or is being
    written by another process.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self.database = Database(path, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others write."""
        self.database.close()

    @property
    def notes(self) -> list[str]:
        """What to tell the user of the file itself; complete once something was written."""
        return self.database.notes

    @property
    def checkpoints(self) -> Checkpoints | None:
        """Where checkpoints are kept; None in memory."""
        return self.database.checkpoints

    def writing(self) -> bool:
        """Whether someone, this store or another process, is the writer now."""
        return self.database.held()

    def begin(self, kind: str, facts: Facts, environment: Mapping[str, str], runs: Sequence[Run]) -> int:
        """Write what a study will train; its number."""
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        with self.database.writing():
            study = self.database.write(
                "INSERT INTO studies (kind, created, status, facts, environment) VALUES (?, ?, 'running', ?, ?)",
                (kind, created, json.dumps(attrs.asdict(facts)), json.dumps(dict(environment))),
            )
            states.add(self.database, study, runs)
        return study

    def add(self, study: int, runs: Sequence[Run]) -> None:
        """Write that a study trains these runs, too."""
        with self.database.writing():
            states.add(self.database, study, runs)

    def fork(self, study: int, source: int, run: int, step: int) -> None:
        """Write that the past of a run, up to a step, is what another one recorded."""
        with self.database.writing():
            states.fork(self.database, study, source, run, step)

    def states(self, study: int) -> dict[int, tuple[int, str | None]]:
        """Of every run that paused its step, and the checkpoint that goes on from there."""
        with self.database.reading():
            return states.states(self.database, study)

    def take_back(self, study: int) -> list[str]:
        """Go on with a search: its runs are taken back to where they paused; notes for the user."""
        with self.database.writing():
            self.database.write("UPDATE studies SET status = 'running' WHERE id = ?", (study,))
            notes = states.take_back(self.database, study)
        sweep(self.database)
        return notes

    def forget(self, study: int, first: int) -> None:
        """Remove the runs of a study from one on, with all that was recorded of them."""
        with self.database.writing():
            states.forget(self.database, study, first)

    def let_go(self, study: int) -> None:
        """Remove what a search could be gone on with."""
        with self.database.writing():
            states.let_go(self.database, study)
        sweep(self.database)

    def plan(self, study: int, plan: Mapping[str, Any]) -> None:
        """Write how a study is trained. `plan["tiles"]` names the runs that are trained together, by the rows that
        they begin as: `[[[0, 1], [2]], [[3]]]`."""
        with self.database.writing():
            self.database.write("UPDATE studies SET plan = ? WHERE id = ?", (json.dumps(dict(plan)), study))
            self.database.write("DELETE FROM stages WHERE study = ?", (study,))
            for tile, bundles in enumerate(plan["tiles"]):
                self.database.write(
                    "INSERT INTO stages (study, stage, start, stop, status) VALUES (?, ?, 0, 0, 'planned')",
                    (study, tile),
                )
                for run in runs_of(bundles):
                    self.database.write(
                        "INSERT INTO stage_runs (study, stage, run) VALUES (?, ?, ?)", (study, tile, run)
                    )

    def planned(self, study: int) -> dict[str, Any] | None:
        """How a study is trained, as it was written; None where it is not known yet."""
        with self.database.reading():
            ((text,),) = self.database.ask("SELECT plan FROM studies WHERE id = ?", (study,))
        return plan_of(text)

    def sink(self, study: int) -> Sink:
        """Where a trainer's records of a study go."""
        with self.database.writing():
            return Recorder(self.database, study)

    def finish(self, study: int, status: Status, seconds: float, trainer: str = "") -> None:
        """Close a study as done, interrupted or failed, `seconds` after it was begun or reopened; `trainer` is the one
        that was used."""
        with self.database.writing():
            self.database.write(
                "UPDATE studies SET status = ?, seconds = seconds + ?, "
                "trainer = coalesce(nullif(?, ''), trainer) WHERE id = ?",
                (status, seconds, trainer, study),
            )

    def reopen(self, study: int) -> Reopened:
        """Go on with a study: its records are taken back to its checkpoints, and what is left to do is said."""
        with self.database.reading():
            self._known(study)
        return reopen(self.database, study)

    def studies(self) -> list[Study]:
        """All studies, without their curves."""
        idle = not self.writing()
        with self.database.reading():
            found = [study_of(self.database, row, ()) for row in study_rows(self.database)]
        return [self._alive(study, idle) for study in found]

    def load(self, study: int | None = None) -> Study:
        """One study with all its records; the latest where no number is given. Raises UsageError for an unknown one."""
        idle = not self.writing()
        with self.database.reading():
            chosen = self._known(study)[-1]
            runs = tuple(history_of(self.database, chosen, row) for row in run_rows(self.database, chosen))
            found = study_of(self.database, study_rows(self.database, chosen)[0], runs)
        return self._alive(found, idle)

    def find(self, keys: Sequence[str]) -> list[Study]:
        """The studies of exactly these runs, in this order; the newest first, without their curves."""
        idle = not self.writing()
        with self.database.reading():
            same = [study for study in self._numbers() if keys_of(self.database, study) == list(keys)]
            found = [study_of(self.database, study_rows(self.database, study)[0], ()) for study in same]
        return [self._alive(study, idle) for study in reversed(found)]

    def check(self, study: int | None = None) -> Checked:
        """Verify all records, or those of one study. What is damaged is told, not raised."""
        with self.database.errors("read"):
            if study is not None:
                self._known(study)
            return check(self.database, study)

    def _numbers(self) -> list[int]:
        return [number for (number,) in self.database.ask("SELECT id FROM studies ORDER BY id")]

    def _known(self, study: int | None) -> list[int]:
        """The studies there are, or the one that is asked for."""
        known = self._numbers()
        if not known:
            raise UsageError(f"the store {self.path} holds no study yet", remedy="run: surefoot compare")
        if study is not None and study not in known:
            raise UsageError(f"no study {study} in {self.path}", remedy=f"known: {', '.join(map(str, known))}")
        return known if study is None else [study]

    def _alive(self, study: Study, idle: bool) -> Study:
        """Whoever was killed has left "running" behind; `idle` is whether nobody wrote before the study was read."""
        dead = study.status == "running" and idle and not self.writing()
        return attrs.evolve(study, status="interrupted") if dead else study
