"""Verify what is recorded: that the file is whole, that nothing is missing, and that all of it makes sense."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from attrs import frozen

from surefoot.core.history import History, Study
from surefoot.store.database import Database
from surefoot.store.faults import RAISED, DamagedError
from surefoot.store.read import history_of, run_rows, study_of, study_rows
from surefoot.store.reopen import plan_of
from surefoot.store.tiles import FINISHED, runs_of

MOST = 20  # things that SQLite may say about one file


@frozen
class Finding:
    """Something that was found: damage, or only worth knowing."""

    study: int | None  # None where it is of no study
    what: str
    bad: bool = True


@frozen
class Checked:
    """What was verified, and what was found."""

    studies: int
    runs: int
    numbers: int  # losses and observed values
    bytes: int  # of the file, whatever was asked for
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not any(finding.bad for finding in self.findings)


def check(database: Database, study: int | None = None) -> Checked:
    """Verify all studies, or one of them. What is damaged is told, not raised."""
    look, rows, size = _Look(database), [], 0
    with database.reading():
        with look.guarded():
            size = int(database.ask("PRAGMA page_count")[0][0]) * int(database.ask("PRAGMA page_size")[0][0])
            look.file()
        with look.guarded():
            rows = study_rows(database, study)
        for row in rows:
            with look.guarded(row[0]):
                look.study(row)
    # Outside that moment: where someone writes, checkpoints come and go.
    with look.guarded():
        look.checkpoints(study)
    with look.guarded():
        look.orphans()
    return Checked(len(rows), look.runs, look.numbers, size, tuple(look.findings))


class _Look:
    """Collects findings."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.findings: list[Finding] = []
        self.runs = self.numbers = 0

    def say(self, study: int | None, what: str, *, bad: bool = True) -> None:
        self.findings.append(Finding(study, what, bad))

    @contextmanager
    def guarded(self, study: int | None = None) -> Iterator[None]:
        """What cannot be read is a finding, and the rest is looked at all the same."""
        try:
            yield
        except DamagedError as wrong:
            self.say(study, wrong.what)
        except RAISED as wrong:
            self.say(study, f"cannot be read: {wrong}")

    def file(self) -> None:
        for (said,) in self.database.ask(f"PRAGMA integrity_check({MOST})"):
            if said != "ok":
                self.say(None, f"SQLite finds: {said}")
        broken = Counter((table, of) for table, _, of, _ in self.database.ask("PRAGMA foreign_key_check"))
        for (table, of), count in broken.items():
            self.say(None, f"{count} rows of {table} belong to nothing in {of}")

    def study(self, row: tuple[Any, ...]) -> None:
        study = study_of(self.database, row, ())
        for each in run_rows(self.database, study.id):
            self.runs += 1
            with self.guarded(study.id):
                run = history_of(self.database, study.id, each)
                self.numbers += len(run.losses) + sum(len(seen.values) for seen in run.observations)
                for what in (*self._losses(study, run), *_observations(study, run)):
                    name = f"{run.run.recipe.name}, seed {run.run.seed}"
                    self.say(study.id, f"run {run.run.index} ({name}): {what}")
                if study.status == "done" and run.status in ("planned", "running"):
                    self.say(study.id, f"the study is done, but run {run.run.index} is {run.status}")
        if self.database.version() > 1:
            self._plan(study)

    def _losses(self, study: Study, run: History) -> Iterator[str]:
        end = 0
        query = "SELECT start, length(seen) / 4 FROM losses WHERE study = ? AND run = ? ORDER BY start"
        for start, count in self.database.ask(query, (study.id, run.run.index)):
            if start != end:
                yield f"its losses go on at update {start}, where update {end} comes next"
            end = start + count
        most = 0 if run.status == "planned" else study.facts.steps if run.diverged is None else run.diverged
        early = study.facts.patience is not None and run.status == "done"
        if end > most or (end < most and run.status in FINISHED and not early):
            yield f"it is {run.status} and has {end} losses, where {most} belong"
        if not np.isfinite(run.losses).all():
            yield "a loss is not finite"

    def _plan(self, study: Study) -> None:
        query = "SELECT stage, run FROM stages LEFT JOIN stage_runs USING (study, stage) WHERE study = ?"
        ((text,),) = self.database.ask("SELECT plan FROM studies WHERE id = ?", (study.id,))
        tiles: dict[int, set[int]] = {}
        for tile, run in self.database.ask(query, (study.id,)):
            tiles.setdefault(tile, set()).add(run)
        try:
            plan = plan_of(text)
            named = {} if plan is None else {k: set(runs_of(tile)) for k, tile in enumerate(plan["tiles"])}
        except (ValueError, TypeError) as wrong:
            self.say(study.id, f"its plan cannot be read ({wrong})")
            return
        if named != tiles:
            self.say(study.id, "its tiles are not those of its plan")

    def checkpoints(self, study: int | None) -> None:
        for of, tile, name in self._named():
            if study in (None, of) and (fault := self._fault(name)) and (of, tile, name) in self._named():
                self.say(of, f"the checkpoint {name} of tile {tile} {fault}: the tile will start over")

        for of, run, name in self._states():
            if study in (None, of) and (fault := self._fault(name)) and (of, run, name) in self._states():
                self.say(of, f"the checkpoint {name} of run {run} {fault}: the run will start over")

    def _fault(self, name: str) -> str | None:
        return None if self.database.checkpoints is None else self.database.checkpoints.fault(name)

    def _named(self) -> list[tuple[Any, ...]]:
        return self.database.ask("SELECT study, stage, checkpoint FROM stages WHERE checkpoint IS NOT NULL")

    def _states(self) -> list[tuple[Any, ...]]:
        if self.database.version() < 3:
            return []
        return self.database.ask("SELECT study, run, checkpoint FROM states WHERE checkpoint IS NOT NULL")

    def orphans(self) -> None:
        if self.database.checkpoints is None or self.database.held():
            return
        named = {name for _, _, name in (*self._named(), *self._states())}
        for name in self.database.checkpoints.names():
            if name not in named:
                self.say(
                    None, f"the checkpoint {name} belongs to no study: it goes when one is gone on with", bad=False
                )


def _observations(study: Study, run: History) -> Iterator[str]:
    steps = [seen.step for seen in run.observations]
    if steps != sorted(set(steps)):
        yield "its observations are out of order"
    last = study.facts.steps if run.diverged is None else run.diverged
    if steps and not 0 <= min(steps) <= max(steps) <= last:
        yield f"it was observed at step {max(steps)}, where {last} is the last"
