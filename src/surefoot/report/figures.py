"""The comparison as figures: curves with their spread over seeds, and the learning rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from surefoot.analysis.summary import series
from surefoot.analysis.wording import observed
from surefoot.core.history import History, Study
from surefoot.core.language import Words
from surefoot.core.units import Clock
from surefoot.report.drawing import style
from surefoot.report.findings import Findings
from surefoot.report.fonts import words_for_pictures
from surefoot.training import bind

BANDED = 60  # recipes whose spread is drawn: with more, bands hide each other
NAMED = 30  # recipes in the legend: what fits beside the curves
MOST = 1e30  # what is larger is drawn as this: beyond it the arithmetic of drawing overflows
POINTS = 10_000  # in all curves of a panel together: keeps a report of hundreds of recipes small


@frozen(eq=False)
class Line:
    """One curve with its spread: the mean over seeds and one standard deviation to either side."""

    name: str
    index: int  # the recipe's place in the comparison: decides colour and stroke, whatever else is drawn
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]


def lines(comparison: Findings, quantity: str) -> list[Line]:
    """A quantity against epochs, for every recipe, over the seeds that came to each point."""
    study, found = comparison.study, []
    for index, (name, runs) in enumerate(study.recipes()):
        longest = max(runs, key=lambda run: len(run.observations))
        if not longest.observations:
            continue
        x = np.array([seen.step / study.facts.steps_per_epoch for seen in longest.observations])
        values = [np.clip(series(study, run, quantity), -MOST, MOST) for run in runs]
        at = [np.array([v[i] for v in values if i < len(v)]) for i in range(len(x))]
        kept = _thinned(len(x), len(comparison.summaries))
        mean, spread = np.array([v.mean() for v in at]), np.array([v.std() for v in at])
        found.append(Line(name, index, x[kept], mean[kept], spread[kept]))
    return found


def rates(comparison: Findings) -> list[Line]:
    """The learning rate against epochs, replayed exactly from the recipe and what was observed (the first seed's)."""
    study, found = comparison.study, []
    for index, (name, runs) in enumerate(study.recipes()):
        values = rate_of(study, runs[0])
        steps = _thinned(len(values), len(comparison.summaries))
        x = steps / study.facts.steps_per_epoch
        found.append(Line(name, index, x, values[steps], np.zeros(len(steps))))
    return found


def _thinned(points: int, curves: int) -> NDArray[np.int64]:
    """Which points of a curve to draw: evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, points - 1, min(points, max(50, POINTS // curves), 400)).astype(np.int64))


def rate_of(study: Study, run: History) -> NDArray[np.float64]:
    """The learning rate of every update of a run."""
    facts = study.facts
    clock = Clock(facts.steps, facts.steps_per_epoch, facts.batch_size)
    curve = bind(run.run.recipe, clock).curves["lr"]
    return curve.values(observations=run.observations if curve.reducers else ())


def curves(comparison: Findings, *, legend: bool = True) -> Figure:
    """Watched loss and the ranking metric side by side."""
    facts, _ = comparison.study.facts, words_for_pictures(comparison.lang)
    shown = ["loss"] + ([facts.rank] if facts.rank != "loss" else ["train_loss"])
    drawn = {quantity: lines(comparison, quantity) for quantity in shown}
    figure = Figure(figsize=(12.5 if legend else 11, 4.6), layout="constrained")
    panels = figure.subplots(1, len(shown))
    for panel, (axes, (quantity, each)) in enumerate(zip(panels, drawn.items(), strict=True)):
        label = observed(_, facts.watched, quantity)
        _draw(axes, each, panel, log="loss" in quantity)
        axes.set(xlabel=_("epoch"), ylabel=label, title=label)
    if legend:
        _legend(figure, comparison, _)
    figure.suptitle(_title(comparison, _), fontsize=11, parse_math=False)
    return figure


def _title(comparison: Findings, _: Words) -> str:
    facts = comparison.study.facts
    said = {"task": facts.task, "seeds": len(facts.seeds)}
    if len(facts.seeds) == 1:
        title = _("{task}: with 1 seed", **said)
    elif len(comparison.summaries) <= BANDED:
        title = _("{task}: mean and ±1 standard deviation over {seeds} seeds", **said)
    else:
        title = _("{task}: mean over {seeds} seeds", **said)
    return _("{title} — curves on the test set", title=title) if facts.watched == "test" else title


def rate_curves(comparison: Findings) -> Figure:
    """The learning rates against epochs, on a log axis."""
    _ = words_for_pictures(comparison.lang)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots()
    _draw(axes, rates(comparison), 2, log=True)
    axes.set(xlabel=_("epoch"), ylabel=_("learning rate"), title=_("learning rate"))
    return figure


def _draw(axes: Axes, found: Sequence[Line], panel: int, *, log: bool) -> None:
    for line in found:
        marker = "o" if len(line.x) == 1 else None
        mean = np.where(line.mean > 0, line.mean, np.nan) if log else line.mean
        drawn = axes.plot(line.x, mean, linewidth=1.6, marker=marker, **style(line.index))
        drawn[0].set_gid(f"panel{panel}-line-r{line.index}")
        if line.spread.any() and len(found) <= BANDED:
            low, high = line.mean - line.spread, line.mean + line.spread
            low = np.maximum(low, line.mean / 100) if log else low
            band = axes.fill_between(line.x, low, high, color=style(line.index)["color"], alpha=0.10, linewidth=0)
            band.set_gid(f"panel{panel}-band-r{line.index}")
    if log and found:
        axes.set_yscale("log", subs=(2, 5))
        bottom, top = axes.get_ylim()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}" if top < 100 * bottom else "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, comparison: Findings, _: Words) -> None:
    place = {name: index for index, (name, runs) in enumerate(comparison.study.recipes())}
    ranked = [summary.name for summary in comparison.ranked()]
    shown = ranked[:NAMED]
    legend = figure.legend(
        [Line2D([], [], linewidth=1.6, **style(place[name])) for name in shown], shown, loc="outside right center",
        fontsize=8, frameon=False, title=_("from best to worst"), title_fontsize=8, handlelength=2.6,
    )  # fmt: skip
    if len(ranked) > NAMED:
        legend.set_title(_("the best {shown} of {all}", shown=NAMED, all=len(ranked)))
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name with a $ is a name
