"""Pictures as data: computed once, drawn by matplotlib and with characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

MOST = 1e30  # what is larger is drawn as this: beyond it the arithmetic of drawing overflows

Values = NDArray[np.float64]


def _values(given: Any) -> Values:
    return np.asarray(given, dtype=np.float64)


@frozen(eq=False)
class Line:
    """Points `[n]` that are joined.

    Parameters: `x`, `y`; `label`, for the legend; `index`, which colour and stroke; `marks`, whether each point is
    shown; `faint`, what stands behind: the function itself, lines of equal height.
    """

    x: Values = field(converter=_values)
    y: Values = field(converter=_values)
    label: str = ""
    index: int = 0
    marks: bool = False
    faint: bool = False

    @property
    def finite(self) -> tuple[Values, Values]:
        """The points that can be drawn, without those that are not finite."""
        shown = np.isfinite(self.x) & np.isfinite(self.y)
        return self.x[shown], np.clip(self.y[shown], -MOST, MOST)


def _lines(given: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(given)


@frozen(eq=False, kw_only=True)
class Panel:
    """Lines over one pair of axes. `x`, `y`: what the axes show, with the unit; limits are taken from the lines."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...] = field(converter=_lines)
    log_x: bool = False
    log_y: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None


def _panels(given: Iterable[Panel]) -> tuple[Panel, ...]:
    return tuple(given)


@frozen(eq=False)
class Picture:
    """Panels side by side, in rows of `columns`. `alt`: what is seen, for those who cannot see it."""

    alt: str
    panels: tuple[Panel, ...] = field(converter=_panels)
    columns: int = 2


def level_lines(x: Values, y: Values, heights: Values, levels: Sequence[float]) -> list[Line]:
    """Lines of equal height of a surface: `heights` `[len(y), len(x)]` at the grid of `x` and `y`."""
    import contourpy

    contours: Any = contourpy.contour_generator(x, y, heights)
    return [Line(path[:, 0], path[:, 1], faint=True) for level in levels for path in contours.lines(level)]
