"""A tile on its way through processes that may die: where it starts again, and when it is given up."""

from pathlib import Path

from attrs import define, field

from surefoot.core.record import Failed, Observation, Progress
from surefoot.training.place import Whole
from surefoot.training.policy import Entry
from surefoot.training.tile import Tile
from surefoot.training.told import Told
from surefoot.training.worker import Job

DEATHS = 2  # of a tile's processes without a checkpoint in between: then it is given up


@define(eq=False)
class Journey:
    """A tile on its way. `step`: of the checkpoint it starts from; None begins."""

    tile: Tile
    step: int | None = field(init=False)
    deaths: int = 0  # since that checkpoint

    def __attrs_post_init__(self) -> None:
        self.step = self.tile.start.step if self.tile.start else None

    def __str__(self) -> str:
        first, *others = (entry.run for entry in self.tile.entries)
        also = f" and {len(others)} more" if others else ""
        return f"{first.recipe.name}, seed {first.seed}{also}"

    def saved(self, step: int) -> None:
        """From now on it starts from here."""
        self.step, self.deaths = step, 0

    def job(self, told: Told, start: Path | None = None) -> Job:
        """What a process needs to know to train it from where it starts."""
        bundles = [
            [(entry.run, entry.policy.curves["lr"].clock, self._past(entry, told)) for entry in bundle]
            for bundle in self.tile.bundles
        ]
        return Job(self.tile.index, bundles, start, self.tile.pauses)

    def _past(self, entry: Entry, told: Told) -> list[Observation]:
        """What was observed of a run up to where its tile starts."""
        if self.step is None:
            return []
        now = [each for each in told.seen.get(entry.run.index, ()) if each.step <= self.step]
        return [*(entry.past if self.tile.start else ()), *now]

    def give_up(self, who: str, how: str, told: Told, whole: Whole) -> None:
        """Say of all that were not over that they failed: `who` died, and `how`."""
        start, index = self.tile.start, self.tile.index
        live = start.runs if start else [entry.run.index for entry in self.tile.entries]
        why = f"{who} died twice after step {self.step or 0} ({how})"
        for run in live:
            if run not in told.over:
                whole.tell(index, Failed(run, why))
        part = whole.parts[index]
        whole.tell(index, Progress(part.done, part.done, 0, len(self.tile.entries), part.what))
