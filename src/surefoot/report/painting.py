"""Pictures drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from surefoot.report.drawing import style
from surefoot.report.picture import Panel, Picture

WIDTH = 10.0  # inches: 1000 pixels at 100 an inch
HEIGHT = 3.7  # of a row of panels
FAINT = "#9aa4af"
LEGEND: dict[str, Any] = {"fontsize": 8.5, "edgecolor": "none"}
MOST_BESIDE = 6  # entries in a row


def paint(pictures: Sequence[Picture]) -> Figure:
    """The pictures as one figure, one under the other."""
    rows = [-(-len(picture.panels) // picture.columns) for picture in pictures]
    # Room between rows, so that an axis does not touch the title under it.
    figure = Figure(figsize=(WIDTH, HEIGHT * sum(rows)), layout=ConstrainedLayoutEngine(h_pad=0.1))
    parts = figure.subfigures(len(pictures), 1, height_ratios=rows, squeeze=False)[:, 0]
    for part, picture, count in zip(parts, pictures, rows, strict=True):
        columns = min(picture.columns, len(picture.panels))
        axes = part.subplots(count, columns, squeeze=False).ravel()
        for each, panel in zip(axes, picture.panels, strict=False):
            _panel(each, panel, narrow=columns > 2)
        for spare in axes[len(picture.panels) :]:
            spare.set_axis_off()
        _legends(part, axes[: len(picture.panels)])
    return figure


def _legends(part: SubFigure, axes: Sequence[Axes]) -> None:
    """One legend under all panels where they show the same lines; else one in each."""
    named = [dict(zip(*reversed(each.get_legend_handles_labels()), strict=True)) for each in axes]
    if len(named) > 1 and named[0] and all(list(each) == list(named[0]) for each in named):
        under = min(len(named[0]), MOST_BESIDE)
        made = [part.legend(named[0].values(), named[0].keys(), loc="outside lower center", ncols=under, **LEGEND)]
    else:
        made = [each.legend(framealpha=0.85, **LEGEND) for each, labels in zip(axes, named, strict=True) if labels]
    for text in (text for legend in made for text in legend.get_texts()):
        text.set_parse_math(False)  # a $ in a label is a $


def _panel(axes: Axes, panel: Panel, narrow: bool) -> None:
    for line in panel.lines:
        x, y = line.finite
        label = line.label or None
        if line.faint:
            axes.plot(x, y, color=FAINT, linewidth=0.9, label=label, zorder=1)
            continue
        marker = "o" if line.marks or len(x) == 1 else None
        axes.plot(x, y, linewidth=1.8, marker=marker, markersize=4.5, label=label, zorder=2, **style(line.index))
    axes.set(xlabel=panel.x, ylabel=panel.y)
    axes.set_title(panel.title, fontsize=10 if narrow else 12)
    if panel.log_x and _positive(panel, 0):
        axes.set_xscale("log")
    if panel.log_y and _positive(panel, 1):
        _log(axes)
    if panel.x_limits:
        axes.set_xlim(*panel.x_limits)
    if panel.y_limits:
        axes.set_ylim(*panel.y_limits)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if not panel.log_x and all(np.array_equal(line.x, line.x.round()) for line in panel.lines if not line.faint):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if narrow else 8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _positive(panel: Panel, axis: int) -> bool:
    """Whether there is anything that a log axis could show: matplotlib refuses to draw one without."""
    return any((line.finite[axis] > 0).any() for line in panel.lines)


def _log(axes: Axes) -> None:
    axes.set_yscale("log", subs=(2, 5))
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    bottom, top = axes.get_ylim()
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain if top < 100 * bottom else NullFormatter())
