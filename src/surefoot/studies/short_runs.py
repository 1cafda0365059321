"""Short runs at constant rates: a scan of all, then those worth going on with; and the classic ramp beside them."""

import math

import numpy as np
import torch
from attrs import define, evolve, field
from numpy.typing import NDArray

from surefoot.analysis.finding import Seen, window
from surefoot.analysis.ramp import Ramp, smoothed
from surefoot.core.errors import UsageError
from surefoot.core.record import Doing, Progress, Sink
from surefoot.studies.setting import Setting
from surefoot.tasks import Prepared, Split
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.tree import leaves
from surefoot.training.short import ShortRows

SCAN = 0.25  # of the updates, for the first look at all rates
SHORTEST = 2  # updates: after fewer no rate has been used twice
LOOKS = 2**0.125  # times as many updates from one look to the next: each is noisy
TARGETS = 512  # that losses are measured on, at least, where there are so many
SHARE = 0.25  # of the samples of a scan, at least: later looks are further apart, and cost less and less of the whole
RAMP, WORSE = 100, 4.0  # updates of the classic ramp; it ends where its loss is so many times its best: fastai's values


@define(eq=False)
class ShortRuns:
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
        self.total = int(self.budget * self.task.steps) * len(self.setting.facts.seeds)

    @property
    def task(self) -> Prepared:
        return self.setting.task

    def made(self) -> tuple[Seen, float]:
        """What was measured, and the cost in whole runs."""
        seeds = len(self.setting.facts.seeds)
        scan = self._scan(seeds)
        first = [entry.row() for entry in self.setting.entries]
        rows = ShortRows(self.task, first, self.sink, self.trainer, self.total)
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
        if not rows.live:
            raise UsageError(
                f"the rates that were best after {scan} updates all diverged by update {seen.looks[-1]}",
                received=[float(self.rates[i]) for i in kept],
                remedy=f"look lower: high={self.rates[kept[0]]:g}",
            )
        self.sink(Progress(rows.made, rows.made, len(rows.live), len(rows.rows), f"step {rows.step}"))
        return seen, rows.made / self.task.steps

    def _scan(self, seeds: int) -> int:
        """The updates of the first look."""
        rows = len(self.rates) * seeds
        if 2 * SHORTEST * rows > self.total or self.task.steps < SHORTEST:
            least = 2 * SHORTEST * len(self.rates) / self.task.steps
            raise UsageError(
                f"the budget is too small: {self.total // seeds} updates for {len(self.rates)} rates, on each seed",
                received=self.budget,
                remedy=f"give a budget of {least:.2g} or more, fewer rates, or more epochs",
            )
        return min(max(SHORTEST, int(SCAN * self.total / rows)), self.task.steps)

    def _next(self, rows: ShortRows) -> int:
        """The update of the next look: looks are evenly spaced on a log axis, up to what the budget allows."""
        last = min(rows.step + (self.total - rows.made) // max(1, len(rows.live)), self.task.steps)
        if not rows.live or last == rows.step:
            return rows.step
        count = max(1, round(math.log(last / rows.step, LOOKS)))
        return max(rows.step + 1, round(rows.step * math.exp(math.log(last / rows.step) / count)))

    def _look(self, rows: ShortRows, step: int, split: Split, start: NDArray[np.float64]) -> Seen:
        """Train up to an update, measure, and drop what is no better than untrained."""
        going = set(rows.live) if not self.losses else set(self.kept)
        rows.advance(step - rows.step)
        found = rows.measured(split)
        found[[k for k in going if not np.isfinite(found[k])]] = np.inf  # lost now, or before
        if self.losses:
            # A row may leap above where it began, and come back: at two looks in a row it has not.
            untrained = np.tile(start, len(self.rates))
            found[(found >= untrained) & (self.losses[-1].ravel() >= untrained)] = np.inf
            rows.keep([k for k in rows.live if np.isfinite(found[k])])
        self.losses.append(found.reshape(len(self.rates), -1))
        self.looks.append(step)
        return Seen(self.rates, self.task.steps, start, tuple(self.looks), np.stack(self.losses))

    def _split(self, scan: int) -> Split:
        """What losses are measured on: enough targets of the data to choose on, for no more than training costs."""
        whole = self.task.watched
        _, y = whole.take(torch.arange(1, device=self.task.device))
        targets = sum(leaf.numel() for leaf in leaves(y))
        count = max(self.task.batch_size, -(-TARGETS // max(1, targets)), int(SHARE * scan * self.task.batch_size))
        count = min(len(whole), count)
        index = torch.arange(count) if whole.in_order else torch.linspace(0, len(whole) - 1, count).long()
        return InMemory(*whole.take(index.to(self.task.device)))

    def ramps(self) -> tuple[Ramp, ...]:
        """The classic ramp on every seed, over the same range."""
        rates = np.geomspace(self.rates[0], self.rates[-1], min(RAMP, self.task.steps))
        first = {entry.run.seed: entry.row() for entry in self.setting.entries}
        ramps = []
        self.sink(Doing(f"the classic ramp, {len(rates)} updates of each seed"))
        for row in first.values():
            rows = ShortRows(self.task, [evolve(row, moving=row.moving | {"lr"})], lambda event: None, self.trainer)
            losses: list[float] = []
            for rate in rates:
                losses.append(float(rows.advance(1, [{**row.hyper, "lr": float(rate)}])[0, 0]))
                kept = smoothed(np.array(losses))
                if not rows.live or kept[-1] > WORSE * kept.min():
                    break
            finite = [loss for loss in losses if math.isfinite(loss)]
            ramps.append(Ramp.of(rates[: len(finite)], np.array(finite)))
        return tuple(ramps)


def _nothing_trains(seen: Seen) -> UsageError:
    """Why no rate ends below the loss before training."""
    low, high, after = seen.rates[0], seen.rates[-1], f"after {seen.looks[-1]} updates"
    if (seen.losses[-1] > 1.01 * seen.start).all():
        return UsageError(
            f"every rate from {low:g} to {high:g} diverged on some seed: no loss {after} is below that before training",
            remedy=f"start lower: low={low / 1e4:g}",
        )
    return UsageError(
        f"no rate from {low:g} to {high:g} lowers the loss {after} on every seed",
        remedy=f"look higher, high={high * 1e4:g}, or longer, with a larger budget",
    )
