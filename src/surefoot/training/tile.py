"""A tile: rows trained together, from their first update or from a checkpoint, to the end or to where they pause."""

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from surefoot.training.checkpoint import Checkpoint
from surefoot.training.layout import Layout
from surefoot.training.policy import Entry
from surefoot.training.trainer import Row
from surefoot.training.tree import Stage, forest


@frozen
class Pause:
    """Where a run stops before the end of its horizon, maybe to be gone on with.

    Parameters: `step`, updates made by then; `samples`, how many of the watched set to look at there (0: none); `keep`,
    whether to keep what going on needs.
    """

    step: int
    samples: int = 0
    keep: bool = True


@frozen(eq=False)
class Tile:
    """Rows to be trained together.

    Parameters: `bundles`, of each row it begins with the runs that begin as this one row; `start`, where they go on
    from; None begins; `pauses`, by run, where one stops before the end.
    """

    index: int
    bundles: Sequence[Sequence[Entry]]
    start: Checkpoint | None = None
    pauses: Mapping[int, Pause] = field(factory=dict)

    @property
    def entries(self) -> list[Entry]:
        return [entry for bundle in self.bundles for entry in bundle]

    def end(self, run: int) -> int:
        """The updates that a run has made when it is left alone."""
        return self.pauses[run].step if run in self.pauses else self.entries[0].policy.steps

    def rows(self) -> list[Row]:
        """The rows it begins with; what moves in any of a row's runs moves."""
        return [
            evolve(bundle[0].row(), moving=frozenset().union(*(entry.policy.moving for entry in bundle)))
            for bundle in self.bundles
        ]


def outgrown(tile: Tile, layout: Layout) -> int:
    """The first update at which the rows of a tile may be too many for a layout; the horizon where none is."""
    stages: dict[object, list[Stage]] = {}
    for bundle in tile.bundles:
        stages.setdefault(bundle[0].policy.family, []).extend(forest([entry.policy for entry in bundle]))
    forks = {0, *(step for each in stages.values() for stage in each for step in stage.forks())}
    for step in sorted(forks):
        if any(sum(s.live(step) for s in stages.get(kind.family, ())) > kind.slots for kind in layout):
            return step
    return tile.entries[0].policy.steps
