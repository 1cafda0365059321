"""Rows in lockstep for short looks: trained and measured when asked, dropped when told, recorded nowhere."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from attrs import define, field
from numpy.typing import NDArray

from surefoot.core.record import Note, Progress, Sink
from surefoot.tasks import Prepared, Split
from surefoot.training.fused import FusedTrainer
from surefoot.training.loop import LoopTrainer
from surefoot.training.memory import rows_that_fit
from surefoot.training.trainer import Moves, Row, Trainer, Updates, order
from surefoot.training.trial import CannotStackError

STRIDE = 64  # updates between two looks at the losses


@define(eq=False)
class _Part:
    trainer: Trainer
    live: list[int]  # rows, by their place among all


@define(eq=False)
class ShortRows:
    """K rows, in tiles that fit the cache.

    `trainer` is "fused", "loop", or "auto": fused where the rows can be stacked. That is not decided by the clock, so
    that the same rows give the same numbers. `total`: the updates of all rows that there will be, about, for `sink` to
    show. `live` are the rows left, `step` the updates made, `made` the updates of all rows together.
    """

    task: Prepared
    rows: Sequence[Row]
    sink: Sink
    trainer: str = "auto"
    total: int = 0
    parts: list[_Part] = field(init=False)
    step: int = field(init=False, default=0)
    made: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        every = list(range(len(self.rows)))
        if self.trainer != "loop":
            try:
                self.parts = self._stacked(every)
            except CannotStackError as why:
                self.sink(Note(f"the rows of this task cannot be stacked, so the loop trains them one by one ({why})"))
            else:
                return
        self.parts = [_Part(LoopTrainer(self.task, self.rows), every)]

    def _stacked(self, every: list[int]) -> list[_Part]:
        for rule in (row.rule for row in self.rows):
            if not rule.stackable:
                raise CannotStackError(f"{rule} has no rule for stacks")
        most = rows_that_fit(self.task, self.rows)
        tiles = [every[start : start + most] for start in range(0, len(every), most)]
        return [_Part(FusedTrainer(self.task, [self.rows[k] for k in tile]), tile) for tile in tiles]

    @property
    def live(self) -> list[int]:
        return [k for part in self.parts for k in part.live]

    def advance(self, n: int, moves: Sequence[Moves] | None = None) -> NDArray[np.float64]:
        """Make n updates with every row; the losses before each `[n, K]`, NaN where a row was not there.

        A row whose loss is not finite is dropped. `moves`: the hyperparameters of the n updates of all rows; None: as
        they were before the first.
        """
        found = np.full((n, len(self.rows)), np.nan)
        given = moves or [row.hyper for row in self.rows]
        start = self.step
        for samples in self._batches(n):
            at = self.step - start
            count = len(next(iter(samples.values())))
            for part in self.parts:
                hyper = [_cut(given[k], at, at + count) for k in part.live]
                losses = part.trainer.advance(Updates(self.step, samples, hyper))
                found[at : at + count, part.live] = losses
                self.made += losses.size
            self.step += count
            self.keep([k for k in self.live if np.isfinite(found[at : at + count, k]).all()])
            self._tell()
        return found

    def measured(self, split: Split) -> NDArray[np.float64]:
        """The loss on a split `[K]`; NaN for rows that were dropped."""
        found = np.full(len(self.rows), np.nan)
        with torch.no_grad():
            for part in self.parts:
                for k, outputs in zip(part.live, part.trainer.outputs(split), strict=True):
                    found[k] = float(self.task.loss(outputs, split.y))
        return found

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone."""
        for part in self.parts:
            left = [i for i, k in enumerate(part.live) if k in rows]
            if left and len(left) < len(part.live):
                part.trainer.take(left)
            part.live = [part.live[i] for i in left]
        self.parts = [part for part in self.parts if part.live]

    def _tell(self) -> None:
        what = f"{self.parts[0].trainer.name if self.parts else self.trainer}, step {self.step}"
        total = max(self.made, self.total)
        self.sink(Progress(self.made, total, len(self.live), len(self.rows), what))

    def _batches(self, n: int) -> Iterator[dict[int, torch.Tensor]]:
        """The samples of the next n updates, some at a time; the short last batch of an epoch on its own."""
        size, epoch, stop = self.task.batch_size, -1, self.step + n
        full = len(self.task.train) // size
        while self.step < stop and self.parts:
            now, offset = divmod(self.step, self.task.steps_per_epoch)
            if now != epoch:
                seeds, epoch = {row.seed for row in self.rows}, now
                batches = {seed: torch.split(order(self.task, seed, epoch), size) for seed in seeds}
            end = min(offset + min(STRIDE, stop - self.step), full if offset < full else self.task.steps_per_epoch)
            yield {seed: torch.stack(parts[offset:end]) for seed, parts in batches.items()}


def _cut(moves: Moves, start: int, stop: int) -> Moves:
    return {name: value[start:stop] if isinstance(value, np.ndarray) else value for name, value in moves.items()}
