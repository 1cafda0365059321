"""A stretch of training that a schedule is resolved for, and the formula that comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, half_up
from surefoot.schedules.reactive import Reducer

Factors = Sequence[float]  # the present value of each reactive piece
Formula = Callable[[Any, Any, Factors], Any]  # (t, array namespace, factors) -> value at t steps into the stretch


@frozen
class Span:
    """A stretch of training that a schedule is resolved for; collects what its pieces have to say."""

    clock: Clock
    start: int
    steps: int
    reducers: list[Reducer[Any]] = field(factory=list)
    notes: list[str] = field(factory=list)

    def part(self, offset: int, steps: int) -> Span:
        return Span(self.clock, self.start + offset, steps, self.reducers, self.notes)

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
    """The part of the stretch that the schedule fills. Raises ScheduleError where it is longer than that."""
    if schedule.is_open:
        return span
    length = schedule.length(span.clock)
    if half_up(length) > span.steps:
        raise ScheduleError(
            f"the schedule is longer than the time there is for it: {schedule} lasts {half_up(length)} steps "
            f"of {span.steps}",
            remedy="shorten it, give its lengths in % or leave its length out, or train for longer",
        )
    return span.part(0, half_up(length))
