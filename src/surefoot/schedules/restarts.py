"""Warm restarts of any shape."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, LengthLike, half_up, length
from surefoot.schedules.basic import anything, positive
from surefoot.schedules.cycles import Cosine
from surefoot.schedules.named import named, number_in, schedule
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span
from surefoot.schedules.time import Bent

LONGEST = 1e15  # steps; the lengths of many long cycles overflow
NEAR = 1 + 1e-12  # what rounding may have taken from the edge of a cycle


@named
@frozen(repr=False)
class Restarts(Bent):
    """A shape played again and again, each time longer and lower.

    Equation: s(t) = end + (decay^i − end) · part(u · first), in cycle i at progress u. Cycle i lasts first · mult^i
    steps, not rounded, and begins at first · (mult^i − 1)/(mult − 1). Parameters: `part`, a shape without a length of
    its own; `first`, the length of the first cycle; `mult` (1); `decay` (1), by which the peaks fall; `end`, which
    follows when `limit` cycles have passed (None: they go on for ever).

    Raises ScheduleError for a rate and for a part with a length of its own.

    Source: Loshchilov & Hutter, "SGDR" (arXiv:1608.03983); `decay` and `limit` as in timm.

    >>> from surefoot.schedules import linear
    >>> Restarts(linear(), 10, mult=2.0).bind(steps=70).values()[[0, 5, 10, 20, 30, 50]].tolist()
    [1.0, 0.5, 1.0, 0.5, 1.0, 0.5]
    """

    part: Schedule = field(validator=schedule)
    first: Length = field(converter=length)
    mult: float = field(default=1.0, kw_only=True, validator=number_in(1))
    decay: float = field(default=1.0, kw_only=True, validator=positive)
    end: float = field(default=0.0, kw_only=True, validator=anything)
    limit: int | None = field(default=None, kw_only=True, validator=number_in(1, whole=True, or_none=True))

    def __attrs_post_init__(self) -> None:
        if self.part.is_rate:
            raise ScheduleError(
                "what is restarted must be a shape",
                received=str(self.part),
                remedy="write 0.1 * restarts(cosine(), 10)",
            )
        if not self.part.is_open:
            raise ScheduleError(
                "what is restarted takes the length of its cycle",
                received=str(self.part),
                remedy="leave its length out: restarts(cosine(), 10)",
            )

    @property
    def is_open(self) -> bool:
        return self.limit is None

    def length(self, clock: Clock) -> Fraction:
        assert self.limit is not None
        first = self.first.steps(clock)
        if self.mult == 1:
            return first * self.limit
        if self.limit * math.log(self.mult) > math.log(LONGEST):
            return Fraction(LONGEST)
        return Fraction(float(first) * (self.mult**self.limit - 1) / (self.mult - 1))

    def resolve(self, span: Span) -> Formula:
        first = span.period(self.first, "restarts' first")
        own = half_up(first)
        part, number = self.part.resolve(span.warp(own)), _cycle(first, float(self.mult))
        each, mult, decay, end = float(first), float(self.mult), float(self.decay), self.end

        def value(t: Any, xp: Any) -> Any:
            i = number(t, xp)
            passed = xp.clip(t - _start(each, mult, i), 0, None)
            peak = 1.0 if decay == 1 else decay**i
            return end + (peak - end) * part(passed * own / (each * mult**i), xp)

        if self.limit is None:
            return value
        over = float(self.length(span.clock))
        return lambda t, xp: xp.where(t * NEAR >= over, end, value(t, xp))


def cosine_restarts(
    first: LengthLike, mult: float = 1.0, decay: float = 1.0, end: float = 0.0, limit: int | None = None
) -> Schedule:
    """Cosine annealing with warm restarts: `restarts(cosine(), first, ...)`.

    >>> cosine_restarts(10, mult=2).bind(steps=70).values()[[0, 5, 10, 20, 30]].round(12).tolist()
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    return Restarts(Cosine(), first, mult=mult, decay=decay, end=end, limit=limit)


def _start(first: float, mult: float, i: Any) -> Any:
    """The step at which cycle i begins."""
    return first * i if mult == 1 else first * ((mult**i - 1) / (mult - 1))


def _cycle(first: Fraction, mult: float) -> Formula:
    """The number of the cycle that t lies in."""
    if mult == 1:  # whole numbers on both sides of the division keep it exact
        return lambda t, xp: xp.floor(t * first.denominator / first.numerator)
    each, rise = float(first), math.log(mult)

    def value(t: Any, xp: Any) -> Any:
        # The logarithm may be off by one at the edge of a cycle; comparing with the edges settles it.
        guess = xp.floor(xp.log(1 + t * (mult - 1) / each) / rise)
        at = t * NEAR
        late = xp.where(at >= _start(each, mult, guess), guess, guess - 1)
        return xp.where(at >= _start(each, mult, guess + 1), guess + 1, late)

    return value


restarts = Restarts
