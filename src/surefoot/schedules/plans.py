"""Schedules planned for one horizon and lived through in another: planned, paced."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, half_up, length, length_or_none
from surefoot.schedules.named import named, number_in, schedule
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span, fit
from surefoot.schedules.time import Bent, Filling, has_length


def _horizon(owner: Any, attribute: Any, value: Any) -> None:
    if value is not None or attribute.name == "steps":
        number_in(1, whole=True)(owner, attribute, value)


@named
@frozen(repr=False)
class Planned(Bent):
    """A schedule as it was planned for a horizon of its own, whatever the horizon is now.

    Equation: s(t) = part(t), its lengths resolved for `steps` updates. Parameters: `part`; `steps`; `steps_per_epoch`,
    `batch_size`, `tokens_per_step` where they were others than now.

    >>> from surefoot.schedules import linear
    >>> planned(linear(), 100).bind(steps=1000)(50)
    0.5
    """

    part: Schedule = field(validator=schedule)
    steps: int = field(validator=_horizon)
    steps_per_epoch: int | None = field(default=None, validator=_horizon)
    batch_size: int | None = field(default=None, validator=_horizon)
    tokens_per_step: int | None = field(default=None, validator=_horizon)
    is_open = False

    def length(self, clock: Clock) -> Fraction:
        return Fraction(self.steps)

    def resolve(self, span: Span) -> Formula:
        now = span.clock
        clock = Clock(
            self.steps,
            self.steps_per_epoch or now.steps_per_epoch,
            self.batch_size or now.batch_size,
            self.tokens_per_step or now.tokens_per_step,
        )
        inner = span.part(0, self.steps).with_clock(clock)
        return self.part.resolve(fit(self.part, inner))


@named
@frozen(repr=False)
class Paced(Filling):
    """A schedule as it is until `at`, and what is left of it at the pace that fits the time that is left.

    Equation: s(t) = part(t) for t ≤ at, then part(at + (t − at)(L − at)/(N − at)), where L is the part's own length and
    N the time there is. Parameters: `part`, of a length of its own; `at`; `over` = N (None: what is left).

    >>> from surefoot.schedules import linear
    >>> paced(linear(100), 50).bind(steps=200).values()[[0, 50, 125]].tolist()
    [1.0, 0.5, 0.25]
    """

    part: Schedule = field(validator=schedule)
    at: Length = field(converter=length)
    over: Length | None = field(default=None, converter=length_or_none)

    def __attrs_post_init__(self) -> None:
        has_length(self.part, "what is paced")

    def resolve(self, span: Span) -> Formula:
        own, at = half_up(self.part.length(span.clock)), half_up(self.at.steps(span.clock))
        if at >= min(own, span.steps):
            raise ScheduleError(
                f"paced's at must lie before the end of the schedule (step {own:,}) and of the time there is "
                f"(step {span.steps:,})",
                received=str(self.at),
            )
        part, pace = self.part.resolve(span.warp(own)), (own - at) / (span.steps - at)
        return lambda t, xp: part(xp.where(t >= at, at + (t - at) * pace, t), xp)


planned, paced = Planned, Paced
