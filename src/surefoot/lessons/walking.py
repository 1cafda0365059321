"""Walks over a surface drawn: as a picture, and as SVG that CSS moves, without a script."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.language import Words
from surefoot.lessons.lesson import templates
from surefoot.lessons.surfaces import Surface, Walk
from surefoot.report.chart import round_ticks
from surefoot.report.drawing import style
from surefoot.report.picture import Line, Panel, Picture, level_lines

WIDE, HIGH, SIDE = 620, 440, 44  # of the plot, and room for its axes, in pixels
SECONDS = 12  # of one walk
FRAMES = 160  # key frames at most: what moves between them is a straight line
LEVELS = 18
LEAST = 1e-12  # a height that is drawn: below it rounding is seen


@frozen
class _Mover:
    """One optimizer: its colour, its way as SVG, and where it is at each key frame."""

    name: str
    lr: float
    colour: str
    points: str
    frames: list[tuple[float, float, float, float]]  # per cent of the time, x, y, what of the way is not yet walked
    length: float


def still(surface: Surface, walks: Sequence[Walk], _: Words) -> Picture:
    """The walks over lines of equal height, and their height at every step."""
    ways = Panel(
        title=f"{surface.name}: {surface.formula}" if len(surface.formula) < 40 else surface.name,
        x="x",
        y="y",
        lines=[
            *_levels(surface),
            *(Line(w.path[:, 0], w.path[:, 1], w.optimizer, index) for index, w in enumerate(walks)),
        ],
        x_limits=surface.x,
        y_limits=surface.y,
    )
    above = [w.heights - surface.lowest for w in walks]
    falls = Panel(
        title=_("Height at every step"),
        x=_("step"),
        y=_("height above the minimum"),
        lines=[
            Line(np.arange(len(z)), np.where(z > LEAST, z, np.nan), w.optimizer, index)
            for index, (w, z) in enumerate(zip(walks, above, strict=True))
        ],
        log_y=True,
    )
    alt = _("Left: the ways of the optimizers over lines of equal height; right: their height at every step")
    return Picture(alt, [ways, falls])


def animated(surface: Surface, walks: Sequence[Walk], _: Words) -> str:
    """The walks over lines of equal height, all at the pace of one update after the other, as inline SVG."""
    place = partial(_place, surface)
    levels = [_joined(place(line.x, line.y)) for line in _levels(surface)]
    return (
        templates()
        .get_template("walk.html")
        .render(
            surface=surface,
            levels=levels,
            movers=[_mover(place, w, index) for index, w in enumerate(walks)],
            minima=[place(np.array([a]), np.array([b]))[0] for a, b in surface.minima],
            wide=WIDE,
            high=HIGH,
            side=SIDE,
            seconds=SECONDS,
            steps=len(walks[0].heights) - 1,
            across=[(place(np.array([t]), np.array([surface.y[0]]))[0][0], t) for t in round_ticks(*surface.x, 6)],
            up=[(place(np.array([surface.x[0]]), np.array([t]))[0][1], t) for t in round_ticks(*surface.y, 6)],
            _=_,
        )
    )


def _levels(surface: Surface) -> list[Line]:
    x, y, z = surface.grid()
    heights = surface.lowest + np.geomspace(1e-3, float(z.max() - surface.lowest), LEVELS)
    return level_lines(x, y, z, [float(height) for height in heights])


def _place(surface: Surface, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the plane as pixels `[n, 2]`; what lies far outside is held near the edge, where it is not seen."""
    across = (x - surface.x[0]) / (surface.x[1] - surface.x[0])
    up = (y - surface.y[0]) / (surface.y[1] - surface.y[0])
    return np.stack([SIDE + WIDE * np.clip(across, -2, 3), HIGH * (1 - np.clip(up, -2, 3)) + 8], 1).round(1)


def _joined(points: NDArray[np.float64]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _mover(place: partial[NDArray[np.float64]], walk: Walk, index: int) -> _Mover:
    points = place(walk.path[:, 0], walk.path[:, 1])
    walked = np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
    last = len(points) - 1
    shown = np.unique(np.linspace(0, last, min(FRAMES, last + 1)).astype(int))
    frames = [
        (
            round(90 * int(i) / last, 2),
            float(points[i][0]),
            float(points[i][1]),
            round(float(walked[-1] - walked[i]), 1),
        )
        for i in shown
    ]
    length = round(float(walked[-1]), 1) or 0.1
    return _Mover(walk.optimizer, walk.lr, style(index)["color"], _joined(points), frames, length)
