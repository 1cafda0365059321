"""One tile: rows trained together from their first update, or from a checkpoint, to the end of the horizon."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from attrs import define, field, frozen
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.record import Diverged, Finished, Losses, Observation, Observed, Progress, Saved, Sink
from surefoot.core.run import Run
from surefoot.schedules.reactive import States
from surefoot.tasks import Prepared, Split
from surefoot.training.checkpoint import Checkpoint, Save
from surefoot.training.policy import Policy
from surefoot.training.trainer import Moves, Row, Trainer, Updates, order

STRIDE = 64  # updates between two looks at the losses
TABLE = 4096  # updates whose hyperparameters are evaluated at once
SHARE = 50  # writing checkpoints may take a fiftieth of the time


@frozen(eq=False)
class Entry:
    """A run and what it needs to train: its policy, and what was observed of it before, where it goes on."""

    run: Run
    policy: Policy
    past: Sequence[Observation] = ()

    def row(self) -> Row:
        return Row(self.policy.rule, self.policy.first(), self.run.seed, self.policy.moving)


@frozen(eq=False)
class Tile:
    """Rows to be trained together. `start`: where they go on from; None begins."""

    index: int
    entries: Sequence[Entry]
    start: Checkpoint | None = None

    def rows(self) -> list[Row]:
        return [entry.row() for entry in self.entries]


@frozen(eq=False)
class Saving:
    """Where checkpoints go, and after how many seconds at the earliest the next one is written."""

    save: Save
    every: float


@define(eq=False)
class _Live:
    """A run while it trains."""

    entry: Entry
    states: dict[str, States]
    seconds: float = 0.0
    losses: list[float] = field(factory=list)  # since the last observation
    table: Moves = field(factory=dict)  # the hyperparameters of some updates to come,
    first: int = 0  # from this one on
    last: int = 0

    def moves(self, start: int, stop: int, horizon: int) -> Moves:
        """The hyperparameters of updates start … stop − 1."""
        if not self.first <= start < stop <= self.last:
            self.first, self.last = start, max(stop, min(start + TABLE, horizon))
            self.table = self.entry.policy.moves(self.first, self.last, self.states)
        part = slice(start - self.first, stop - self.first)
        return {name: value[part] if isinstance(value, np.ndarray) else value for name, value in self.table.items()}

    def observe(self, observation: Observation) -> None:
        """Take notice: what comes may depend on it."""
        states = self.entry.policy.observe(self.states, observation)
        if states != self.states:
            self.states, self.last = states, 0

    @property
    def index(self) -> int:
        return self.entry.run.index

    @property
    def seed(self) -> int:
        return self.entry.run.seed


def train_tile(task: Prepared, tile: Tile, trainer: Trainer, sink: Sink, saving: Saving | None = None) -> None:
    """Train the tile's rows to the end of the horizon, or until they diverge, and tell `sink` all about it.

    Parameters: `trainer`, made for the tile's rows.
    """
    _Training(task, tile, trainer, sink, saving).whole()


@define(eq=False)
class _Training:
    task: Prepared
    tile: Tile
    trainer: Trainer
    sink: Sink
    saving: Saving | None
    live: list[_Live] = field(init=False)
    step: int = field(init=False, default=0)  # updates made
    done: int = field(init=False, default=0)  # updates of rows made
    saved: float = field(init=False, factory=time.monotonic)  # when
    wait: float = field(init=False, default=0.0)  # seconds between two checkpoints

    def __attrs_post_init__(self) -> None:
        self.live = [_Live(entry, entry.policy.start()) for entry in self.tile.entries]
        self.wait = self.saving.every if self.saving else 0.0
        if self.tile.start is not None:
            self._go_on(self.tile.start)

    def _go_on(self, start: Checkpoint) -> None:
        self.trainer.restore(start.rows)
        by_index = {each.index: each for each in self.live}
        self.live = [by_index[run] for run in start.live]
        for each, seconds, losses in zip(self.live, start.seconds, start.losses, strict=True):
            each.seconds, each.losses = seconds, list(losses)
            for observation in each.entry.past:
                each.observe(observation)
        self.step, self.done = start.step, start.step * len(self.live)

    def whole(self) -> None:
        self._progress()
        while self.live and self.step < self.task.steps:
            self._epoch(*divmod(self.step, self.task.steps_per_epoch))
        for each, final in zip(self.live, self._test(), strict=True):
            self.sink(Finished(each.index, each.seconds, final))
        self._progress()

    def _epoch(self, epoch: int, offset: int) -> None:
        # Of all seeds: a compiled step goes on updating the rows that were lost.
        size, seeds = self.task.batch_size, {entry.run.seed for entry in self.tile.entries}
        batches = {seed: torch.split(order(self.task, seed, epoch), size) for seed in seeds}
        full = len(self.task.train) // size  # the last batch may be short, and is then on its own
        while self.live and offset < self.task.steps_per_epoch:
            stop = min(offset + STRIDE, self.task.steps_per_epoch if offset >= full else full)
            self._advance({seed: torch.stack(parts[offset:stop]) for seed, parts in batches.items()})
            offset = stop
            if offset == self.task.steps_per_epoch:
                self._observe()
            self._save()

    def _advance(self, samples: dict[int, torch.Tensor]) -> None:
        began, start = time.perf_counter(), self.step
        n = len(next(iter(samples.values())))
        hyper = [each.moves(start, start + n, self.task.steps) for each in self.live]
        losses = self.trainer.advance(Updates(start, samples, hyper))
        self._charge(began)
        self.step, self.done = start + n, self.done + losses.size
        finite = np.isfinite(losses)
        for k, each in enumerate(self.live):
            good = n if finite[:, k].all() else int(finite[:, k].argmin())
            each.losses += losses[:good, k].tolist()
            if good:
                self.sink(Losses(each.index, start, losses[:good, k].copy()))
        self._drop(np.asarray(~finite.all(axis=0)), start + (~finite).argmax(axis=0))
        self._progress()

    def _observe(self) -> None:
        if not self.live:
            return
        began = time.perf_counter()
        measured = self._measure(self.task.watched)
        self._charge(began)
        bad = np.array([not np.isfinite(values["loss"]) for values in measured])
        for each, values, lost in zip(self.live, measured, bad, strict=True):
            if lost:
                continue
            self._check(each, values)
            observation = Observation(self.step, {**values, "train_loss": float(np.mean(each.losses))})
            each.losses.clear()
            self.sink(Observed(each.index, observation))
            each.observe(observation)
        self._drop(bad, np.full(len(bad), self.step))
        self._progress()

    def _check(self, each: _Live, values: dict[str, float]) -> None:
        for name, value in values.items():
            if not np.isfinite(value):
                raise TaskError(
                    f"metric {name!r} is not finite for {each.entry.run.recipe.name!r}, seed {each.seed}, after step "
                    f"{self.step}, though the loss is",
                    received=value,
                    remedy="a metric must give a number for any finite outputs",
                )

    def _drop(self, lost: NDArray[np.bool_], steps: NDArray[np.int64]) -> None:
        if not lost.any():
            return
        for k in np.flatnonzero(lost):
            self.sink(Diverged(self.live[k].index, int(steps[k])))
            self.sink(Finished(self.live[k].index, self.live[k].seconds))
        kept = np.flatnonzero(~lost).tolist()
        self.live = [self.live[k] for k in kept]
        if kept:
            self.trainer.keep(kept)

    def _save(self) -> None:
        now = time.monotonic()
        if self.saving is None or not self.live or self.step == self.task.steps or now - self.saved < self.wait:
            return
        live, seconds = zip(*((each.index, each.seconds) for each in self.live), strict=True)
        rows = self.trainer.snapshot()
        checkpoint = Checkpoint(self.step, live, seconds, [each.losses for each in self.live], rows)
        name = self.saving.save(*checkpoint.parts())
        self.sink(Saved(self.tile.index, self.step, name))
        self.saved = time.monotonic()
        self.wait = max(self.saving.every, SHARE * (self.saved - now))

    def _measure(self, split: Split) -> list[dict[str, float]]:
        with torch.no_grad():
            return [
                {"loss": float(self.task.loss(outputs, split.y))}
                | {metric.name: float(metric.of(outputs, split.y)) for metric in self.task.metrics}
                for outputs in self.trainer.outputs(split)
            ]

    def _test(self) -> list[dict[str, float]]:
        if self.task.test is None or not self.live:
            return [{} for _ in self.live]
        return self._measure(self.task.test)

    def _charge(self, began: float) -> None:
        share = (time.perf_counter() - began) / len(self.live)
        for each in self.live:
            each.seconds += share

    def _progress(self) -> None:
        left = (self.task.steps - self.step) * len(self.live)
        what = f"{self.trainer.name}, step {self.step} of {self.task.steps}"
        self.sink(Progress(self.done, self.done + left, len(self.live), len(self.tile.entries), what))
