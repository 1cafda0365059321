"""Schedules as a figure, and as one HTML file: inline SVG and CSS, no script, no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from surefoot.report.drawing import style, svg, swatch, template
from surefoot.report.plotted import Compared, Plotted, thinned

POINTS = 2000  # of a curve
MOST = 1e30  # what is larger is drawn as this


def figure(plotted: Sequence[Plotted], compared: Compared | None = None, *, legend: bool = True) -> Figure:
    """The curves over their steps; under them, the difference of two."""
    rows = 1 if compared is None else 2
    drawn = Figure(figsize=(9.6, 4.2 + 2.2 * (rows - 1)), layout="constrained")
    panels = drawn.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=[4.2, 2.2][:rows])[:, 0]
    for index, each in enumerate(plotted):
        line = _draw(panels[0], each.values, index)
        line.set_label(each.text)
        line.set_gid(f"panel0-line-r{index}")
    panels[0].set_ylabel("value" if any(each.of != "lr" for each in plotted) else "learning rate")
    if compared is not None:
        _draw(panels[1], compared.values, 4)
        panels[1].set_ylabel("second − first")
    panels[-1].set_xlabel("step")
    if legend:
        box = drawn.legend(loc="outside lower left", frameon=False, fontsize=9)
        for text in box.get_texts():
            text.set_parse_math(False)  # a $ in a schedule is a $
    return drawn


def page(plotted: Sequence[Plotted], compared: Compared | None, at: Sequence[int]) -> str:
    """The whole page."""
    tips = {index: each.text for index, each in enumerate(plotted)}
    drawing: Markup = svg(figure(plotted, compared, legend=False), tips)
    return template("schedules.html").render(
        plotted=[(swatch(index), each) for index, each in enumerate(plotted)],
        clock=plotted[0].curve.clock,
        drawing=drawing,
        compared=compared,
        at=at,
    )


def _draw(axes: Axes, values: NDArray[np.float64], index: int) -> Line2D:
    steps = thinned(values, POINTS)
    shown = np.where(np.isfinite(values[steps]), np.clip(values[steps], -MOST, MOST), np.nan)
    (line,) = axes.plot(steps, shown, linewidth=1.8, marker="o" if len(steps) == 1 else None, **style(index))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return line
