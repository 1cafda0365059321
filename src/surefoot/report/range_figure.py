"""A range test drawn: losses over rates on a log axis, the edge, the basin, the suggestion; the ramp beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surefoot.core.language import Words
from surefoot.report.drawing import COLOURS
from surefoot.report.fonts import words_for_pictures
from surefoot.report.picture import Line, Panel

if TYPE_CHECKING:
    from surefoot.analysis.ramp import Ramp
    from surefoot.report.range import Range

SCANNED, TRAINED, SUGGESTED, LOST = "#9aa4af", COLOURS[0], COLOURS[2], COLOURS[1]


def figure(found: Range) -> Figure:
    """The losses over the rates; where there are ramps, these beside them."""
    _ = words_for_pictures(found.lang)
    columns = 2 if found.ramps else 1
    drawn = Figure(figsize=(7.2 * columns, 4.6), layout="constrained")
    panels = drawn.subplots(1, columns, sharex=True, squeeze=False)[0]
    _losses(panels[0], found, _)
    if found.ramps:
        _ramps(panels[1], found.ramps, found, _)
    for axes in panels:
        axes.set_xscale("log")
        axes.set(xlabel=_("learning rate"), ylabel=_("loss"))
        axes.axvline(found.suggestion, color=SUGGESTED, linewidth=1.8)
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    legend = panels[0].legend(fontsize=8.5, edgecolor="none", framealpha=0.85)
    legend.set_zorder(5)
    drawn.suptitle(f"{found.facts.task}, {found.optimizer}", fontsize=11, parse_math=False)
    return drawn


def _losses(axes: Axes, found: Range, _: Words) -> None:
    seen, rates = found.seen, found.seen.rates
    for look, colour in ((0, SCANNED), (-1, TRAINED)):
        label = _("after {steps} updates", steps=seen.looks[look])
        for losses in seen.capped[look].T:
            axes.plot(rates, losses, color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(rates, seen.capped[look].mean(axis=1), color=colour, marker="o", markersize=4, label=label)
    axes.axhline(seen.start.mean(), color=SCANNED, linestyle=":", linewidth=1, label=_("before training"))
    axes.axvspan(*found.interval, color=SUGGESTED, alpha=0.12, linewidth=0, label=_("the best lies here"))
    axes.axvline(found.suggestion, color=SUGGESTED, label=_("suggestion {rate}", rate=f"{found.suggestion:.2g}"))
    axes.plot(
        found.basin, [axes.get_ylim()[0]] * 2, color=TRAINED, linewidth=5, marker="s", alpha=0.6, label=_("basin")
    )
    if found.edge.high is not None:
        axes.axvspan(found.edge.low, found.edge.high, color=LOST, alpha=0.18, linewidth=0)
        axes.axvspan(found.edge.high, rates[-1], color=LOST, alpha=0.35, linewidth=0, label=_("diverges"))
    axes.set_title(_("rows at constant rates"))


def _ramps(axes: Axes, ramps: Sequence[Ramp], found: Range, _: Words) -> None:
    for ramp, colour in zip(ramps, COLOURS * len(ramps), strict=False):
        axes.plot(ramp.rates, ramp.losses, color=colour, linewidth=0.7, alpha=0.35)
        axes.plot(ramp.rates, ramp.smoothed, color=colour, linewidth=1.4)
        for rate, marker in ((ramp.steepest, "v"), (ramp.valley, "s")):
            if rate:
                axes.plot([rate], [np.interp(rate, ramp.rates, ramp.smoothed)], marker, color=colour)
    top = max(float(np.max(ramp.smoothed)) for ramp in ramps)
    axes.set_ylim(0, 1.3 * max(top, float(found.seen.start.mean())))
    axes.set_title(_("the classic ramp: steepest ▼, valley ■"))


def panel(found: Range) -> Panel:
    """The same for a terminal: mean losses over the rates, the suggestion and the edge as upright lines."""
    _, seen = found.words, found.seen
    lines = []
    for index, look in enumerate((0, -1)):
        mean = seen.capped[look].mean(axis=1)
        lines.append(Line(seen.rates, mean, _("after {steps} updates", steps=seen.looks[look]), index))
    ends = np.nanmin(seen.capped[-1].mean(axis=1)), float(seen.start.mean())
    lines.append(Line([found.suggestion] * 2, ends, _("suggestion {rate}", rate=f"{found.suggestion:.2g}"), 2))
    if found.edge.high is not None:
        lines.append(Line([found.edge.high] * 2, ends, faint=True))
    return Panel(title="", x=_("learning rate"), y=_("loss"), lines=lines, log_x=True)
