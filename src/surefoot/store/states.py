"""Runs of a search in the record file: added as it goes, paused, gone on with, and taken back to where they paused."""

from collections.abc import Iterable

from surefoot.core.run import Run
from surefoot.store.database import Database
from surefoot.store.read import run_row
from surefoot.store.tiles import FINISHED, trim


def add(database: Database, study: int, runs: Iterable[Run]) -> None:
    """Runs that are trained too."""
    for run in runs:
        database.write(
            "INSERT INTO runs (study, run, recipe, seed, key, status) VALUES (?, ?, ?, ?, ?, 'planned')",
            (study, *run_row(run)),
        )


def fork(database: Database, study: int, source: int, run: int, step: int) -> None:
    """What one run recorded up to a step is the past of another, too, which is trained now."""
    of = (run, study, source, step)
    database.write(
        "INSERT INTO observations (study, run, step, seen) "
        "SELECT study, ?, step, seen FROM observations WHERE study = ? AND run = ? AND step <= ?",
        of,
    )
    database.write(
        "INSERT INTO losses (study, run, start, seen) SELECT study, ?, start, substr(seen, 1, 4 * (? - start)) "
        "FROM losses WHERE study = ? AND run = ? AND start < ?",
        (run, step, study, source, step),
    )
    database.write("UPDATE runs SET status = 'running' WHERE study = ? AND run = ?", (study, run))


def forget(database: Database, study: int, first: int) -> None:
    """Remove the runs of a study from one on, with all that was recorded of them."""
    database.write("DELETE FROM runs WHERE study = ? AND run >= ?", (study, first))


def pause(database: Database, study: int, run: int, step: int, checkpoint: str | None) -> None:
    """Say where a run stopped and what goes on from there; let go of what did before."""
    before = database.ask("SELECT checkpoint FROM states WHERE study = ? AND run = ?", (study, run))
    database.write(
        "INSERT OR REPLACE INTO states (study, run, step, checkpoint) VALUES (?, ?, ?, ?)",
        (study, run, step, checkpoint),
    )
    _release(database, before)


def let_go(database: Database, study: int) -> None:
    """Nothing of a study is to be gone on with."""
    held = database.ask("SELECT checkpoint FROM states WHERE study = ?", (study,))
    database.write("UPDATE states SET checkpoint = NULL WHERE study = ?", (study,))
    _release(database, held)


def states(database: Database, study: int) -> dict[int, tuple[int, str | None]]:
    """Of every run that paused its step and its checkpoint."""
    rows = database.ask("SELECT run, step, checkpoint FROM states WHERE study = ?", (study,))
    return {run: (step, name) for run, step, name in rows}


def take_back(database: Database, study: int) -> list[str]:
    """Take the runs of a search that was killed back to where they paused last; what to tell of it.

    A run whose checkpoint is damaged starts over, where there is anything left to do of it.
    """
    kept = states(database, study)
    notes = []
    for run, status in database.ask("SELECT run, status FROM runs WHERE study = ? ORDER BY run", (study,)):
        step, name = kept.get(run, (0, None))
        fault = database.checkpoints.fault(name) if name and database.checkpoints else None
        if fault:
            database.write("DELETE FROM states WHERE study = ? AND run = ?", (study, run))
            step = 0
            if status not in FINISHED:
                notes.append(f"the checkpoint {name} {fault}: run {run} starts over")
        if status not in FINISHED and (status != "paused" or fault):
            trim(database, study, run, step, "paused" if step else "planned")
    return notes


def _release(database: Database, names: Iterable[tuple[str | None]]) -> None:
    """Files that nothing names any more go with the next commit."""
    database.spent += {name for (name,) in names if name is not None and not database.names(name)}
