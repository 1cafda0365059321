"""Training one tile: its rows in lockstep, from where they are to where each of their runs ends or pauses."""

import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from attrs import define, field
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.keys import seed_of
from surefoot.core.record import Diverged, Finished, Losses, Observation, Observed, Paused, Progress, Saved, Sink
from surefoot.tasks import Prepared, Split
from surefoot.tasks.in_memory import InMemory
from surefoot.training.checkpoint import Checkpoint, Saving
from surefoot.training.course import Course, Live, rows_of
from surefoot.training.tile import Tile
from surefoot.training.trainer import Trainer, Updates, order

STRIDE = 64  # updates between two looks at the losses
SHARE = 50  # writing checkpoints may take a fiftieth of the time


def train_tile(task: Prepared, tile: Tile, trainer: Trainer, sink: Sink, saving: Saving | None = None) -> None:
    """Train the tile's rows until each of their runs ends, pauses or diverges, and tell `sink` all about it.

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
    live: list[Live] = field(init=False)
    step: int = field(init=False, default=0)  # updates made
    done: int = field(init=False, default=0)  # updates of runs made
    saved: float = field(init=False, factory=time.monotonic)  # when
    wait: float = field(init=False, default=0.0)  # seconds between two checkpoints

    def __attrs_post_init__(self) -> None:
        self.live = rows_of(self.tile.bundles)
        self.wait = self.saving.every if self.saving else 0.0
        if self.tile.start is not None:
            self._go_on(self.tile.start)

    def _go_on(self, start: Checkpoint) -> None:
        self.trainer.restore(start.rows)
        courses = {course.index: course for row in self.live for course in row.courses}
        self.live = [Live([courses[run] for run in runs], list(losses)) for runs, losses in start.held()]
        seconds = dict(zip(start.runs, start.seconds, strict=True))
        for row in self.live:
            for course in row.courses:
                course.seconds = seconds[course.index]
                for observation in course.entry.past:
                    course.observe(observation)
            for observation in row.courses[0].entry.past:
                row.improves(self._rank(observation.values))
        self.step, self.done = start.step, start.step * len(start.runs)

    def whole(self) -> None:
        self._progress()
        while self.live and self.step < self.task.steps:
            self._epoch(*divmod(self.step, self.task.steps_per_epoch))
        self._finish(range(len(self.live)))
        self._progress()

    def _epoch(self, epoch: int, offset: int) -> None:
        # Of all seeds: a compiled step goes on updating the rows that were lost.
        size, seeds = self.task.batch_size, {entry.run.seed for entry in self.tile.entries}
        batches = {seed: torch.split(order(self.task, seed, epoch), size) for seed in seeds}
        full = len(self.task.train) // size  # the last batch may be short, and is then on its own
        while self.live and offset < self.task.steps_per_epoch:
            stop = min(offset + STRIDE, self.task.steps_per_epoch if offset >= full else full)
            stop = offset + self._part(min(stop - offset, self._to_next_pause()))
            self._advance({seed: torch.stack(parts[offset:stop]) for seed, parts in batches.items()})
            offset = stop
            if offset == self.task.steps_per_epoch:
                self._observe()
            self._pause()
            self._save()

    def _part(self, n: int) -> int:
        """Fork the rows whose runs do not do the same in the next update; for how many updates they then do, up to
        `n`."""
        rows = [row.parted(self.step) for row in self.live]
        if any(len(parts) > 1 for parts in rows):
            self.trainer.take([k for k, parts in enumerate(rows) for _ in parts])
            self.live = [row for parts in rows for row in parts]
        return min(row.agree(self.step, self.step + n) for row in self.live)

    def _advance(self, samples: dict[int, torch.Tensor]) -> None:
        began, start = time.perf_counter(), self.step
        n = len(next(iter(samples.values())))
        losses = self.trainer.advance(Updates(start, samples, [row.moves(start, start + n) for row in self.live]))
        self._charge(began)
        self.step, self.done = start + n, self.done + n * self._runs()
        finite = np.isfinite(losses)
        for k, row in enumerate(self.live):
            good = n if finite[:, k].all() else int(finite[:, k].argmin())
            row.losses += losses[:good, k].tolist()
            for course in row.courses if good else ():
                self.sink(Losses(course.index, start, losses[:good, k].copy()))
        self._lose(np.asarray(~finite.all(axis=0)), start + (~finite).argmax(axis=0))
        self._progress()

    def _observe(self) -> None:
        if not self.live:
            return
        began = time.perf_counter()
        measured = self._measure(self.task.watched)
        self._charge(began)
        bad = np.array([not np.isfinite(values["loss"]) for values in measured])
        for k, (row, values) in enumerate(zip(self.live, measured, strict=True)):
            if bad[k]:
                continue
            self._check(row, values)
            observation = Observation(self.step, {**values, "train_loss": float(np.mean(row.losses))})
            row.losses.clear()
            better = row.improves(self._rank(values))
            for course in row.courses:
                if self.saving is not None and self.saving.look is not None:
                    self.saving.look(course.index, better, self.trainer, k, observation)
                self.sink(Observed(course.index, observation))
            row.observe(observation)
        self._lose(bad, np.full(len(bad), self.step))
        self._stop_early()
        self._progress()

    def _rank(self, values: Mapping[str, float]) -> float:
        rank = self.task.rank
        return values[rank.name] if rank.goal == "max" else -values[rank.name]

    def _to_next_pause(self) -> int:
        """The updates to be made before the next run pauses."""
        return min(self.tile.end(course.index) for row in self.live for course in row.courses) - self.step

    def _pause(self) -> None:
        """Runs that are not to go further here: look, keep what going on needs, and let them go."""
        here = {run: pause for run, pause in self.tile.pauses.items() if pause.step == self.step < self.task.steps}
        if not here:
            return
        samples = max((here[c.index].samples for row in self.live for c in row.courses if c.index in here), default=0)
        if samples and self.step % self.task.steps_per_epoch:
            self._glance(samples, here)
        wanted = {run for run, pause in here.items() if pause.keep}
        name = self._kept([k for k, row in enumerate(self.live) if wanted & {c.index for c in row.courses}], wanted)
        for row in self.live:
            for course in row.courses:
                if course.index in here:
                    kept = name if here[course.index].keep else None
                    self.sink(Paused(course.index, self.step, course.seconds, kept))
            row.courses = [course for course in row.courses if course.index not in here]
        self._keep([k for k, row in enumerate(self.live) if row.courses])
        self._progress()

    def _glance(self, samples: int, runs: Collection[int]) -> None:
        """Look at some samples of the watched set, always the same: nothing that is trained takes notice."""
        began = time.perf_counter()
        measured = self._measure(self._some(samples))
        self._charge(began)
        for row, values in zip(self.live, measured, strict=True):
            if not (seen := [course for course in row.courses if course.index in runs]):
                continue
            if not np.isfinite(values["loss"]):  # those of its runs that go on would not have been looked at
                self._diverge(seen, self.step)
                row.courses = [course for course in row.courses if course not in seen]
                continue
            self._check(row, values)
            train_loss = float(np.mean(row.losses)) if row.losses else values["loss"]
            for course in seen:
                self.sink(Observed(course.index, Observation(self.step, {**values, "train_loss": train_loss})))

    def _some(self, samples: int) -> Split:
        whole = self.task.watched
        if samples >= len(whole):
            return whole
        generator = torch.Generator().manual_seed(seed_of("glance"))
        chosen = torch.randperm(len(whole), generator=generator)[:samples].to(self.task.device)
        return InMemory(*whole.take(chosen))

    def _kept(self, rows: Sequence[int], runs: Collection[int]) -> str | None:
        """Keep some rows, as some of their runs; under which name."""
        if self.saving is None or not rows:
            return None
        courses = [[course for course in self.live[k].courses if course.index in runs] for k in rows]
        return self.saving.save(*self._checkpoint(rows, courses).parts())

    def _checkpoint(self, rows: Sequence[int], courses: Sequence[Sequence[Course]]) -> Checkpoint:
        live = tuple(tuple(course.index for course in each) for each in courses)
        seconds = tuple(course.seconds for each in courses for course in each)
        return Checkpoint(self.step, live, seconds, [self.live[k].losses for k in rows], self.trainer.snapshot(rows))

    def _check(self, row: Live, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if not np.isfinite(value):
                raise TaskError(
                    f"metric {name!r} is not finite for {row.courses[0].entry.run.recipe.name!r}, seed {row.seed}, "
                    f"after step {self.step}, though the loss is",
                    received=value,
                    remedy="a metric must give a number for any finite outputs",
                )

    def _lose(self, lost: NDArray[np.bool_], steps: NDArray[np.int64]) -> None:
        for k in np.flatnonzero(lost):
            self._diverge(self.live[k].courses, int(steps[k]))
        self._keep(np.flatnonzero(~lost).tolist())

    def _diverge(self, courses: Sequence[Course], step: int) -> None:
        for course in courses:
            self.sink(Diverged(course.index, step))
            self.sink(Finished(course.index, course.seconds))

    def _stop_early(self) -> None:
        """Rows that have not improved for as long as the task is patient are over."""
        patience = self.task.patience
        if patience is None or self.step == self.task.steps:
            return
        over = [k for k, row in enumerate(self.live) if row.stale >= patience]
        self._finish(over)
        self._keep([k for k in range(len(self.live)) if k not in over])

    def _finish(self, rows: Sequence[int]) -> None:
        """These rows are over: they are tested."""
        tested = self._measure(self.task.test) if self.task.test is not None and rows else None
        for k in rows:
            final = {} if tested is None else tested[k]
            for course in self.live[k].courses:
                self.sink(Finished(course.index, course.seconds, final))

    def _keep(self, rows: Sequence[int]) -> None:
        if len(rows) == len(self.live):
            return
        self.live = [self.live[k] for k in rows]
        if rows:
            self.trainer.take(rows)

    def _save(self) -> None:
        now = time.monotonic()
        if self.saving is None or not self.live or self.step == self.task.steps or now - self.saved < self.wait:
            return
        checkpoint = self._checkpoint(range(len(self.live)), [row.courses for row in self.live])
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

    def _charge(self, began: float) -> None:
        share = (time.perf_counter() - began) / len(self.live)
        for row in self.live:
            row.charge(share)

    def _runs(self) -> int:
        return sum(len(row.courses) for row in self.live)

    def _progress(self) -> None:
        left = sum(self.tile.end(course.index) - self.step for row in self.live for course in row.courses)
        what = f"{self.trainer.name}, step {self.step} of {self.task.steps}"
        self.sink(Progress(self.done, self.done + left, self._runs(), len(self.tile.entries), what))
