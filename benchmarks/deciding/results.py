"""What the benchmark says: who got near the grid's best, and when. Pure functions of records and retrained values."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import attrs

from deciding.competitors import NAMES, Ran
from deciding.setting import Choice, Setting

Mean = Callable[[Choice], float]
Curve = list[tuple[float, float]]  # from which second on, what retraining gave


@attrs.frozen
class Reach:
    """The best that the grid held, and how near one has to come: `aim` is good enough."""

    best: float
    aim: float
    goal: str

    def within(self, value: float) -> bool:
        return value >= self.aim if self.goal == "max" else value <= self.aim


def reach(setting: Setting, grids: Sequence[Ran], mean: Mean) -> Reach:
    """.003 of accuracy, or 2 % of the loss: of the bits, of the variance that is not explained."""
    better = max if setting.goal == "max" else min
    best = better(value for ran in grids for _, value in curve(ran, mean))
    slack = {"accuracy": 0.003, "R²": 0.02 * (1 - best)}.get(setting.metric, 0.02 * best)
    return Reach(best, best - slack if setting.goal == "max" else best + slack, setting.goal)


def curve(ran: Ran, mean: Mean) -> Curve:
    return [(when, mean(choice)) for when, choice in ran.incumbents]


def first(found: Curve, wanted: Reach) -> float:
    """When it first came within reach; infinite if it never did."""
    return next((when for when, value in found if wanted.within(value)), math.inf)


def for_good(found: Curve, wanted: Reach) -> float:
    """From when on it stayed within reach; infinite if it ended out of it."""
    since = math.inf
    for when, value in reversed(found):
        if not wanted.within(value):
            break
        since = when
    return since


def told(values: Sequence[float], digits: int = 3) -> str:
    """Median, lowest, highest; what never happened is "never"."""
    if not values:
        return ""
    low, middle, high = (_said(value, digits) for value in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} [{low}, {high}]"


def _said(value: float, digits: int) -> str:
    return "never" if math.isinf(value) else f"{value:.{digits}g}"


def sooner(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """How many times as long they took as we did, by the medians: rounds are no pairs, a grid may be run only once."""
    if not theirs or not ours or math.isinf(median(ours)):
        return ""
    return "∞" if math.isinf(median(theirs)) else f"{median(theirs) / median(ours):.2g}"


def rows(by_name: Mapping[str, Sequence[Ran]], wanted: Reach, mean: Mean) -> list[list[str]]:
    """The table: a competitor a line."""
    ours = [first(curve(ran, mean), wanted) for ran in by_name.get("Surefoot", ())]
    lines = []
    for name in (name for name in NAMES if by_name.get(name)):
        curves = [curve(ran, mean) for ran in by_name[name]]
        reached = [first(found, wanted) for found in curves]
        lines.append(
            [
                name,
                told(reached),
                told([for_good(found, wanted) for found in curves]),
                told([found[-1][1] for found in curves if found], 4),
                told([ran.seconds for ran in by_name[name]]),
                told([ran.trials for ran in by_name[name] if ran.trials is not None]),
                "" if name == "Surefoot" else sooner(reached, ours),
            ]
        )
    return lines


HEADERS = ["", "within reach, s", "and stays, s", "in the end", "time used, s", "runs", "its reach / Surefoot's"]


def verdicts(by_name: Mapping[str, Sequence[Ran]], wanted: Reach, mean: Mean) -> list[str]:
    """Sentences about what was asked: a twelfth of the grid's time, 3 times sooner than the best peer, the verdict."""
    reached = {name: [first(curve(ran, mean), wanted) for ran in runs] for name, runs in by_name.items() if runs}
    whole = median(ran.seconds for ran in by_name["grid"])
    said = [f"The grid takes {whole:.3g} s; a twelfth of it is {whole / 12:.3g} s."]
    ours = reached.pop("Surefoot", None)
    if ours is None:
        return said
    if math.isinf(median(ours)):
        return [*said, "Surefoot is not within reach in most rounds."]
    peer = min(reached, key=lambda name: median(reached[name]))
    said.append(f"Surefoot is within reach after {told(ours)} s: the grid takes {sooner([whole], ours)} times as long,")
    said.append(f"and the best peer, {peer}, {sooner(reached[peer], ours)} times as long to get there.")
    confirmed = [ran.confirmed or math.inf for ran in by_name["Surefoot"]]
    return [*said, f"Its verdict was confirmed on fresh seeds after {told(confirmed)} s."]
