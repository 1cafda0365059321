"""From rows to studies and back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import attrs
import numpy as np

from surefoot.core.history import Facts, History, Status, Study
from surefoot.core.recipe import Recipe
from surefoot.core.record import Observation
from surefoot.core.run import Run
from surefoot.store.database import Database
from surefoot.store.faults import DamagedError

STUDY = "id, kind, created, status, seconds, trainer, facts, environment"
RUN = "run, recipe, seed, key, status, diverged, seconds, final"


def study_rows(database: Database, study: int | None = None) -> list[tuple[Any, ...]]:
    """The rows of all studies, or of one."""
    return database.ask(f"SELECT {STUDY} FROM studies WHERE id = coalesce(?, id) ORDER BY id", (study,))


def run_rows(database: Database, study: int) -> list[tuple[Any, ...]]:
    """The rows of a study's runs, in order."""
    return database.ask(f"SELECT {RUN} FROM runs WHERE study = ? ORDER BY run", (study,))


def study_of(database: Database, row: tuple[Any, ...], runs: tuple[History, ...]) -> Study:
    """A study from its row. Raises DamagedError for one that makes no sense."""
    number, kind, created, status, seconds, trainer, facts, environment = row
    notes = database.ask("SELECT note FROM notes WHERE study = ? ORDER BY rowid", (number,))
    with _sense(database.path, f"study {number} cannot be read"):
        given = json.loads(facts)
        given |= {name: tuple(given[name]) for name in ("metrics", "seeds")}
        texts = tuple(str(note) for (note,) in notes)
        return Study(
            number, kind, created, _status(status), Facts(**given), dict(json.loads(environment)), runs, texts,
            float(seconds), trainer,
        )  # fmt: skip


def history_of(database: Database, study: int, row: tuple[Any, ...]) -> History:
    """A run with all its records from its row. Raises DamagedError for one that makes no sense."""
    index, recipe, seed, key, status, diverged, seconds, final = row
    of = (study, index)
    seen = database.ask("SELECT step, seen FROM observations WHERE study = ? AND run = ? ORDER BY step", of)
    blobs = database.ask("SELECT seen FROM losses WHERE study = ? AND run = ? ORDER BY start", of)
    with _sense(database.path, f"run {index} of study {study} cannot be read"):
        return History(
            Run(index, _recipe(json.loads(recipe)), int(seed), key),
            _status(status),
            tuple(Observation(int(step), _numbers(values)) for step, values in seen),
            np.frombuffer(b"".join(blob for (blob,) in blobs), dtype="<f4"),
            None if diverged is None else int(diverged),
            float(seconds),
            _numbers(final),
        )


def run_row(run: Run) -> tuple[Any, ...]:
    """A run as it is written: index, recipe, seed, key."""
    return run.index, json.dumps(attrs.asdict(run.recipe)), run.seed, run.key


def keys_of(database: Database, study: int) -> list[str]:
    """The keys of a study's runs, in order."""
    return [key for (key,) in database.ask("SELECT key FROM runs WHERE study = ? ORDER BY run", (study,))]


@contextmanager
def _sense(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as wrong:
        raise DamagedError(path, f"{what} ({wrong})") from wrong


def _recipe(data: dict[str, Any]) -> Recipe:
    return Recipe(**{**data, "hyper": dict(data["hyper"])})


def _numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in json.loads(text).items()}


def _status(text: str) -> Status:
    if text not in get_args(Status):
        raise ValueError(f"unknown status {text!r}")
    known: Status = text  # type: ignore[assignment]
    return known
