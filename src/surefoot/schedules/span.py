"""A stretch of training that a schedule is resolved for, and the formula that comes out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

from attrs import evolve, field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, half_up
from surefoot.schedules.reactive import Reducer

Formula = Callable[[Any, Any], Any]  # (t, namespace) → value at t steps into the stretch


@frozen
class Note:
    """Something odd that binding noticed: what, at which step, and what would mend it."""

    kind: str
    step: int
    what: str
    remedy: str = ""
    cut_off: bool = False  # the schedule is longer than the time there is for it


@frozen
class Span:
    """A stretch of training that a schedule is resolved for; collects what its pieces have to say.

    `steps` is the length of the stretch in the schedule's own time; `start` and `stop` say when it is really lived
    through, which is longer or shorter where something above stretches or repeats the schedule.
    """

    clock: Clock
    start: int
    steps: int
    stop: int
    warped: bool = False
    reducers: list[Reducer[Any]] = field(factory=list)
    notes: list[Note] = field(factory=list)

    def part(self, offset: int, steps: int) -> Span:
        """A part of the stretch, `offset` steps after its beginning."""
        if self.warped:
            return evolve(self, steps=steps)
        start = self.start + offset
        return evolve(
            self, start=start, steps=steps, stop=min(start + steps, self.stop)
        )  # what is cut off is not lived

    def warp(self, steps: int) -> Span:
        """The same stretch for a schedule whose time runs differently, for `steps` steps of its own."""
        return evolve(self, steps=steps, warped=True)

    def with_clock(self, clock: Clock) -> Span:
        """The same stretch, in which lengths mean something else."""
        return evolve(self, clock=clock)

    def note(self, kind: str, what: str, remedy: str = "", step: int | None = None) -> None:
        self.notes.append(Note(kind, self.start if step is None else step, what, remedy))

    def note_cut_off(self, what: str) -> None:
        """Something lasts longer than the time there is for it."""
        remedy = "shorten it, give its lengths in % or leave its length out, or train for longer"
        self.notes.append(Note("end never reached", self.stop, what, remedy, cut_off=True))

    def period(self, length: Length, what: str) -> Fraction:
        """A length in steps that something repeats after; at least one step."""
        steps = length.steps(self.clock)
        if steps < 1:
            raise ScheduleError(f"{what} must be at least one step", received=f"{length} = {float(steps):g} steps")
        return steps


class Resolvable(Protocol):
    """A schedule as spans and curves see it: it has a length or takes what is left, and becomes a formula."""

    @property
    def is_open(self) -> bool: ...

    def length(self, clock: Clock) -> Fraction: ...

    def resolve(self, span: Span) -> Formula: ...


def fit(schedule: Resolvable, span: Span) -> Span:
    """The part of the stretch that the schedule fills. One that is longer is cut off, and that is noted."""
    if schedule.is_open:
        return span
    steps = half_up(schedule.length(span.clock))
    if steps > span.steps:
        span.note_cut_off(
            f"the schedule is longer than the time there is for it: {schedule} lasts {steps:,} steps of {span.steps:,}"
        )
    return span.part(0, steps)
