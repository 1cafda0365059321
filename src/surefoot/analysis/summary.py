"""What each recipe did, over its seeds."""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from attrs import frozen
from scipy import stats

from surefoot.core.history import History, Study

LAST = 0.2  # the share of training that counts as its end, and as its beginning


@frozen
class Interval:
    """A mean over seeds and its 95 % interval (Student's t); no interval from one seed."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval | None":
        if not values:
            return None
        mean, n = float(np.mean(values)), len(values)
        if n == 1:
            return cls(mean, None, None, 1)
        half = float(stats.t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
        return cls(mean, mean - half, mean + half, n)


@frozen(kw_only=True)
class Summary:
    """One recipe over its seeds; numbers of the metric that ranks, on the watched set, unless they say otherwise.

    Parameters:
        final, best: at the end, and the best over training; test: the final value on a test set that is only reported.
        early: the mean watched loss over the first fifth.
        to_target: the median over seeds of the steps to the target, a seed that never reaches it counting as last;
            None where the median seed does not; reached: how many do.
        wobble: the root mean square distance of the last fifth (three looks at least) from its straight-line trend;
            gain: what that trend improves by.
        diverged: the steps at which seeds did; seconds: the mean over seeds of a run's share of the time.
    """

    name: str
    seeds: int
    finals: tuple[float | None, ...]  # by seed, None where it diverged
    final: Interval | None
    best: Interval | None
    test: Interval | None
    early: float | None
    to_target: int | None
    reached: int
    wobble: float | None
    gain: float | None
    diverged: tuple[int, ...]
    seconds: float


def summarize(study: Study, target: float | None) -> list[Summary]:
    """Every recipe's summary, in the order they were given."""
    return [_summary(study, name, runs, target) for name, runs in study.recipes()]


def target_of(study: Study) -> float | None:
    """The target asked for, or the median recipe's mean final value."""
    if study.facts.target is not None:
        return study.facts.target
    means = [interval.mean for _, runs in study.recipes() if (interval := Interval.of(_finals(study, runs)))]
    return statistics.median(means) if means else None


def series(study: Study, run: History, name: str) -> list[float]:
    """The observed values of one quantity."""
    return [observation.values[name] for observation in run.observations]


def _summary(study: Study, name: str, runs: list[History], target: float | None) -> Summary:
    rank, sign = study.facts.rank, 1 if study.facts.goal == "max" else -1
    done = [run for run in runs if run.status == "done"]
    curves = [series(study, run, rank) for run in done]
    tails = [tail for curve in curves if len(tail := curve[-max(share(len(curve)) + 1, 3) :]) > 2]
    trends = [_trend(tail) for tail in tails]
    reached = [step for run in runs if (step := _steps_to(study, run, target, sign)) is not None]
    early = [np.mean(losses[: share(len(losses))]) for run in runs if (losses := series(study, run, "loss"))]
    return Summary(
        name=name,
        seeds=len(runs),
        finals=tuple(series(study, run, rank)[-1] if run in done else None for run in runs),
        final=Interval.of(_finals(study, runs)),
        best=Interval.of([sign * max(sign * value for value in curve) for curve in curves]),
        test=Interval.of([run.final[rank] for run in done if rank in run.final]),
        early=float(np.mean(early)) if early else None,
        to_target=_median_step(reached, len(runs)),
        reached=len(reached),
        wobble=float(np.mean([stray for _, stray in trends])) if trends else None,
        gain=sign * float(np.mean([rise for rise, _ in trends])) if trends else None,
        diverged=tuple(run.diverged for run in runs if run.diverged is not None),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def _finals(study: Study, runs: list[History]) -> list[float]:
    return [series(study, run, study.facts.rank)[-1] for run in runs if run.status == "done"]


def _trend(tail: Sequence[float]) -> tuple[float, float]:
    """What the least-squares line through a tail rises by, and the root mean square distance from it."""
    x = np.arange(len(tail))
    line = np.polynomial.Polynomial.fit(x, tail, 1)(x)
    stray = float(np.sqrt(np.mean((line - tail) ** 2)))
    return float(line[-1] - line[0]), stray if stray > 1e-12 * max(map(abs, tail)) else 0.0  # rounding is no wobble


def share(looks: int) -> int:
    """How many looks are the beginning, or the end, of so many: a fifth, one at least."""
    return max(1, math.ceil(LAST * looks))


def _median_step(reached: list[int], seeds: int) -> int | None:
    middle = (seeds - 1) // 2
    return sorted(reached)[middle] if len(reached) > max(middle, seeds // 2) else None


def _steps_to(study: Study, run: History, target: float | None, sign: int) -> int | None:
    if target is None:
        return None
    rank = study.facts.rank
    hits = (seen.step for seen in run.observations if sign * seen.values[rank] >= sign * target)
    return next(hits, None)
