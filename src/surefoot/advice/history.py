"""A training history, read from the files that training writes: CSV, JSON, TensorBoard's event files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from surefoot.advice import formats, tensorboard
from surefoot.advice.columns import Columns, recognise
from surefoot.advice.places import Places, Unit
from surefoot.advice.table import Table
from surefoot.advice.trend import FEWEST
from surefoot.core.errors import DataError
from surefoot.core.language import Words, words
from surefoot.programs.events import MARK, event_files

ENGLISH = words()
LARGEST = 200 * 2**20  # bytes; a history that people look at has a few hundred kilobytes
CANONICAL = ("loss", "val_loss", "metric", "val_metric", "lr")


@frozen(eq=False)
class Series:
    """One quantity over training: places `x` in a unit, values `y`, and the column it was read from."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    name: str
    unit: Unit


@frozen(eq=False)
class History:
    """What a training wrote down: series by canonical name, and what was assumed when they were read."""

    series: Mapping[str, Series]
    assumptions: tuple[str, ...] = field(default=())


def read_history(path: str | Path, _: Words = ENGLISH) -> History:
    """The training history in a file.

    Parameters:
        path: a CSV file (Keras, Lightning, or any with a header), JSON (Keras's `history.history`, records, JSON lines,
            Transformers' trainer_state.json), a TensorBoard event file or a folder with such files.
        _: the language of the assumptions.

    The series are called `loss`, `val_loss`, `metric`, `val_metric` and `lr`; a loss that is not finite is nan or inf.

    Raises DataError for a file that is absent, empty, damaged or without a loss, UsageError where TensorBoard is needed
    and not installed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "log.csv"
    ...     _written = file.write_text("epoch,loss,lr\\n0,2.3,0.1\\n1,1.9,0.1\\n2,1.6,0.1\\n3,1.5,0.1\\n")
    ...     history = read_history(file)
    >>> history.series["loss"].y.tolist(), history.series["loss"].unit
    ([2.3, 1.9, 1.6, 1.5], 'epoch')
    """
    return _history(_load(Path(path), _), Path(path), _)


def _load(path: Path, _: Words) -> Table:
    try:
        if path.is_dir():
            files = event_files(path)
            if not files:
                raise DataError(
                    f"the folder {path} holds no TensorBoard event files",
                    remedy="give the folder with events.out.tfevents..., or a CSV or JSON file",
                )
            _check_size(path, sum(file.stat().st_size for file in files))
            return tensorboard.load(path, _)
        if not path.is_file():
            raise DataError(f"there is no file {path}" if not path.exists() else f"{path} is no regular file")
        _check_size(path, path.stat().st_size)
        if MARK in path.name:
            return tensorboard.load(path, _)
        return formats.parse(formats.decode(path.read_bytes(), path), path, _)
    except (OSError, ValueError) as broken:
        if isinstance(broken, DataError):
            raise
        raise DataError(f"{path} cannot be read: {broken}") from None


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST:
        raise DataError(
            f"{path} is larger than {LARGEST >> 20} MB",
            received=f"{size >> 20} MB",
            remedy="give the log of one training with its losses alone",
        )


def _history(table: Table, path: Path, _: Words) -> History:
    columns = recognise(table.columns)
    chosen = _chosen(table, columns)
    if not {"loss", "val_loss"} & columns.series.keys():
        found = ", ".join(list(table.columns)[:20]) or "none"
        raise DataError(
            f"{path}: no column is a loss that can be recognised; the columns are: {found}",
            remedy="call them loss and val_loss (or train_loss, eval_loss, ...), and epoch or step beside them",
        )
    for name in chosen.values():
        if wrong := table.columns[name].wrong:
            where, cell = wrong
            raise DataError(
                f"{path}, {where}: {name} is not a number", received=cell, remedy="leave the cell empty instead"
            )
    if not {"loss", "val_loss"} & chosen.keys():
        raise _too_few(path, "no value")
    losses = [name for key in ("loss", "val_loss") for name in columns.series.get(key, ())]
    cells = {key: table.filled(name, losses) for key, name in chosen.items()}
    places = Places.of(table, columns, [cells[key][1] for key in ("loss", "val_loss") if key in cells], _)
    series: dict[str, Series] = {}
    notes = [*table.notes, *_named(chosen, columns, _), *places.notes]
    for key, (values, has) in cells.items():
        rows = places.rows(has)
        if len(rows):
            series[key] = Series(places.x[rows], values[rows], chosen[key], places.unit)
        if (gaps := int((places.kept & ~has).sum())) and key in ("loss", "val_loss"):
            total = int(places.kept.sum())
            notes.append(
                _(
                    "Rows without a value are left out: {gaps} of {total} for {name}.",
                    gaps=gaps,
                    total=total,
                    name=chosen[key],
                )
            )
    _check_enough(series, path)
    return History(series, tuple(notes))


def _chosen(table: Table, columns: Columns) -> dict[str, str]:
    """The column of each series: the likeliest with enough values, else the one with most."""
    chosen: dict[str, str] = {}
    for key in CANONICAL:
        names = columns.series.get(key, [])
        enough = [name for name in names if table.numbers(name) >= FEWEST]
        most = sorted(names, key=table.numbers, reverse=True)
        if name := next(iter(enough or most), None):
            column = table.columns[name]
            if table.numbers(name) or column.wrong or (table.listed and len(column.state)):
                chosen[key] = name
    return chosen


def _named(chosen: Mapping[str, str], columns: Columns, _: Words) -> list[str]:
    notes = []
    if (name := chosen.get("loss", "loss")) not in ("loss", "train_loss"):
        notes.append(_("The column “{name}” is taken as the training loss.", name=name))
    if (name := chosen.get("val_loss", "val_loss")) not in ("val_loss", "eval_loss"):
        notes.append(_("The column “{name}” is taken as the validation loss.", name=name))
    for key in ("loss", "val_loss"):
        if others := [name for name in columns.series.get(key, ()) if key in chosen and name != chosen[key]]:
            said = _(
                "Beside “{name}” there are other losses, which are not looked at: {others}.",
                name=chosen[key],
                others=_.listed(others),
            )
            notes.append(said)
    return notes


def _check_enough(series: Mapping[str, Series], path: Path) -> None:
    losses = [series[key].y for key in ("loss", "val_loss") if key in series]
    if max(map(len, losses), default=0) < 2 and all(np.isfinite(y).all() for y in losses):  # nan alone is a result
        raise _too_few(path, "one value" if losses else "no value")


def _too_few(path: Path, held: str) -> DataError:
    remedy = f"at least {FEWEST} points are needed: give the loss of several epochs or steps"
    return DataError(f"{path} holds {held} of the loss", remedy=remedy)
