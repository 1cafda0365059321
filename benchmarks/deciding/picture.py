"""The picture: what retraining gave against wall time, a step line a round, the median of the rounds bold."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from deciding.competitors import NAMES, Ran
from deciding.results import Curve, Mean, Reach, curve
from deciding.setting import Setting
from surefoot.report.drawing import COLOURS


def draw(path: Path, setting: Setting, by_name: Mapping[str, Sequence[Ran]], wanted: Reach, mean: Mean) -> None:
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    slack, sign = abs(wanted.best - wanted.aim), 1 if wanted.goal == "max" else -1
    for name, colour in zip(NAMES, COLOURS, strict=False):
        if not by_name.get(name):
            continue
        curves = [(curve(ran, mean), ran.seconds) for ran in by_name[name]]
        for found, end in curves:
            axes.step(*_points(found, end), where="post", color=colour, linewidth=0.8, alpha=0.45)
        found, end = middle([found for found, _ in curves]), median(end for _, end in curves)
        axes.step(*_points(found, end), where="post", color=colour, linewidth=2.6, label=name)
        confirmed = [ran.confirmed for ran in by_name[name] if ran.confirmed is not None]
        if confirmed:
            axes.axvline(median(confirmed), color=colour, linewidth=1, linestyle=":", label="confirmed on fresh seeds")
    axes.axhline(wanted.aim, color="#555555", linewidth=1, linestyle="--", label="within reach of the grid's best")
    twelfth = median(ran.seconds for ran in by_name["grid"]) / 12
    axes.axvline(twelfth, color="#555555", linewidth=1, linestyle="-.", label="a twelfth of the grid's time")
    axes.set_ylim(*sorted((wanted.best - 15 * slack * sign, wanted.best + 4 * slack * sign)))
    axes.set(xscale="log", xlabel="seconds since the start, start-up included", ylabel=f"{setting.metric}, test")
    axes.set_title(f"{setting.task}: the best known choice, trained anew on five seeds")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8.5)
    figure.savefig(path, dpi=130)


def middle(curves: Sequence[Curve]) -> Curve:
    """The median of the rounds at every moment from which on all of them hold something."""
    if not all(curves):
        return []
    begin = max(found[0][0] for found in curves)
    moments = sorted({when for found in curves for when, _ in found if when >= begin})
    held = [[[value for when, value in found if when <= moment][-1] for found in curves] for moment in moments]
    return [(moment, median(values)) for moment, values in zip(moments, held, strict=True)]


def _points(found: Curve, end: float) -> tuple[list[float], list[float]]:
    """Where to draw: the last value holds to the end."""
    if not found:
        return [], []
    shown = [*found, (max(end, found[-1][0]), found[-1][1])]
    return [when for when, _ in shown], [value if math.isfinite(value) else math.nan for _, value in shown]
