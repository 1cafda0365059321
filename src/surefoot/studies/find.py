"""Find: a good learning rate, by a population of short runs at constant rates."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import define, evolve, field
from numpy.typing import NDArray

from surefoot.analysis.finding import Ramp, Seen, read, smoothed, window
from surefoot.core.errors import UsageError
from surefoot.core.language import words
from surefoot.core.recipe import Recipe, check_rate
from surefoot.core.record import Event, Note, Progress, Sink
from surefoot.core.task import Task
from surefoot.core.text import number
from surefoot.report.range import Range
from surefoot.studies.progress import Watcher
from surefoot.studies.recipes import RecipeSet
from surefoot.studies.setting import Setting, check_known
from surefoot.tasks import Prepared, Split
from surefoot.tasks.in_memory import InMemory
from surefoot.training.lockstep import Lockstep
from surefoot.training.memory import keep_freed_memory
from surefoot.training.place import computing
from surefoot.training.plan import TRAINERS

LOW, HIGH = 1e-6, 1e2  # wide enough for every optimizer there is: rates that diverge at once cost nothing more
A_DECADE = 2  # rates: a parabola through neighbours finds the place between
FEWEST = 5  # rates that the better part of the work goes to
SCAN = 0.25  # of the updates, for the first look at all rates
SHORTEST = 2  # updates: after fewer no rate has been used twice
LOOKS = 2**0.125  # times as many updates from one look to the next: each is noisy, and they cost little
SAMPLES = 512  # that losses are measured on, at least, where there are so many
RAMP, WORSE = 100, 4.0  # updates of the classic ramp; it ends where its loss is so many times its best: fastai's values
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
        seeds: how many (0, 1, ...) or which; they share the budget.
        low, high: the range of rates, 1e-6 to 100 where nothing is said.
        rates: how many, spaced evenly on a log axis (two a decade), or which.
        budget: the updates of all rows and seeds together, as a share of those of one whole run.
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
            return _Search(setting, np.array(grid), share, trainer, sink).found(optimizer, ramp, lang)
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


@define(eq=False)
class _Search:
    """The short runs: a scan of all rates, then the window of those worth going on with."""

    setting: Setting
    rates: NDArray[np.float64]
    budget: float
    trainer: str
    sink: Sink
    total: int = field(init=False)  # updates there are
    losses: list[NDArray[np.float64]] = field(init=False, factory=list)
    looks: list[int] = field(init=False, factory=list)
    kept: list[int] = field(init=False, factory=list)  # rows, after the scan

    def __attrs_post_init__(self) -> None:
        self.total = int(self.budget * self.task.steps)

    @property
    def task(self) -> Prepared:
        return self.setting.task

    def found(self, optimizer: str, ramp: bool, lang: str) -> Range:
        seeds = len(self.setting.facts.seeds)
        scan = self._scan(seeds)
        rows = Lockstep(self.task, [entry.row() for entry in self.setting.entries], self.sink, self.trainer)
        split = self._split(scan)
        start = rows.measured(split).reshape(-1, seeds)[0]
        seen = self._look(rows, scan, split, start)
        kept = window(seen)
        if not kept:
            raise _nothing_trains(seen)
        self.kept = [k for k in rows.live if k // seeds in kept]
        rows.keep(self.kept)
        while (step := self._next(rows)) > rows.step:
            seen = self._look(rows, step, split, start)
        self.sink(Progress(rows.made, rows.made, len(rows.live), len(rows.rows), _what(rows)))
        ramps = self._ramps() if ramp else ()
        return Range(self.setting.facts, optimizer, seen, read(seen), rows.made / self.task.steps, ramps, lang)

    def _scan(self, seeds: int) -> int:
        """The updates of the first look."""
        rows = len(self.rates) * seeds
        if 2 * SHORTEST * rows > self.total or SHORTEST > self.task.steps:
            least = 2 * SHORTEST * rows / self.task.steps
            raise UsageError(
                f"the budget is too small to look at {len(self.rates)} rates with {seeds} seed{'s' * (seeds > 1)}: it is "
                f"{self.total} updates of all rows together",
                received=self.budget,
                remedy=f"give a budget of {least:.2g} or more, fewer rates or seeds, or more epochs",
            )
        return min(max(SHORTEST, int(SCAN * self.total / rows)), self.task.steps)

    def _next(self, rows: Lockstep) -> int:
        """The update of the next look: looks are evenly spaced on a log axis, up to what the budget allows."""
        last = min(rows.step + (self.total - rows.made) // max(1, len(rows.live)), self.task.steps)
        if not rows.live or last == rows.step:
            return rows.step
        count = max(1, round(math.log(last / rows.step, LOOKS)))
        return max(rows.step + 1, round(rows.step * (last / rows.step) ** (1 / count)))

    def _look(self, rows: Lockstep, step: int, split: Split, start: NDArray[np.float64]) -> Seen:
        """Train up to an update, measure, and drop what is no better than untrained."""
        trained = rows.live
        self.sink(Progress(rows.made, self.total, len(trained), len(rows.rows), _what(rows)))
        rows.advance(step - rows.step)
        measured = rows.measured(split)
        found, every = np.full(len(measured), np.nan), np.arange(len(measured))
        untrained = np.tile(start, len(self.rates))
        found[trained] = np.where(np.isfinite(measured[trained]), measured[trained], np.inf)
        if self.losses:
            before = self.losses[-1].ravel()
            # A row may leap above where it began, and come back: two looks in a row it does not.
            lost = (found >= untrained) & (before >= untrained) | np.isinf(before) & np.isin(every, self.kept)
            found[lost] = np.inf
            rows.keep([k for k in rows.live if np.isfinite(found[k])])
        self.losses.append(found.reshape(len(self.rates), -1))
        self.looks.append(step)
        return Seen(self.rates, self.task.steps, start, tuple(self.looks), np.stack(self.losses))

    def _split(self, scan: int) -> Split:
        """What losses are measured on: of the data to choose on, no more samples than a row has seen in the scan."""
        whole = self.task.watched
        count = min(len(whole), max(SAMPLES, scan * self.task.batch_size))
        index = torch.arange(count) if whole.in_order else torch.linspace(0, len(whole) - 1, count).long()
        return InMemory(*whole.take(index.to(self.task.device)))

    def _ramps(self) -> tuple[Ramp, ...]:
        """The classic ramp on every seed, over the same range."""
        rates = np.geomspace(self.rates[0], self.rates[-1], min(RAMP, self.task.steps))
        first = {entry.run.seed: entry.row() for entry in self.setting.entries}
        ramps = []
        for row in first.values():
            rows = Lockstep(self.task, [evolve(row, moving=row.moving | {"lr"})], self.sink, self.trainer)
            losses: list[float] = []
            for rate in rates:
                losses.append(float(rows.advance(1, [{**row.hyper, "lr": float(rate)}])[0, 0]))
                kept = smoothed(np.array(losses))
                if not rows.live or kept[-1] > WORSE * kept.min():
                    break
            finite = [loss for loss in losses if math.isfinite(loss)]
            ramps.append(Ramp.of(rates[: len(finite)], np.array(finite)))
        return tuple(ramps)


def _what(rows: Lockstep) -> str:
    return f"step {rows.step}"


def _nothing_trains(seen: Seen) -> UsageError:
    """Why no rate ends below the loss before training."""
    low, high, after = seen.rates[0], seen.rates[-1], f"after {seen.looks[-1]} updates"
    if (seen.losses[-1] > 1.01 * seen.start).all():
        return UsageError(
            f"every rate from {low:g} to {high:g} diverged on some seed: no loss {after} is below that before training",
            remedy=f"start lower: low={low / 1e4:g}",
        )
    return UsageError(f"no rate from {low:g} to {high:g} lowers the loss {after} on every seed", remedy="more updates")
