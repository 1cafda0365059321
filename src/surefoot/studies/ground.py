"""The ground of a search on a task: legs of runs become tiles, are trained at the plan's place, and are recorded."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, evolve, field

from surefoot.core.history import Study
from surefoot.core.record import Diverged, Event, Finished, Observation, Observed, Paused, Sink
from surefoot.search import Answer, Ask, Seen
from surefoot.store import Checkpoints, Store
from surefoot.studies.legs import Leg, Roster
from surefoot.studies.tiling import Held, tiles_of
from surefoot.tasks import Prepared
from surefoot.training import Entry, Plan, Saving, train_tiles

NEVER = float("inf")  # seconds: a tile of a search is short, and is what a kill costs


@define(eq=False)
class Recorded:
    """What was recorded of the runs of a search: read from the store, then listened to."""

    looks: dict[int, list[Observation]] = field(factory=dict)
    diverged: dict[int, int] = field(factory=dict)
    paused: dict[int, int] = field(factory=dict)
    done: set[int] = field(factory=set)

    @classmethod
    def of(cls, study: Study, paused: Mapping[int, int]) -> Self:
        """What a study holds."""
        return cls(
            {run.run.index: list(run.observations) for run in study.runs},
            {run.run.index: run.diverged for run in study.runs if run.diverged is not None},
            dict(paused),
            {run.run.index for run in study.runs if run.status == "done"},
        )

    def __call__(self, event: Event) -> None:
        match event:
            case Observed(run=run, observation=observation):
                self.looks.setdefault(run, []).append(observation)
            case Diverged(run=run, step=step):
                self.diverged[run] = step
            case Paused(run=run, step=step):
                self.paused[run] = step
            case Finished(run=run):
                self.done.add(run)

    def holds(self, leg: Leg) -> bool:
        """Whether there is nothing left to train of a leg."""
        return leg.run in self.diverged or leg.run in self.done or self.paused.get(leg.run, 0) >= leg.stop


class UnfinishedError(Exception):
    """A search is driven again over what was recorded, and that ends here."""


@define(eq=False)
class Replayed:
    """A ground that trains nothing: it answers from what was recorded. Raises UnfinishedError where that ends."""

    roster: Roster
    recorded: Recorded
    rank: str
    sign: int

    def train(self, ask: Ask) -> Answer:
        legs = self.roster.legs(ask)
        if missing := [leg for leg in legs if not self.recorded.holds(leg)]:
            self.make(missing)
        self.roster.charge(legs, self.recorded.diverged)
        seen = {
            move: tuple(self._seen(self.roster.run(move, seed), move.stop, cooled=move.cooled) for seed in move.seeds)
            for move in ask.moves
        }
        return Answer(seen, self.roster.spent)

    def make(self, legs: Sequence[Leg]) -> None:
        """Train what is missing."""
        raise UnfinishedError

    def _seen(self, run: int, stop: int, *, cooled: bool) -> Seen:
        if run in self.recorded.diverged:
            return Seen(diverged=self.recorded.diverged[run])
        looks = self.recorded.looks.get(run, [])
        looks = looks[-1:] if cooled else [look for look in looks if look.step <= stop]
        values = tuple((stop if cooled else look.step, self.sign * look.values[self.rank]) for look in looks)
        return Seen(values, tuple(look.values["loss"] for look in looks))


@define(eq=False)
class Trained(Replayed):
    """A ground that trains.

    Parameters: `store`, `study`, where it is recorded; `plan`, how it is trained;
    `sink`, who listens.
    """

    task: Prepared
    store: Store
    study: int
    plan: Plan
    sink: Sink
    stack: ExitStack = field(factory=ExitStack)
    kept: Checkpoints = field(init=False)
    written: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.kept = self.store.checkpoints or Checkpoints(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))
        self.written = len(self.recorded.looks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stack.close()

    def make(self, legs: Sequence[Leg]) -> None:
        entries = self.roster.entries
        self.store.add(self.study, [entry.run for entry in entries[self.written :]])
        self.written = len(entries)
        held = {run: Held(step, name) for run, (step, name) in self.store.states(self.study).items() if name}
        tiles = tiles_of(self._going_on(legs, held), legs, held, self.roster, self.kept, self.plan)
        train_tiles(self.task, tiles, self.plan, self.sink, Saving(self.kept.write, NEVER))

    def _going_on(self, legs: Iterable[Leg], held: Mapping[int, Held]) -> dict[int, Entry]:
        """The runs as they go on: those that come from others have their past."""
        found, steps = {}, {run: state.step for run, state in held.items()}
        for leg in legs:
            entry, origin = self.roster.entries[leg.run], self.roster.origin(leg.run, steps)
            looks = self.recorded.looks.setdefault(leg.run, [])
            if origin is not None and origin[0] != leg.run:
                source, step = origin
                self.store.fork(self.study, source, leg.run, step)
                looks[:] = [look for look in self.recorded.looks.get(source, []) if look.step <= step]
            # A reactive schedule sees what it would see in a run that was never looked at in between.
            past = [look for look in looks if look.step % self.task.steps_per_epoch == 0]
            found[leg.run] = evolve(entry, past=past)
        return found
