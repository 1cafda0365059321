"""Where tiles are trained: the contract of a place, and the one that is always there."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from attrs import evolve, frozen

from surefoot.core.record import Event, Progress, Sink
from surefoot.tasks import Prepared
from surefoot.training.checkpoint import Saving
from surefoot.training.compiler import Compiler
from surefoot.training.cuda_graph import Graphs
from surefoot.training.fused import FusedTrainer
from surefoot.training.layout import Layout, layout_of, rung
from surefoot.training.lockstep import train_tile
from surefoot.training.loop import LoopTrainer
from surefoot.training.plan import Plan
from surefoot.training.tile import Tile, outgrown
from surefoot.training.trainer import Trainer


@frozen(eq=False)
class Work:
    """Tiles to be trained, and how."""

    task: Prepared
    plan: Plan
    layout: Layout  # of every tile
    tiles: Sequence[Tile]
    saving: Saving | None = None
    compiler: Compiler | None = None  # where there is one, with what it has compiled already


Place = Callable[[Work, Sink], None]


def here(work: Work, sink: Sink) -> None:
    """One tile after another, in this process: no more memory than one needs."""
    compiler = (work.compiler or Compiler(sink)) if work.plan.compiled else None
    whole = Whole(work.tiles, sink)
    with computing(work.plan.threads):
        for tile in work.tiles:
            train_tile(work.task, tile, make(work, tile, compiler, sink), whole.of(tile), work.saving)


def make(work: Work, tile: Tile, compiler: Compiler | None, sink: Sink) -> Trainer:
    """The plan's trainer for a tile."""
    if work.plan.trainer == "loop":
        return LoopTrainer(work.task, tile.rows())
    if compiler is None:
        layout = layout_of([entry.row() for entry in tile.entries])
        return FusedTrainer(work.task, tile.rows(), layout, graphs=Graphs(sink))
    seeds = max(len({entry.run.seed for entry in each.entries}) for each in [tile, *work.tiles])
    few = outgrown(tile, rung(work.layout))
    return FusedTrainer(work.task, tile.rows(), work.layout, compiler, seeds, few, Graphs(sink))


class Whole:
    """Tells of all tiles at once: adds up what each says of its progress."""

    def __init__(self, tiles: Sequence[Tile], sink: Sink) -> None:
        self.sink = sink
        self.parts = {tile.index: _ahead(tile) for tile in tiles}

    def of(self, tile: Tile) -> Callable[[Event], None]:
        """The sink of one tile."""
        return lambda event: self.tell(tile.index, event)

    def tell(self, tile: int, event: Event) -> None:
        """Hand on an event of a tile."""
        if isinstance(event, Progress):
            self.parts[tile] = event
            parts = self.parts.values()
            over = sum(part.done == part.total for part in parts)
            event = evolve(
                event,
                what=event.what if len(parts) == 1 else f"{event.what}, {over} of {len(parts)} tiles done",
                done=sum(part.done for part in parts),
                total=sum(part.total for part in parts),
                alive=sum(part.alive for part in parts),
                rows=sum(part.rows for part in parts),
            )
        self.sink(event)


def _ahead(tile: Tile) -> Progress:
    runs = [entry.run.index for entry in tile.entries]
    return Progress(0, sum(map(tile.end, runs)), len(runs), len(runs), "")


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """Within, torch computes with so many threads, and the same way in training and evaluation."""
    before, fast = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(threads)
    # A fast path of torch replaces transformer layers in evaluation only, with other rounding and no rule for stacks.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.backends.mha.set_fastpath_enabled(fast)


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
