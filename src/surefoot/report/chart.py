"""Curves drawn with characters, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import plotext
from attrs import evolve, frozen
from numpy.typing import NDArray

from surefoot.report.picture import MOST, Line, Panel
from surefoot.report.plotted import thinned

COLOURS = (12, 9, 10, 13, 14, 11)  # of a terminal's sixteen: bright ones, seen on dark and on light
GREY = 8
MARKS = "*o+x#@%&"  # told apart without colour
FRAME = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-||++++")


def mark(index: int, count: int, *, colour: bool, plain: bool) -> str:
    """The sign that the curve with this index is drawn with, for the legend."""
    if colour:
        return f"\x1b[38;5;{COLOURS[index % len(COLOURS)]}m{'--' if plain else '━━'}\x1b[0m "
    return f"{MARKS[index % len(MARKS)]} " if count > 1 else ""


def chart(curves: Sequence[NDArray[np.float64]], width: int, height: int, *, colour: bool, plain: bool) -> str:
    """Curves over their steps, in so many columns and rows. `plain`: ASCII alone."""
    lines = []
    for index, values in enumerate(curves):
        steps = thinned(values, 8 * width)
        lines.append(Line(steps, values[steps], index=index))
    limits = (0.0, float(max(map(len, curves))))
    panel = Panel(title="", x="step", y="", lines=lines, x_limits=limits)
    return draw(panel, width, height, colour=colour, plain=plain)


def draw(panel: Panel, width: int, height: int, *, colour: bool, plain: bool) -> str:
    """A panel in so many columns and rows, its axes named under it. `plain`: ASCII alone."""
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("simple" if colour else "colorless")
    figure.plot_size(width, height)
    several = len({line.index for line in panel.lines if not line.faint}) > 1
    across, up = _Axis.over(panel.x_limits, panel.log_x), _Axis.over(panel.y_limits, panel.log_y)
    points = [_points(line, across, up) for line in panel.lines]
    across, up = across.fitted([x for x, _ in points]), up.fitted([y for _, y in points])
    if up.low > up.high or across.low > across.high:
        return "no value is finite: there is nothing to draw"
    up = up if panel.log_y or panel.y_limits else _with_zero(up)
    across, up = _opened(across), _opened(up)
    for line, (x, y) in zip(panel.lines, points, strict=True):
        marker = plotext.marker(*_look(line, several, colour=colour, plain=plain))
        figure.draw(figure.signal(x.tolist(), y.tolist(), marker=marker).lines())
    for name, axis, count in (("x", across, width // 12), ("y", up, height // 4)):
        ticks, labels = axis.ticks(count, grouped=name == "x")
        figure.ruler(name).lim(axis.low, axis.high).ticks(ticks, labels)
    figure.label(panel.x if panel.x.isascii() else "")  # plotext counts a wide character as one column
    drawn = figure.build().string(colorless=not colour)
    return "\n".join(line.rstrip() for line in (drawn.translate(FRAME) if plain else drawn).rstrip().split("\n"))


def _look(line: Line, several: bool, *, colour: bool, plain: bool) -> tuple[str, int | None]:
    if line.faint:
        return ("." if plain else "·"), (GREY if colour else None)
    own = plain or (several and not colour)
    symbol = MARKS[line.index % len(MARKS)] if own else "braille"
    return symbol, (COLOURS[line.index % len(COLOURS)] if colour else None)


def _points(line: Line, across: _Axis, up: _Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What of a line can be drawn, in the units of the axes."""
    x, y = across.scaled(line.x), up.scaled(line.y)
    with np.errstate(invalid="ignore"):
        shown = np.isfinite(x) & np.isfinite(y) & (x >= across.low) & (x <= across.high)
        shown &= (y >= up.low) & (y <= up.high)
    return x[shown], y[shown]


@frozen
class _Axis:
    """From `low` to `high`: of the values, or of their logarithms to base 10."""

    low: float
    high: float
    log: bool

    @classmethod
    def over(cls, limits: tuple[float, float] | None, log: bool) -> Self:
        axis = cls(-math.inf, math.inf, log)
        if limits is None:
            return axis
        low, high = axis.scaled(np.array(limits))
        return cls(float(low), float(high), log)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        held = np.where(np.isfinite(values), np.clip(values, -MOST, MOST), values).astype(np.float64)
        if not self.log:
            return held
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log10(np.where(held > 0, held, np.nan))

    def fitted(self, values: Sequence[NDArray[np.float64]]) -> Self:
        """The axis, narrowed to the values where it had no limits."""
        found = np.concatenate([np.empty(0), *values])
        low = found.min(initial=math.inf) if math.isinf(self.low) else self.low
        high = found.max(initial=-math.inf) if math.isinf(self.high) else self.high
        return evolve(self, low=float(low), high=float(high))

    def ticks(self, count: int, *, grouped: bool) -> tuple[list[float], list[str]]:
        if not self.log or self.high - self.low < 1:
            at = round_ticks(self.low, self.high, count)
            whole = grouped and self.high >= 10 and not self.log
            return at, [f"{tick:,.0f}" if whole else f"{10**tick:.3g}" if self.log else f"{tick:.4g}" for tick in at]
        powers = range(math.ceil(self.low), math.floor(self.high) + 1)
        every = max(1, -(-len(powers) // max(count, 1)))
        return [float(p) for p in powers[::every]], [f"{10.0**p:g}" for p in powers[::every]]


def legend(panel: Panel, *, colour: bool, plain: bool) -> list[str]:
    """A line of text for each line of the panel that has a name."""
    several = len({line.index for line in panel.lines if not line.faint}) > 1
    named = [line for line in panel.lines if line.label]
    return [mark(line.index, 1 + several, colour=colour, plain=plain) + line.label for line in named if not line.faint]


def _with_zero(axis: _Axis) -> _Axis:
    """The axis down to zero where that costs little room, and never empty."""
    low, high = axis.low, axis.high
    low, high = (0.0 if 0 < low < 0.2 * high else low), (0.0 if 0.2 * low < high < 0 else high)
    if not low < high:
        low, high = (min(0.0, low), max(0.0, high)) if high else (-1.0, 1.0)
    return evolve(axis, low=low, high=high)


def _opened(axis: _Axis) -> _Axis:
    """The axis, wider where all its values are one."""
    half = max(0.5, 0.1 * abs(axis.low))
    return axis if axis.low < axis.high else evolve(axis, low=axis.low - half, high=axis.high + half)


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from low to high.

    >>> round_ticks(0, 999, 5)
    [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    if not high > low:
        return [float(low)]
    rough = (high - low) / max(count, 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda each: abs(math.log(each * unit / rough)))
    digits = 1 - math.floor(math.log10(step))
    return [round(i * step, digits) for i in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
