"""Find: a good learning rate, by a population of short runs at constant rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from surefoot.core.errors import SurefootError, UsageError
from surefoot.core.language import words
from surefoot.core.recipe import Recipe, check_rate
from surefoot.core.record import Event, Note
from surefoot.core.task import Task
from surefoot.core.text import number
from surefoot.studies.progress import Watcher
from surefoot.studies.recipes import RecipeSet
from surefoot.studies.setting import Setting, check_known
from surefoot.training.memory import is_out_of_memory, keep_freed_memory
from surefoot.training.place import computing
from surefoot.training.plan import TRAINERS

if TYPE_CHECKING:
    from surefoot.report.range import Range

LOW, HIGH = 1e-6, 1e2  # wide enough for every optimizer there is: rates that diverge at once cost nothing more
A_DECADE = 2  # rates: a parabola through neighbours finds the place between
FEWEST = 5  # rates that the better part of the work goes to
OPTIONS = ("epochs", "batch_size", "accumulate", "precision", "device", "data")


def find(
    task: str | Path | Task = "digits",
    optimizer: str = "sgd(momentum=0.9)",
    seeds: int | Sequence[int] = 1,
    *,
    low: float | None = None,
    high: float | None = None,
    rates: int | Sequence[float] | None = None,
    budget: float = 0.5,
    ramp: bool = False,
    trainer: str = "auto",
    progress: bool = True,
    lang: str = "en",
    **options: Any,
) -> Range:
    """Find a constant learning rate for a whole run, for the price of a part of one.

    All rates make a few updates; the best, one above it and three below go on until the budget is spent; rows that
    diverge are dropped at once. What that says of a whole run is in `surefoot.analysis.finding.read`.

    Parameters:
        task: as in `compare`.
        optimizer: a rule or its text, its hyperparameters but the rate: "adam", "sgd(momentum=0.9, clip_norm=1)".
        seeds: how many (0, 1, ...) or which. Each costs as much again.
        low, high: the range of rates, 1e-6 to 100 where nothing is said.
        rates: how many, spaced evenly on a log axis (two a decade), or which.
        budget: the updates of all rows of one seed together, as a share of those of one whole run.
        ramp: whether to train the classic exponential ramp too, beyond the budget, for comparison: one row a seed.
        trainer: "fused" (rows stacked), "loop" (one by one), or "auto": fused where the rows can be stacked.
        progress, lang: as in `compare`.
        options: `epochs`, `batch_size`, `accumulate`, `precision`, `device`, `data`: as in `compare`. The horizon
            that the suggestion is for is that of `epochs`.

    Raises UsageError before anything is trained for what could not be, and after a few updates where no rate trains.

    >>> import surefoot as sf
    >>> found = sf.find("digits", "adam", progress=False)
    >>> found.cost <= 0.5, found.interval[0] < found.suggestion < found.interval[1] < 0.2
    (True, True)
    """
    # Statistics and drawing take half a second to load, which who only searches need not wait for.
    from surefoot.analysis.finding import read
    from surefoot.report.range import Range
    from surefoot.studies.short_runs import ShortRuns

    words(lang)
    check_known(options, OPTIONS, "find")
    if trainer not in TRAINERS:
        raise UsageError("the trainer must be one of auto, fused, loop", received=trainer)
    share = number(budget)
    if share is None or share <= 0:
        raise UsageError("the budget must be a share of a whole run, above 0", received=budget, remedy="try 0.5")
    grid = rates_between(low, high, rates)
    recipes = RecipeSet([Recipe(f"lr {rate!r}", optimizer, rate) for rate in grid])
    setting = Setting.of(task, recipes, seeds, **options)
    watcher = Watcher(setting.task.name, [entry.run for entry in setting.entries], lang=lang)

    def sink(event: Event) -> None:
        if progress:
            watcher(event)

    keep_freed_memory()
    try:
        with computing(torch.get_num_threads()):
            for note in setting.task.notes:
                sink(Note(note))
            runs = ShortRuns(setting, np.array(grid), share, trainer, sink)
            seen, cost = runs.made()
            return Range(setting.facts, optimizer, seen, read(seen), cost, runs.ramps() if ramp else (), lang)
    except Exception as failure:
        if isinstance(failure, SurefootError) or not is_out_of_memory(failure):
            raise
        raise SurefootError("out of memory: try fewer rates or seeds, or trainer='loop'") from failure
    finally:
        watcher.close()


def rates_between(low: float | None, high: float | None, rates: int | Sequence[float] | None) -> list[float]:
    """The rates to look at, ascending. Raises UsageError for a range that is empty or said twice.

    >>> rates_between(0.01, 1, 3)
    [0.01, 0.1, 1.0]
    """
    if rates is not None and not isinstance(rates, int):
        if low is not None or high is not None:
            raise UsageError("rates says which rates: low and high would say it again", remedy="leave them out")
        found = sorted({check_rate(rate) for rate in rates})
        if len(found) < 3 or found[0] <= 0:
            raise UsageError("a range test takes three different rates above 0, or more", received=list(rates))
        return found
    first, last = (check_rate(given) for given in (LOW if low is None else low, HIGH if high is None else high))
    if not 0 < first < last:
        raise UsageError(
            "the range of rates is empty: low must be above 0 and below high", received={"low": first, "high": last}
        )
    count = max(FEWEST, math.ceil(A_DECADE * math.log10(last / first) - 1e-9) + 1) if rates is None else rates
    if isinstance(count, bool) or count < 3:
        raise UsageError("a range test takes three rates or more", received=rates)
    return [float(f"{rate:.12g}") for rate in np.geomspace(first, last, count)]
