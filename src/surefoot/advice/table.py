"""The cells of a training history before anything is read into them: columns of numbers, gaps and what is neither."""

import re
from array import array
from collections.abc import Iterable, Mapping

import numpy as np
from attrs import Factory, define, field
from numpy.typing import NDArray

ABSENT, EMPTY, NUMBER = 0, 1, 2  # a row without the key; a cell that is empty or null; a number, finite or not
BLANK = frozenset({"", "-", "--", "na", "n/a", "none", "null"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)


@define(eq=False)
class Column:
    """One column while it is read: values and, for each row, what stood there."""

    values: "array[float]" = Factory(lambda: array("d"))
    state: "array[int]" = Factory(lambda: array("b"))
    wrong: tuple[str, object] | None = None  # where the first cell stands that is no number, and what it says

    def add(self, cell: object, place: str) -> None:
        """Append a cell; `place` says where it stands."""
        value, state = _read(cell)
        if state is None:
            self.wrong = self.wrong or (place, cell)
        self.values.append(value)
        self.state.append(EMPTY if state is None else state)

    def skip(self, upto: int) -> None:
        """Rows without this column, until there are `upto`."""
        missing = upto - len(self.values)
        self.values.extend([np.nan] * missing)
        self.state.extend([ABSENT] * missing)


@define(eq=False)
class Table:
    """Columns of equal length.

    `listed`: each column was a list of its own, so that null can only be "not finite". `epochs`: as Keras's `history`
    has them, a value an epoch.
    """

    columns: dict[str, Column] = field(factory=dict)
    rows: int = 0
    notes: list[str] = field(factory=list)
    listed: bool = False
    epochs: bool = False

    def add(self, record: Mapping[str, object], place: str, keep: Iterable[str] | None = None) -> None:
        """Append a row."""
        for name in record if keep is None else keep:
            if name in record:
                column = self.columns.setdefault(name, Column())
                column.skip(self.rows)
                column.add(record[name], place)
        self.rows += 1

    def finish(self) -> "Table":
        """The table with all columns as long as it has rows."""
        for column in self.columns.values():
            column.skip(self.rows)
        return self

    def numbers(self, name: str) -> int:
        """How many cells of a column hold a number."""
        return self.columns[name].state.count(NUMBER)

    def filled(self, name: str, losses: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The values of a column and which rows have one.

        Writers of CSV and JSON put nothing, null or NaN both for "not measured here" and for "not finite". A loss
        that is gone for good, on rows where no other loss stands and nothing new does, was not finite; a gap was not
        measured.
        """
        column = self.columns[name]
        values, state = np.array(column.values), np.array(column.state)
        gap = (state != NUMBER) | np.isnan(values)
        nan = gap & (state == NUMBER)
        if _gaps_inside(nan) < 3:  # else NaN marks the rows of other columns, as in an export of a data frame
            gap &= ~nan
        empty = gap & (state != ABSENT)
        if empty.any() and name in losses:
            first = int(np.argmax(gap))
            if gap[first:].all() and (self.listed or self._gone(first, losses)):
                gap[first:] = state[first:] == ABSENT
                values[first:] = np.nan
        return values, ~gap

    def _gone(self, first: int, losses: list[str]) -> bool:
        """Whether from a row on no loss stands, nor anything that did not stand before."""
        for name, column in self.columns.items():
            state = np.array(column.state) == NUMBER
            if state[first:].any() and (name in losses or (first and not state[:first].any())):
                return False
        return True


def _gaps_inside(gap: NDArray[np.bool_]) -> int:
    """Gaps that end before the last row."""
    return int((gap[:-1] & ~gap[1:]).sum())


def _read(cell: object) -> tuple[float, int | None]:
    """A cell's value and state; None: it is no number."""
    if cell is None:
        return np.nan, EMPTY
    if isinstance(cell, str):
        return _read_text(cell.strip())
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return np.nan, None
    try:
        return float(cell), NUMBER
    except OverflowError:  # an integer beyond float64
        return np.inf if cell > 0 else -np.inf, NUMBER


def _read_text(text: str) -> tuple[float, int | None]:
    try:
        return float(text), NUMBER
    except ValueError:
        if text.lower() in BLANK:
            return np.nan, EMPTY
        return (float(text.replace(",", ".")), NUMBER) if _DECIMAL_COMMA.fullmatch(text) else (np.nan, None)
