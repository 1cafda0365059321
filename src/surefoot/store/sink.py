"""What a trainer says, written down in bursts."""

import json
from collections.abc import Mapping

import numpy as np

from surefoot.core.errors import StoreError
from surefoot.core.record import (
    Diverged,
    Event,
    Failed,
    Finished,
    Losses,
    Note,
    Observation,
    Observed,
    Paused,
    Progress,
    Saved,
)
from surefoot.store.database import Database
from surefoot.store.states import pause
from surefoot.store.tiles import FINISHED, close, move, statuses, tile_of, trim

MOST = float(np.finfo(np.float32).max)  # losses are stored as float32


class Recorder:
    """The sink of a study. A run's losses are written with what follows them; what a burst wrote is committed when it
    is over, which a `Progress` says, and at once for a checkpoint."""

    def __init__(self, database: Database, study: int) -> None:
        self.database, self.study = database, study
        self.held: dict[int, list[Losses]] = {}
        self.reached: dict[int, int] = {}  # how far each run's losses go
        self.broken = False

    def __call__(self, event: Event) -> None:
        if self.broken:
            raise StoreError(
                f"the store {self.database.path} could not be written, so nothing more is recorded. "
                "Run the same command with --resume: it goes on from what was recorded before"
            )
        try:
            with self.database.errors("write to"):
                self._write(event)
        except BaseException:
            self.broken = True  # what the burst held is gone: what comes after it would leave a gap
            raise

    def _write(self, event: Event) -> None:
        match event:
            case Progress():
                self.database.commit()
            case Losses(run=run, start=start):
                self._back_to(run, start)
                self.held.setdefault(run, []).append(event)
                self.reached[run] = start + len(event.values)
            case Observed(run=run, observation=observation):
                self._observed(run, observation)
            case Diverged(run=run, step=step):
                self._back_to(run, step)
                self._flush(run)
                self._run("status = 'diverged', diverged = ?", run, step)
            case Finished(run=run, seconds=seconds, final=final):
                self._finished(run, seconds, final)
            case Failed(run=run, reason=reason):
                self._failed(run, reason)
            case Saved(tile=tile, step=step, checkpoint=checkpoint):
                self._saved(tile, step, checkpoint)
            case Paused(run=run, step=step, seconds=seconds, checkpoint=checkpoint):
                self._flush(run)
                self._run("status = 'paused', seconds = ?", run, seconds)
                pause(self.database, self.study, run, step, checkpoint)
            case Note(text=text):
                self._note(text)

    def _observed(self, run: int, observation: Observation) -> None:
        self._flush(run)
        seen = json.dumps(dict(observation.values))
        self.database.write(
            "INSERT OR REPLACE INTO observations (study, run, step, seen) VALUES (?, ?, ?, ?)",
            (self.study, run, observation.step, seen),
        )
        self._run("status = 'running'", run)

    def _finished(self, run: int, seconds: float, final: Mapping[str, float]) -> None:
        self._flush(run)
        status = "CASE WHEN status IN ('diverged', 'failed') THEN status ELSE 'done' END"
        self._run(f"seconds = ?, final = ?, status = {status}", run, seconds, json.dumps(dict(final)))
        self._over(run)

    def _failed(self, run: int, reason: str) -> None:
        self._flush(run)
        self._run("status = 'failed'", run)
        ((recipe, seed),) = self.database.ask(
            "SELECT recipe, seed FROM runs WHERE study = ? AND run = ?", (self.study, run)
        )
        self._note(f"{json.loads(recipe)['name']}, seed {seed}: given up: {reason}")
        self._over(run)

    def _saved(self, tile: int, step: int, checkpoint: str) -> None:
        """All that the tile's runs recorded up to the checkpoint, then the checkpoint, then a commit of both."""
        for run in statuses(self.database, self.study, tile):
            self._flush(run)
        move(self.database, self.study, tile, step, checkpoint, "running")
        self.database.commit()

    def _over(self, run: int) -> None:
        """Where that was the last run of its tile, mark it done."""
        tile = tile_of(self.database, self.study, run)
        if tile is not None and set(statuses(self.database, self.study, tile).values()) <= {*FINISHED, "failed"}:
            close(self.database, self.study, tile)

    def _flush(self, run: int) -> None:
        if chunks := self.held.pop(run, None):
            seen = np.concatenate([chunk.values for chunk in chunks]).clip(-MOST, MOST).astype("<f4").tobytes()
            self.database.write(
                "INSERT INTO losses (study, run, start, seen) VALUES (?, ?, ?, ?)",
                (self.study, run, chunks[0].start, seen),
            )

    def _back_to(self, run: int, step: int) -> None:
        """A tile whose process died goes on from its checkpoint: what its runs recorded beyond is recorded again."""
        if step < self.reached.get(run, 0):
            self.held[run] = [chunk for chunk in self.held.get(run, ()) if chunk.start < step]
            trim(self.database, self.study, run, step)
            self.reached[run] = step

    def _run(self, what: str, run: int, *given: object) -> None:
        self.database.write(f"UPDATE runs SET {what} WHERE study = ? AND run = ?", (*given, self.study, run))

    def _note(self, text: str) -> None:
        # Told once: a study that goes on is told the same again.
        self.database.write(
            "INSERT INTO notes (study, note) SELECT ?, ? "
            "WHERE NOT EXISTS (SELECT 1 FROM notes WHERE study = ? AND note = ?)",
            (self.study, text, self.study, text),
        )
