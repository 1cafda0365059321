"""Curves drawn with characters, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotext
from numpy.typing import NDArray

from surefoot.report.plotted import thinned

COLOURS = (12, 9, 10, 13, 14, 11)  # of a terminal's sixteen: bright ones, seen on dark and on light
MARKS = "*o+x#@%&"  # told apart without colour
FRAME = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-||++++")
MOST = 1e30  # what is larger is drawn as this


def mark(index: int, count: int, *, colour: bool, plain: bool) -> str:
    """The sign that the curve with this index is drawn with, for the legend."""
    if colour:
        return f"\x1b[38;5;{COLOURS[index % len(COLOURS)]}m{'--' if plain else '━━'}\x1b[0m "
    return f"{MARKS[index % len(MARKS)]} " if count > 1 else ""


def chart(curves: Sequence[NDArray[np.float64]], width: int, height: int, *, colour: bool, plain: bool) -> str:
    """Curves over their steps, in so many columns and rows. `plain`: ASCII alone."""
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("simple" if colour else "colorless")
    figure.plot_size(width, height)
    low, high = math.inf, -math.inf
    for index, values in enumerate(curves):
        steps = thinned(values, 8 * width)
        steps = steps[np.isfinite(values[steps])]
        shown = np.clip(values[steps], -MOST, MOST)
        low, high = min(low, shown.min(initial=low)), max(high, shown.max(initial=high))
        symbol = MARKS[index % len(MARKS)] if plain or (len(curves) > 1 and not colour) else "braille"
        marker = plotext.marker(symbol, COLOURS[index % len(COLOURS)] if colour else None)
        figure.draw(figure.signal(steps.tolist(), shown.tolist(), marker=marker).lines())
    if low > high:
        return "no value is finite: there is nothing to draw"
    last = max(map(len, curves))
    low, high = _with_zero(low, high)
    across, up = round_ticks(0, last, width // 12), round_ticks(low, high, height // 4)
    figure.ruler("x").lim(0, last).ticks(across, [f"{tick:,.0f}" for tick in across])
    figure.ruler("y").lim(low, high).ticks(up, [f"{tick:.4g}" for tick in up])
    figure.label("step")
    drawn = figure.build().string(colorless=not colour)
    return "\n".join(line.rstrip() for line in (drawn.translate(FRAME) if plain else drawn).rstrip().split("\n"))


def _with_zero(low: float, high: float) -> tuple[float, float]:
    """The range to show: down to zero where that costs little room, and never empty."""
    low, high = (0.0 if 0 < low < 0.2 * high else low), (0.0 if 0.2 * low < high < 0 else high)
    if low < high:
        return low, high
    return (min(0.0, low), max(0.0, high)) if high else (-1.0, 1.0)


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
