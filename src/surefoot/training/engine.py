"""Training a study: its runs by its plan, from the start or from where they were left."""

from collections.abc import Collection, Mapping, Sequence

from surefoot.core.errors import SurefootError
from surefoot.core.record import Sink
from surefoot.tasks import Prepared
from surefoot.training.checkpoint import Checkpoint, Saving
from surefoot.training.compiler import Compiler
from surefoot.training.layout import layout_of, tiled
from surefoot.training.memory import is_out_of_memory
from surefoot.training.place import Place, Work, here
from surefoot.training.plan import Plan
from surefoot.training.policy import Entry
from surefoot.training.tile import Tile


def train(
    task: Prepared,
    entries: Sequence[Entry],
    plan: Plan,
    sink: Sink,
    *,
    starts: Mapping[int, Checkpoint] | None = None,
    finished: Collection[int] = (),
    saving: Saving | None = None,
    compiler: Compiler | None = None,
) -> None:
    """Train every run to the end of the horizon, or until it diverges, and tell `sink` all about it.

    Parameters: `entries`, the runs in the order of the plan's indices; `starts`, checkpoints to go on from, by tile;
    `finished`, tiles that need nothing more; `saving`, where checkpoints go; `compiler`, the one that `choose` had.
    Raises SurefootError where the memory does not suffice.
    """
    layout = tiled(layout_of([entry.row() for entry in entries]), plan.most)
    tiles = [
        Tile(index, [[entries[k] for k in bundle] for bundle in bundles], (starts or {}).get(index))
        for index, bundles in enumerate(plan.tiles)
        if index not in finished
    ]
    _go(Work(task, plan, layout, tiles, saving, compiler), sink)


def train_tiles(task: Prepared, tiles: Sequence[Tile], plan: Plan, sink: Sink, saving: Saving) -> None:
    """Train tiles that a search has put together, as a plan says, to where their runs end or pause."""
    layout = layout_of([entry.row() for tile in tiles for entry in tile.entries])
    _go(Work(task, plan, layout, tiles, saving), sink)


def _go(work: Work, sink: Sink) -> None:
    try:
        _place(work.plan)(work, sink)
    except Exception as failure:
        if isinstance(failure, SurefootError) or not is_out_of_memory(failure):
            raise
        raise SurefootError(
            "out of memory; what was recorded is kept. Go on with --resume when there is more"
        ) from failure


def _place(plan: Plan) -> Place:
    if plan.place == "here":
        return here
    if plan.place == "ray":
        from surefoot.training.on_ray import on_ray

        return on_ray
    from surefoot.training.pool import pool

    return pool
