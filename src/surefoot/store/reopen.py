"""Go on with a study: what can be continued from where, and nothing recorded beyond that."""

import json
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import UsageError
from surefoot.core.history import Status
from surefoot.store.database import Database
from surefoot.store.tiles import FINISHED, close, move, statuses, trim


@frozen
class Reopened:
    """What is left to do of a study. Where `plan` is None there is nothing to go on from: plan it again."""

    plan: dict[str, Any] | None
    stages: dict[int, tuple[int, str | None]] = field(factory=dict)  # unfinished tile → step, checkpoint
    finished: frozenset[int] = frozenset()  # tiles
    notes: tuple[str, ...] = ()  # for the user


def reopen(database: Database, study: int) -> Reopened:
    """Take a study's records back to its checkpoints, in one transaction; then remove files that nothing names."""
    with database.writing():
        found = _left(database, study)
        if found.plan is None:
            database.write("DELETE FROM stages WHERE study = ?", (study,))
            for (run,) in database.ask("SELECT run FROM runs WHERE study = ?", (study,)):
                trim(database, study, run, 0, "planned")
        for tile, (step, checkpoint) in found.stages.items():
            _take_back(database, study, tile, step, checkpoint)
        for tile in found.finished:
            close(database, study, tile)
        database.write("UPDATE studies SET status = 'running' WHERE id = ?", (study,))
    sweep(database)
    return found


def sweep(database: Database) -> None:
    """Remove the files beside the store that nothing names: a killed process has left them."""
    if database.checkpoints is not None:
        with database.errors("clean up beside"):
            database.checkpoints.sweep(named(database))


def named(database: Database) -> set[str]:
    """The files of checkpoints that are to stay."""
    tables = ("stages", "states")
    return {
        name
        for table in tables
        for (name,) in database.ask(f"SELECT checkpoint FROM {table} WHERE checkpoint IS NOT NULL")
    }


def plan_of(text: str) -> dict[str, Any] | None:
    """A plan from its JSON; None where there is none. Raises ValueError for one that cannot be read."""
    if not text:
        return None
    plan = json.loads(text)
    if not isinstance(plan, dict) or not isinstance(plan.get("tiles"), list):
        raise ValueError("it names no tiles")
    return plan


def _left(database: Database, study: int) -> Reopened:
    ((status, text),) = database.ask("SELECT status, plan FROM studies WHERE id = ?", (study,))
    try:
        plan = plan_of(text)
    except ValueError as wrong:
        return Reopened(None, notes=(f"the plan of study {study} is damaged ({wrong}): all its runs start over",))
    if plan is None:
        if status == "done":
            raise UsageError(
                f"study {study} is done, and nothing of it is left to train", remedy=f"surefoot show {study}"
            )
        return Reopened(None)
    stages: dict[int, tuple[int, str | None]] = {}
    finished, notes = set(), []
    rows = database.ask("SELECT stage, stop, checkpoint FROM stages WHERE study = ? ORDER BY stage", (study,))
    for tile, stop, checkpoint in rows:
        if set(statuses(database, study, tile).values()) <= set(FINISHED):
            finished.add(tile)
            continue
        fault = database.checkpoints.fault(checkpoint) if database.checkpoints and checkpoint else None
        if fault:
            notes.append(f"the checkpoint {checkpoint} {fault}: tile {tile} of study {study} starts over")
        stages[tile] = (stop, checkpoint) if checkpoint and not fault else (0, None)
    return Reopened(plan, stages, frozenset(finished), tuple(notes))


def _take_back(database: Database, study: int, tile: int, step: int, checkpoint: str | None) -> None:
    status: Status = "planned" if checkpoint is None else "running"
    for run in statuses(database, study, tile):
        if checkpoint is None or not _was_over(database, study, run, step):
            trim(database, study, run, step, status)
    move(database, study, tile, step, checkpoint, status)


def _was_over(database: Database, study: int, run: int, step: int) -> bool:
    """Whether a run had diverged or ended early when its tile had made `step` updates: no checkpoint of then has it."""
    ((status, diverged),) = database.ask("SELECT status, diverged FROM runs WHERE study = ? AND run = ?", (study, run))
    if diverged is not None:
        return bool(diverged <= step)
    ((end,),) = database.ask(
        "SELECT coalesce(max(start + length(seen) / 4), 0) FROM losses WHERE study = ? AND run = ?", (study, run)
    )
    return bool(status == "done" and end <= step)
