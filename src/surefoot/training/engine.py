"""The loop that drives any trainer: updates, divergence, observations, records."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from attrs import define, field
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.record import Diverged, Finished, Losses, Note, Observation, Observed, Progress, Sink
from surefoot.core.run import Run
from surefoot.schedules.reactive import States
from surefoot.tasks import Prepared, Split
from surefoot.training.fused import FusedTrainer
from surefoot.training.loop import LoopTrainer
from surefoot.training.policy import Policy
from surefoot.training.trainer import Row, Trainer, Updates, order
from surefoot.training.trial import CannotStackError

CHOICES = ("auto", "fused", "loop")
STRIDE = 32  # updates between two looks at the losses


@define(eq=False)
class _Live:
    """A run while it trains."""

    run: Run
    policy: Policy
    states: dict[str, States]
    seconds: float = 0.0
    losses: list[float] = field(factory=list)  # since the last observation


def train(task: Prepared, runs: Sequence[Run], policies: Sequence[Policy], sink: Sink, trainer: str = "auto") -> str:
    """Train every run to the end of the horizon, or until it diverges, and tell `sink` all about it.

    Parameters: `policies`, one for each run, bound to the task's horizon; `trainer`, "fused" (stacked rows; falls back
    to the loop and says why), "loop" (plain `torch.optim`), or "auto" (fused where there is more than one row).
    Returns the trainer used.
    """
    live = [_Live(run, policy, policy.start()) for run, policy in zip(runs, policies, strict=True)]
    rows = [Row(each.policy.rule, each.policy.table(0, 1, each.states)[0], each.run.seed) for each in live]
    with _one_path():
        engine = make(trainer, task, rows, sink)
        _Training(task, live, engine, sink).whole()
    return engine.name


@contextmanager
def _one_path() -> Iterator[None]:
    # A fast path of torch replaces transformer layers in evaluation only, with other rounding and no rule for stacks.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def make(choice: str, task: Prepared, rows: Sequence[Row], sink: Sink) -> Trainer:
    """The trainer of a choice. What cannot be stacked falls back to the loop, and the sink is told why."""
    if choice not in CHOICES:
        raise RecipeError("unknown trainer", received=choice, remedy=f"choose one of {', '.join(CHOICES)}")
    if choice == "loop" or (choice == "auto" and len(rows) == 1):
        return LoopTrainer(task, rows)
    try:
        return FusedTrainer(task, rows)
    except CannotStackError as why:
        sink(Note(f"the rows of this task cannot be stacked, so the loop trains them one by one ({why})"))
        return LoopTrainer(task, rows)


@define(eq=False)
class _Training:
    task: Prepared
    live: list[_Live]
    trainer: Trainer
    sink: Sink
    done: int = 0  # updates of rows made
    rows: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rows = len(self.live)

    def whole(self) -> None:
        self._progress(0)
        for epoch in range(self.task.epochs):
            self._epoch(epoch)
        for each, final in zip(self.live, self._test(), strict=True):
            self.sink(Finished(each.run.index, each.seconds, final))
        self._progress(self.task.steps)

    def _epoch(self, epoch: int) -> None:
        size, first = self.task.batch_size, epoch * self.task.steps_per_epoch
        orders = {seed: order(self.task, seed, epoch) for seed in {each.run.seed for each in self.live}}
        for offset in range(0, self.task.steps_per_epoch, STRIDE):
            steps = range(offset, min(offset + STRIDE, self.task.steps_per_epoch))
            if not self.live:
                return
            samples = [{seed: o[i * size : (i + 1) * size] for seed, o in orders.items()} for i in steps]
            self._advance(first + offset, samples)
        self._observe(first + self.task.steps_per_epoch)

    def _advance(self, start: int, samples: list[dict[int, torch.Tensor]]) -> None:
        began = time.perf_counter()
        hyper = [each.policy.table(start, start + len(samples), each.states) for each in self.live]
        losses = self.trainer.advance(Updates(start, samples, hyper))
        self._charge(began)
        self.done += losses.size
        finite = np.isfinite(losses)
        for k, each in enumerate(self.live):
            good = len(samples) if finite[:, k].all() else int(finite[:, k].argmin())
            each.losses += losses[:good, k].tolist()
            if good:
                self.sink(Losses(each.run.index, start, losses[:good, k].copy()))
        self._drop(np.asarray(~finite.all(axis=0)), start + (~finite).argmax(axis=0))
        self._progress(start + len(samples))

    def _observe(self, step: int) -> None:
        if not self.live:
            return
        began = time.perf_counter()
        measured = self._measure(self.task.watched)
        self._charge(began)
        bad = np.array([not np.isfinite(values["loss"]) for values in measured])
        for each, values, lost in zip(self.live, measured, bad, strict=True):
            if lost:
                continue
            for name, value in values.items():
                if not np.isfinite(value):
                    raise TaskError(
                        f"metric {name!r} is not finite for {each.run.recipe.name!r}, seed {each.run.seed}, after "
                        f"step {step}, though the loss is",
                        received=value,
                        remedy="a metric must give a number for any finite outputs",
                    )
            observation = Observation(step, {**values, "train_loss": float(np.mean(each.losses))})
            each.losses.clear()
            self.sink(Observed(each.run.index, observation))
            each.states = each.policy.observe(each.states, observation)
        self._drop(bad, np.full(len(bad), step))
        self._progress(step)

    def _drop(self, lost: NDArray[np.bool_], steps: NDArray[np.int64]) -> None:
        if not lost.any():
            return
        for k in np.flatnonzero(lost):
            self.sink(Diverged(self.live[k].run.index, int(steps[k])))
            self.sink(Finished(self.live[k].run.index, self.live[k].seconds))
        kept = np.flatnonzero(~lost).tolist()
        self.live = [self.live[k] for k in kept]
        if kept:
            self.trainer.keep(kept)

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

    def _progress(self, step: int) -> None:
        left = (self.task.steps - step) * len(self.live)
        what = f"{self.trainer.name}, step {step} of {self.task.steps}"
        self.sink(Progress(self.done, self.done + left, len(self.live), self.rows, what))
