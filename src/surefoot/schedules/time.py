"""Schedules whose time is another's: then, during, skip, stretch, repeat, every."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, half_up, length, length_or_none
from surefoot.schedules.algebra import same_kind
from surefoot.schedules.leaf import edge_of, periods
from surefoot.schedules.named import Named, named, number_in, schedule
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span, fit


@frozen(repr=False)
class Then(Schedule):
    """Schedules one after another; one of them may leave its length out and takes what is left."""

    parts: tuple[Schedule, ...]
    binds_loosely = True

    @property
    def is_rate(self) -> bool:
        return self.parts[0].is_rate

    @property
    def is_open(self) -> bool:
        return any(part.is_open for part in self.parts)

    def length(self, clock: Clock) -> Fraction:
        return sum((part.length(clock) for part in self.parts), Fraction(0))

    def resolve(self, span: Span) -> Formula:
        bounds = self.bounds(span)
        for start, end, part in bounds:
            if end == start and start < span.steps:
                span.note("zero width", f"{part} lasts no step at all", "give it a longer length", span.start + start)
        # One that begins past the horizon has no length left, and may go on without end.
        filled = [bound for bound in bounds if bound[1] > bound[0] or bound[0] > span.steps] or bounds[-1:]
        starts = [start for start, _, _ in filled]
        pieces = [part.resolve(span.part(start, end - start)) for start, end, part in filled]
        return lambda t, xp: xp.select(t, starts, [lambda u, p=piece: p(u, xp) for piece in pieces])

    def bounds(self, span: Span) -> list[tuple[int, int, Schedule]]:
        """(start, end, part) in whole steps. Cumulative boundaries are rounded, so that the parts always add up."""
        given = [None if part.is_open else part.length(span.clock) for part in self.parts]
        left = span.steps - sum((each for each in given if each is not None), Fraction(0))
        if self.is_open and half_up(left) < 0:
            longer = (
                f"the schedule is longer than the time there is for it: the parts of {self} last "
                f"{half_up(span.steps - left):,} steps of {span.steps:,}"
            )
            if not self.parts[-1].is_open:  # what follows the open part would come too early
                raise ScheduleError(longer, remedy="shorten a part, give lengths in %, or train for longer")
            span.note_cut_off(longer)
            left = Fraction(0)
        edges, edge = [0], Fraction(0)
        for each in given:
            edge += left if each is None else each
            edges.append(half_up(edge))
        return [(a, b, part) for a, b, part in zip(edges[:-1], edges[1:], self.parts, strict=True)]

    def __str__(self) -> str:
        return " >> ".join(str(part) for part in self.parts)

    __repr__ = __str__


def has_length(part: Schedule, what: str) -> None:
    if part.is_open:
        raise ScheduleError(f"{what} needs a length of its own", received=str(part), remedy="write cosine('25%')")


class Bent(Named):
    """One schedule, lived through in another time."""

    __slots__ = ()
    part: Schedule

    @property
    def is_rate(self) -> bool:
        return self.part.is_rate


class Filling(Bent):
    """One that lasts `over`, or takes what is left."""

    __slots__ = ()
    over: Length | None

    @property
    def is_open(self) -> bool:
        return self.over is None

    def length(self, clock: Clock) -> Fraction:
        assert self.over is not None
        return self.over.steps(clock)


@named
@frozen(repr=False)
class During(Bent):
    """The beginning of a schedule: cut off after `over`, or held until then where it ends before.

    Equation: s(t) = part(t), for `over` steps. Parameters: `part`; `over`. A part without a length of its own fills it.

    >>> from surefoot.schedules import constant, cosine
    >>> (during(cosine(100), 50) >> constant()).bind(steps=100).values()[[0, 49, 50]].round(3).tolist()
    [1.0, 0.516, 1.0]
    """

    part: Schedule = field(validator=schedule)
    over: Length = field(converter=length)
    is_open = False

    def length(self, clock: Clock) -> Fraction:
        return self.over.steps(clock)

    def resolve(self, span: Span) -> Formula:
        # One that is longer is cut off on purpose: there is nothing to note.
        own = span.steps if self.part.is_open else half_up(self.part.length(span.clock))
        part = self.part.resolve(span.part(0, own))
        return lambda t, xp: part(xp.clip(t, 0, span.steps), xp)


@named
@frozen(repr=False)
class Skip(Bent):
    """A schedule without its beginning.

    Equation: s(t) = part(t + first). Parameters: `part`; `first`, how much of it is left out.

    >>> from surefoot.schedules import linear
    >>> skip(linear(100), 40).bind(steps=60)(0)
    0.6
    """

    part: Schedule = field(validator=schedule)
    first: Length = field(converter=length)

    @property
    def is_open(self) -> bool:
        return self.part.is_open

    def length(self, clock: Clock) -> Fraction:
        return max(self.part.length(clock) - self.first.steps(clock), Fraction(0))

    def resolve(self, span: Span) -> Formula:
        first = half_up(self.first.steps(span.clock))
        own = first + span.steps if self.part.is_open else half_up(self.part.length(span.clock))
        part = self.part.resolve(span.warp(own))
        return lambda t, xp: part(t + first, xp)


@named
@frozen(repr=False)
class Stretch(Filling):
    """A schedule played over another length, faster or slower.

    Equation: s(t) = part(t · L/N), where L is the part's own length. Parameters: `part`; `over` = N (None: what is
    left). A part without a length of its own fills N.

    >>> from surefoot.schedules import warmup
    >>> stretch(warmup(10), 20).bind(steps=20)(8)
    0.5
    """

    part: Schedule = field(validator=schedule)
    over: Length | None = field(default=None, converter=length_or_none)

    def resolve(self, span: Span) -> Formula:
        if self.part.is_open:
            return self.part.resolve(span)
        own = half_up(self.part.length(span.clock))
        part, pace = self.part.resolve(span.warp(own)), own / max(span.steps, 1)
        return lambda t, xp: part(t * pace, xp)


@named
@frozen(repr=False)
class Repeat(Bent):
    """A schedule played again and again.

    Equation: s(t) = part(t − e_k), e_k = the k-th multiple of the part's length rounded half up, e_k ≤ t < e_{k+1}.
    Parameters: `part`, of a length of its own; `times` (None: until the end, and past it too).

    Raises ScheduleError for a part without a length, or of less than one step.

    >>> from surefoot.schedules import linear
    >>> repeat(linear(4)).bind(steps=8).values().tolist()
    [1.0, 0.75, 0.5, 0.25, 1.0, 0.75, 0.5, 0.25]
    """

    part: Schedule = field(validator=schedule)
    times: int | None = field(default=None, validator=number_in(1, whole=True, or_none=True))

    def __attrs_post_init__(self) -> None:
        has_length(self.part, "what is repeated")

    @property
    def is_open(self) -> bool:
        return self.times is None

    def length(self, clock: Clock) -> Fraction:
        assert self.times is not None
        return self.times * self.part.length(clock)

    def resolve(self, span: Span) -> Formula:
        each = self.part.length(span.clock)
        if each < 1:
            raise ScheduleError("what is repeated must last a step at least", received=str(self.part))
        part, passed, edge = self.part.resolve(span.warp(half_up(each))), periods(each, staircase=True), edge_of(each)

        def value(t: Any, xp: Any) -> Any:
            k = passed(t, xp)
            if self.times is not None:
                k = xp.minimum(k, self.times - 1)
            return part(xp.clip(t - edge(k, xp), 0, None), xp)

        return value


@named
@frozen(repr=False)
class Every(Bent):
    """A schedule that changes every n steps only, and holds its value in between.

    Equation: s(t) = part(⌊t/n⌋ · n); edges of periods that are not whole steps are rounded half up. Parameters: `part`;
    `n`, a length: '1ep' gives what a scheduler stepped once an epoch gives.

    >>> from surefoot.schedules import linear
    >>> every(linear(), 5).bind(steps=10).values().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    """

    part: Schedule = field(validator=schedule)
    n: Length = field(converter=length)

    @property
    def is_open(self) -> bool:
        return self.part.is_open

    def length(self, clock: Clock) -> Fraction:
        return self.part.length(clock)

    def resolve(self, span: Span) -> Formula:
        each = span.period(self.n, "every's n")
        part, passed, edge = self.part.resolve(fit(self.part, span)), periods(each, staircase=True), edge_of(each)
        return lambda t, xp: part(edge(passed(t, xp), xp), xp)


def then(*parts: Schedule) -> Schedule:
    """One after another. Raises ScheduleError for shapes mixed with rates, and for two parts without a length."""
    remedy = "put the parentheses round the shapes: 0.1 * (warmup('5%') >> cosine())"
    same_kind(parts, "follow each other", ">>", remedy)
    flat = tuple(sub for part in parts for sub in (part.parts if isinstance(part, Then) else (part,)))
    if sum(part.is_open for part in flat) > 1:
        unclear = ", ".join(str(part) for part in flat if part.is_open)
        raise ScheduleError(
            "only one part of a chain may leave its length out",
            received=unclear,
            remedy="say how long the others last: constant(over='30%') >> cosine()",
        )
    return Then(flat) if len(flat) > 1 else flat[0]


during, skip, stretch, repeat, every = During, Skip, Stretch, Repeat, Every
