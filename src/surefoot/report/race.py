"""The picture of a race: which rates of which optimizers were trained how far, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from surefoot.core.language import Words
from surefoot.report.drawing import COLOURS
from surefoot.report.fonts import words_for_pictures

End = Literal["dropped", "diverged", "kept"]
LOOKS = {"dropped": ("#9aa4ae", "o"), "diverged": ("#D55E00", "x"), "kept": ("#0072B2", "o")}
WIDEST = 4  # panels in a row
APART = 1.035  # schedules of one rate are drawn a little apart


@frozen
class Track:
    """An arm of a race: a trunk, or a schedule trained whole.

    Parameters: `branch`, the optimizer; `stop`, how far it was trained; `end`, what became of it; `schedule`, of a
    whole run; `best`, whether it is what the search found.
    """

    branch: str
    lr: float
    stop: int
    end: End
    schedule: str = ""
    best: bool = False


def tree(tracks: Sequence[Track], horizon: int, lang: str = "en") -> Figure:
    """Rates against updates, both on log axes, a panel for each optimizer."""
    _ = words_for_pictures(lang)
    branches = list(dict.fromkeys(track.branch for track in tracks))
    rows = max(1, -(-len(branches) // WIDEST))
    width = max(1, min(len(branches), WIDEST))
    figure = Figure(figsize=(3.4 + 3.6 * width, 1.0 + 3.8 * rows), layout="constrained")
    panels = figure.subplots(rows, width, squeeze=False, sharex=True).ravel()
    schedules = list(dict.fromkeys(track.schedule for track in tracks if track.schedule))
    first = max(1, min([horizon // 200, *(track.stop // 2 for track in tracks if track.stop)]))
    for axes, branch in zip(panels, branches, strict=False):
        _panel(axes, [track for track in tracks if track.branch == branch], schedules, first, horizon)
        axes.set_title(branch, fontsize=10, parse_math=False)
        axes.set_xlabel(_("updates"))
        axes.set_ylabel(_("learning rate"))
    for axes in panels[len(branches) :]:
        axes.set_axis_off()
    _legend(figure, tracks, schedules, _)
    return figure


def _panel(axes: Axes, tracks: Sequence[Track], schedules: Sequence[str], first: int, horizon: int) -> None:
    axes.set(xscale="log", yscale="log", xlim=(first, 1.25 * horizon))
    for track in sorted(tracks, key=lambda track: bool(track.schedule)):
        colour, marker = LOOKS[track.end]
        if track.schedule:
            place = schedules.index(track.schedule)
            y, colour = track.lr * APART ** (place - len(schedules) / 2), COLOURS[place % len(COLOURS)]
            axes.plot([first, track.stop], [y, y], color=colour, linewidth=1.8)
            marker, size = ("*", 13) if track.best else (marker, 5)
            axes.plot(track.stop, y, marker=marker, color=colour, markersize=size)
        else:
            axes.plot([first, max(track.stop, first)], [track.lr] * 2, color=colour, linewidth=1.0)
            axes.plot(max(track.stop, first), track.lr, marker=marker, color=colour, markersize=4)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, tracks: Sequence[Track], schedules: Sequence[str], _: Words) -> None:
    names = {"dropped": _("dropped"), "diverged": _("diverged"), "kept": _("kept")}
    shown = [end for end in LOOKS if any(track.end == end and not track.schedule for track in tracks)]
    lines = [Line2D([], [], color=LOOKS[end][0], marker=LOOKS[end][1], linewidth=1) for end in shown]
    labels = [names[end] for end in shown]
    for place, schedule in enumerate(schedules):
        lines.append(Line2D([], [], color=COLOURS[place % len(COLOURS)], linewidth=1.8))
        labels.append(_("whole: {schedule}", schedule=schedule))
    if any(track.best for track in tracks):
        lines.append(Line2D([], [], color="black", marker="*", markersize=11, linewidth=0))
        labels.append(_("the best"))
    legend = figure.legend(lines, labels, loc="outside right center", fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
