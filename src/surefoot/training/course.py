"""A run while it trains, and a row: runs that are one for as long as they do the same."""

from collections.abc import Iterable

import numpy as np
from attrs import define, field

from surefoot.core.record import Observation
from surefoot.schedules.reactive import States
from surefoot.training.policy import Entry
from surefoot.training.trainer import Moves
from surefoot.training.tree import alike

TABLE = 4096  # updates whose hyperparameters are evaluated at once


@define(eq=False)
class Course:
    """A run while it trains."""

    entry: Entry
    states: dict[str, States]
    seconds: float = 0.0
    table: Moves = field(factory=dict)  # the hyperparameters of some updates to come,
    first: int = 0  # from this one on
    last: int = 0

    @classmethod
    def begun(cls, entry: Entry) -> "Course":
        return cls(entry, entry.policy.start())

    def moves(self, start: int, stop: int) -> Moves:
        """The hyperparameters of updates start … stop − 1."""
        if not self.first <= start < stop <= self.last:
            self.first, self.last = start, max(stop, min(start + TABLE, self.entry.policy.steps))
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


@define(eq=False)
class Live:
    """A row: one training for all its runs."""

    courses: list[Course]
    losses: list[float] = field(factory=list)  # since the last observation
    best: float = -np.inf  # of the ranking metric, more being better
    stale: int = 0  # looks since then

    @property
    def seed(self) -> int:
        return self.courses[0].entry.run.seed

    def moves(self, start: int, stop: int) -> Moves:
        return self.courses[0].moves(start, stop)

    def agree(self, start: int, stop: int) -> int:
        """For how many updates from `start` on, up to `stop`, all runs do the same."""
        if len(self.courses) == 1:
            return stop - start
        first = self.courses[0].moves(start, stop)
        others = (course.moves(start, stop) for course in self.courses[1:])
        return min(alike(first[name], other[name], stop - start) for other in others for name in first)

    def parted(self, step: int) -> "list[Live]":
        """The rows that go on in its place: runs that do the same at this update stay together."""
        if self.agree(step, step + 1):
            return [self]
        rows: list[Live] = []
        for course in self.courses:
            home = next((row for row in rows if Live([row.courses[0], course]).agree(step, step + 1)), None)
            if home is None:
                rows.append(Live([course], list(self.losses), self.best, self.stale))
            else:
                home.courses.append(course)
        return rows

    def charge(self, seconds: float) -> None:
        """Each run pays its share."""
        for course in self.courses:
            course.seconds += seconds / len(self.courses)

    def observe(self, observation: Observation) -> None:
        for course in self.courses:
            course.observe(observation)

    def improves(self, value: float) -> bool:
        """Whether this look at the ranking metric, more being better, is the best so far; takes notice of it."""
        better = value > self.best
        self.best, self.stale = (value, 0) if better else (self.best, self.stale + 1)
        return better


def rows_of(bundles: Iterable[Iterable[Entry]]) -> list[Live]:
    """The rows before the first update."""
    return [Live([Course.begun(entry) for entry in bundle]) for bundle in bundles]
