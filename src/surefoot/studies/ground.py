"""The ground of a search on a task: legs of runs become tiles, are trained at the plan's place, and are recorded."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, evolve, field

from surefoot.core.history import Study
from surefoot.core.record import Diverged, Event, Failed, Finished, Note, Observation, Observed, Paused, Sink
from surefoot.search import Answer, Ask, Move, Seen
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
    failed: set[int] = field(factory=set)
    keys: list[str] = field(factory=list)  # of the runs that are in the store

    @classmethod
    def of(cls, study: Study, paused: Mapping[int, int]) -> Self:
        """What a study holds."""
        return cls(
            {run.run.index: list(run.observations) for run in study.runs},
            {run.run.index: run.diverged for run in study.runs if run.diverged is not None},
            dict(paused),
            {run.run.index for run in study.runs if run.status == "done"},
            {run.run.index for run in study.runs if run.status == "failed"},
            [run.run.key for run in study.runs],
        )

    def __call__(self, event: Event) -> None:
        match event:
            case Observed(run=run, observation=observation):
                self.looks.setdefault(run, []).append(observation)
            case Diverged(run=run, step=step):
                self.diverged[run] = step
            case Paused(run=run, step=step):
                self.paused[run] = step
            case Failed(run=run):
                self.failed.add(run)
            case Finished(run=run):
                self.done.add(run)

    def holds(self, leg: Leg) -> bool:
        """Whether there is nothing left to train of a leg."""
        over = leg.run in self.diverged or leg.run in self.done or leg.run in self.failed
        return over or self.paused.get(leg.run, 0) >= leg.stop

    def lost(self, leg: Leg, epoch: int) -> int | None:
        """The step at which the run of a leg diverged, where that was on this leg or before: a leg that was answered
        once has the same answer whatever came later. `epoch`: updates between two looks."""
        step = self.diverged.get(leg.run)
        if step is None or step != leg.stop:
            return step if step is not None and step < leg.stop else None
        is_looked_at = leg.pause is None or leg.pause.samples > 0 or leg.stop % epoch == 0
        return step if is_looked_at and not self.has_seen(leg) else None

    def ended(self, run: int) -> int | None:
        """The step at which a run came to its end, whether of the horizon or of patience; None where it did not."""
        return self.looks[run][-1].step if run in self.done and run not in self.diverged and self.looks[run] else None

    def has_seen(self, leg: Leg) -> bool:
        """Whether its run was looked at where a leg ends."""
        return any(look.step == leg.stop for look in self.looks.get(leg.run, ()))

    def forget(self, first: int) -> None:
        """Nothing was recorded of the runs from this one on."""
        for known in (self.looks, self.diverged, self.paused):
            for run in [run for run in known if run >= first]:
                del known[run]
        for runs in (self.done, self.failed):
            runs.difference_update([run for run in runs if run >= first])
        del self.keys[first:]


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
        self.roster.charge(legs, self._lost, self.recorded.ended)
        seen = {
            move: tuple(self._seen(self.roster.shown(move, seed), move) for seed in move.seeds) for move in ask.moves
        }
        return Answer(seen, self.roster.spent)

    def make(self, legs: Sequence[Leg]) -> None:
        """Train what is missing."""
        raise UnfinishedError

    def _lost(self, leg: Leg) -> int | None:
        return self.recorded.lost(leg, self.roster.clock.steps_per_epoch or self.roster.clock.steps)

    def _seen(self, leg: Leg, move: Move) -> Seen:
        if (step := self._lost(leg)) is not None:
            return Seen(diverged=step)
        if leg.run in self.recorded.failed and not self.recorded.has_seen(leg):
            return Seen()
        looks = [look for look in self.recorded.looks.get(leg.run, ()) if look.step <= leg.stop]
        looks = looks[-1:] if move.cooled else looks
        values = tuple((move.stop if move.cooled else look.step, self.sign * look.values[self.rank]) for look in looks)
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

    def __attrs_post_init__(self) -> None:
        self.kept = self.store.checkpoints or Checkpoints(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stack.close()

    def train(self, ask: Ask) -> Answer:
        self.roster.legs(ask)  # they have numbers from now on
        pairs = enumerate(zip(self.roster.runs, self.recorded.keys, strict=False))
        # What is trained anew, in other company, may differ in the last digits, and the race may take another turn.
        if (first := next((k for k, (run, key) in pairs if run.key != key), None)) is not None:
            self.store.forget(self.study, first)
            self.recorded.forget(first)
            self.sink(Note(f"the race took another turn than before: what was recorded from run {first} on is gone"))
        return super().train(ask)

    def make(self, legs: Sequence[Leg]) -> None:
        new = self.roster.runs[len(self.recorded.keys) :]
        self.store.add(self.study, new)
        self.recorded.keys += [run.key for run in new]
        states = self.store.states(self.study).items()  # maybe of runs, too, that this race has not come to yet
        held = {run: Held(step, name) for run, (step, name) in states if name and run < len(self.roster.runs)}
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
