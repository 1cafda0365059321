"""Where in training each row of a history stands: at which epoch, step or row; what repeats and what begins anew."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.advice.columns import Columns
from surefoot.advice.table import NUMBER, Table
from surefoot.advice.trend import FEWEST
from surefoot.core.language import Words

SHUFFLED = 0.05  # of the rows: where more of them go back and it is no restart, the column does not order them
REPEATED = 0.1  # of the rows: where more share a place with another, the column is too coarse to be the place
Unit = Literal["epoch", "step", "row"]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@frozen(eq=False)
class Places:
    """A place for every row, the rows that count, and what was assumed."""

    x: Numbers
    unit: Unit
    kept: Flags
    notes: list[str]

    @classmethod
    def of(cls, table: Table, columns: Columns, losses: Sequence[Flags], _: Words) -> "Places":
        """By epoch where each loss has one value an epoch, else by step, else by row.

        `losses`: for each loss, the rows on which it stands; the first one tells where a run begins anew.
        """
        named: list[tuple[Unit, str]] = [("epoch", name) for name in columns.epoch[:1]]
        named += [("step", name) for name in columns.step]
        notes: list[str] = []
        ordered: list[Places] = []
        for unit, name in named:
            x = _numbers(table, name)
            if not all(np.isfinite(x[has]).all() for has in losses):
                continue
            if (found := _kept(x, losses[0], _)) is None:
                notes.append(_("The column “{name}” goes back and forth and is not used.", name=name))
            else:
                ordered.append(cls(x, unit, found[0], found[1]))
        fine = [places for places in ordered if all(_distinct(places.x[has & places.kept]) for has in losses)]
        # Epochs in fractions are what Transformers writes beside the step.
        fine.sort(key=lambda places: not all((places.x[has] % 1 == 0).all() for has in losses))
        if table.epochs and not named:
            notes.append(_("Each value is taken as one epoch, counted from 1."))
        if fine:
            best = fine[0]
        else:
            kept, said = (ordered[0].kept, ordered[0].notes) if ordered else (np.ones(table.rows, dtype=bool), [])
            best = cls(np.arange(1.0, table.rows + 1), "epoch" if table.epochs and not named else "row", kept, said)
        return cls(_between(best.x), best.unit, best.kept, [*notes, *best.notes])

    def rows(self, has: Flags) -> NDArray[np.intp]:
        """The rows of a series in the order of their places; of several at one place, the last."""
        rows = np.flatnonzero(has & self.kept & np.isfinite(self.x))
        rows = rows[np.argsort(self.x[rows], kind="stable")]
        last = np.append(np.diff(self.x[rows]) > 0, True)[: len(rows)]
        return np.asarray(rows[last])


def _numbers(table: Table, name: str) -> Numbers:
    column = table.columns[name]
    return np.where(np.array(column.state) == NUMBER, np.array(column.values), np.nan)


def _between(x: Numbers) -> Numbers:
    """Places with a gap as the next that is known: Lightning writes the rate before the first row of its epoch."""
    known = np.flatnonzero(np.isfinite(x))
    if not len(known):
        return x
    following = known[np.minimum(np.searchsorted(known, np.arange(len(x))), len(known) - 1)]
    return np.asarray(x[following])


def _distinct(x: Numbers) -> bool:
    return len(np.unique(x)) >= (1 - REPEATED) * len(x)


def _kept(x: Numbers, has: Flags, _: Words) -> tuple[Flags, list[str]] | None:
    """The rows that count when places go back, and what was assumed; None where they are in no order."""
    rows = np.flatnonzero(has)
    step = np.diff(x[rows])
    back = np.flatnonzero(step < 0) + 1
    kept = np.ones(len(x), dtype=bool)
    if not len(back):
        return kept, []
    if (step <= 0).all():
        return kept, [_("The rows run from the last to the first; they are read the other way round.")]
    if (x[rows[back]] <= x[rows[0]]).all():
        bounds = [0, *back.tolist(), len(rows)]
        long = [i for i in range(len(bounds) - 1) if bounds[i + 1] - bounds[i] >= FEWEST]
        which = long[-1] if long else len(bounds) - 2
        kept[: rows[bounds[which]] if which else 0] = False
        if which < len(bounds) - 2:
            kept[rows[bounds[which + 1]] :] = False
        first = int(rows[back[-1]]) + 1
        count = len(bounds) - 1
        if which == count - 1:
            return kept, [
                _(
                    "Places begin anew at row {row}: of {count} runs in the file the last is read.",
                    row=first,
                    count=count,
                )
            ]
        said = _(
            "Of {count} runs in the file the last with at least {fewest} values is read.", count=count, fewest=FEWEST
        )
        return kept, [said]
    if len(back) > max(2, SHUFFLED * len(rows)):
        return None
    for row in rows[back]:
        kept[:row] &= ~(x[:row] >= x[row])
    first = int(rows[back[-1]])
    said = _(
        "At row {row} the training goes on from {place:g}; what it repeats is left out.", row=first + 1, place=x[first]
    )
    return kept, [said]
