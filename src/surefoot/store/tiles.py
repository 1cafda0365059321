"""Tiles in the record file: runs that are trained together, and how far what they recorded can be continued."""

from collections.abc import Iterable

from surefoot.core.history import Status
from surefoot.store.database import Database

FINISHED = ("done", "diverged")  # there is nothing left to train


def runs_of(bundles: Iterable[int | Iterable[int]]) -> list[int]:
    """The runs of a tile, of which a plan names the rows that they begin as; before runs shared rows, it named runs."""
    return [run for bundle in bundles for run in ([bundle] if isinstance(bundle, int) else bundle)]


def statuses(database: Database, study: int, tile: int) -> dict[int, Status]:
    """The runs of a tile and their statuses."""
    return dict(
        database.ask(
            "SELECT run, status FROM stage_runs JOIN runs USING (study, run) WHERE study = ? AND stage = ?",
            (study, tile),
        )
    )


def tile_of(database: Database, study: int, run: int) -> int | None:
    """The tile of a run; None where there is no plan."""
    found = database.ask("SELECT stage FROM stage_runs WHERE study = ? AND run = ?", (study, run))
    return found[0][0] if found else None


def move(database: Database, study: int, tile: int, stop: int, checkpoint: str | None, status: Status) -> None:
    """Say how far a tile can be continued from which checkpoint; let go of the one before."""
    of = (study, tile)
    before = database.ask("SELECT checkpoint FROM stages WHERE study = ? AND stage = ?", of)
    database.spent += [name for (name,) in before if name is not None]
    database.write(
        "UPDATE stages SET stop = ?, checkpoint = ?, status = ? WHERE study = ? AND stage = ?",
        (stop, checkpoint, status, *of),
    )


def close(database: Database, study: int, tile: int) -> None:
    """Mark a tile done. Runs that failed are tried again from its checkpoint, so that stays for them."""
    if set(statuses(database, study, tile).values()) <= set(FINISHED):
        move(database, study, tile, 0, None, "done")
    else:
        database.write("UPDATE stages SET status = 'done' WHERE study = ? AND stage = ?", (study, tile))


def trim(database: Database, study: int, run: int, step: int, status: Status = "running") -> None:
    """Take back what a run recorded beyond a step, and how it ended."""
    of = (study, run)
    database.write("DELETE FROM observations WHERE study = ? AND run = ? AND step > ?", (*of, step))
    database.write("DELETE FROM losses WHERE study = ? AND run = ? AND start >= ?", (*of, step))
    database.write(
        "UPDATE losses SET seen = substr(seen, 1, 4 * (? - start)) "
        "WHERE study = ? AND run = ? AND 4 * (? - start) < length(seen)",
        (step, *of, step),
    )
    database.write(
        "UPDATE runs SET status = ?, diverged = NULL, seconds = 0, final = '{}' WHERE study = ? AND run = ?",
        (status, *of),
    )
