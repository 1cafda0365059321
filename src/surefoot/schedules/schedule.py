"""The contract of a schedule, and the algebra: then, times, plus.

A schedule is data. `resolve` turns it, for a given stretch of training, into a formula: a pure function of the steps
since the stretch began. `bind` does that for the whole horizon and wraps the formula in a `Curve`.
"""

from __future__ import annotations

import bisect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

from attrs import frozen

from surefoot.core import text
from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, half_up
from surefoot.schedules.curve import Curve
from surefoot.schedules.span import Factors, Formula, Span, fit


class Schedule(ABC):
    """A value as a pure function of time: a shape (dimensionless, 1 at its height) or a rate (with a unit).

    `a >> b` is a, then b; `a * b`, `a + b` their product and sum; number × shape is a rate. Frozen, comparable,
    hashable; `str` gives text that `sf.parse` reads back.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def is_rate(self) -> bool:
        """Whether it has the unit of a hyperparameter."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it has no length of its own and takes what is left."""

    @abstractmethod
    def length(self, clock: Clock) -> Fraction:
        """Its length in steps, exact; only where it is not open."""

    @abstractmethod
    def resolve(self, span: Span) -> Formula:
        """Its formula over the stretch."""

    def bind(
        self,
        steps: int,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        tokens_per_step: int | None = None,
    ) -> Curve:
        """The schedule with every length resolved to whole steps, over a horizon of `steps` updates.

        Raises ScheduleError where a length lacks its unit or the schedule is longer than the horizon.

        >>> from surefoot.schedules import cosine, warmup
        >>> curve = (0.1 * (warmup("10%") >> cosine())).bind(steps=100)
        >>> round(curve(0), 12), curve(9), round(curve(55), 12)
        (0.01, 0.1, 0.05)
        """
        return Curve(self, Clock(steps, steps_per_epoch, batch_size, tokens_per_step))

    def __rshift__(self, after: Schedule) -> Schedule:
        return then(self, after) if isinstance(after, Schedule) else NotImplemented

    def __mul__(self, other: Schedule | float) -> Schedule:
        return product(self, other) if isinstance(other, Schedule) else scale(other, self)

    def __rmul__(self, factor: float) -> Schedule:
        return scale(factor, self)

    def __add__(self, other: Schedule | float) -> Schedule:
        return total(self, other)

    def __radd__(self, other: float) -> Schedule:
        return total(other, self)


class Composite(Schedule):
    """Schedules that run side by side; it lasts as long as the longest."""

    __slots__ = ()
    parts: tuple[Schedule, ...]

    @property
    def is_rate(self) -> bool:
        return any(part.is_rate for part in self.parts)

    @property
    def is_open(self) -> bool:
        return any(part.is_open for part in self.parts)

    def length(self, clock: Clock) -> Fraction:
        return max(part.length(clock) for part in self.parts)

    def resolve_parts(self, span: Span) -> list[Formula]:
        return [part.resolve(fit(part, span)) for part in self.parts]


@frozen(repr=False)
class Scale(Composite):
    """A number times a schedule: `0.1 * shape` is a rate."""

    factor: float
    part: Schedule

    @property
    def parts(self) -> tuple[Schedule, ...]:  # type: ignore[override]
        return (self.part,)

    @property
    def is_rate(self) -> bool:
        return True

    def resolve(self, span: Span) -> Formula:
        factor, (part,) = self.factor, self.resolve_parts(span)
        return lambda t, xp, s: factor * part(t, xp, s)

    def __str__(self) -> str:
        return f"{self.factor!r} * {_inside(self.part, Scale, Product, Sum, Then)}"

    __repr__ = __str__


@frozen(repr=False)
class Product(Composite):
    """Schedules multiplied; at most one of them is a rate."""

    parts: tuple[Schedule, ...]

    def resolve(self, span: Span) -> Formula:
        parts = self.resolve_parts(span)
        return lambda t, xp, s: reduce(lambda value, part: value * part(t, xp, s), parts[1:], parts[0](t, xp, s))

    def __str__(self) -> str:
        first, *rest = self.parts
        return " * ".join([_inside(first, Sum, Then), *(_inside(part, Scale, Sum, Then) for part in rest)])

    __repr__ = __str__


@frozen(repr=False)
class Sum(Composite):
    """Schedules added, all shapes or all rates, and a number of their kind."""

    parts: tuple[Schedule, ...]
    offset: float = 0.0

    def resolve(self, span: Span) -> Formula:
        parts, offset = self.resolve_parts(span), self.offset
        return lambda t, xp, s: reduce(lambda value, part: value + part(t, xp, s), parts, offset)

    def __str__(self) -> str:
        terms = [_inside(part, Then) for part in self.parts] + ([repr(self.offset)] if self.offset else [])
        return " + ".join(terms)

    __repr__ = __str__


@frozen(repr=False)
class Then(Schedule):
    """Schedules one after another; one of them may leave its length out and takes what is left."""

    parts: tuple[Schedule, ...]

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
        filled = [bound for bound in bounds if bound[1] > bound[0]] or bounds[-1:]
        spans = [(start, span.part(start, end - start), part) for start, end, part in filled]
        starts = [start for start, _, _ in spans]
        pieces = [part.resolve(piece) for _, piece, part in spans]

        def value(t: Any, xp: Any, s: Factors) -> Any:
            if isinstance(t, float | int):
                i = max(bisect.bisect_right(starts, t) - 1, 0)
                return pieces[i](t - starts[i], xp, s)
            result = pieces[0](t, xp, s)
            for start, piece in zip(starts[1:], pieces[1:], strict=True):
                result = xp.where(t >= start, piece(xp.clip(t - start, 0, None), xp, s), result)
            return result

        return value

    def bounds(self, span: Span) -> list[tuple[int, int, Schedule]]:
        """(start, end, part) in whole steps. Cumulative boundaries are rounded, so that the parts always add up."""
        given = [None if part.is_open else part.length(span.clock) for part in self.parts]
        left = span.steps - sum((length for length in given if length is not None), Fraction(0))
        if half_up(left) < 0:
            raise ScheduleError(
                f"the schedule is longer than the time there is for it: the parts of {self} last "
                f"{half_up(span.steps - left)} steps of {span.steps}",
                remedy="shorten a part, give lengths in %, or train for longer",
            )
        edges, edge = [0], Fraction(0)
        for length in given:
            edge += left if length is None else length
            edges.append(half_up(edge))
        return [(a, b, part) for a, b, part in zip(edges[:-1], edges[1:], self.parts, strict=True)]

    def __str__(self) -> str:
        return " >> ".join(str(part) for part in self.parts)

    __repr__ = __str__


def then(*parts: Schedule) -> Schedule:
    """One after another. Raises ScheduleError for shapes mixed with rates, and for two parts without a length."""
    if len({part.is_rate for part in parts}) > 1:
        raise ScheduleError(
            "a rate and a shape cannot follow each other: their units differ",
            received=" >> ".join(str(part) for part in parts),
            remedy="put the parentheses round the shapes: 0.1 * (warmup('5%') >> cosine())",
        )
    flat = _flatten(Then, parts)
    if sum(part.is_open for part in flat) > 1:
        unclear = ", ".join(str(part) for part in flat if part.is_open)
        raise ScheduleError(
            "only one part of a chain may leave its length out",
            received=unclear,
            remedy="say how long the others last: constant(over='30%') >> cosine()",
        )
    return Then(flat)


def product(*parts: Schedule) -> Schedule:
    """Multiplied. Raises ScheduleError where more than one is a rate."""
    if sum(part.is_rate for part in parts) > 1:
        raise ScheduleError(
            "a rate times a rate has no meaning",
            received=" * ".join(str(part) for part in parts),
            remedy="multiply a rate by shapes: 0.1 * warmup('5%') * cosine()",
        )
    return Product(_flatten(Product, parts))


def total(*terms: Schedule | float) -> Schedule:
    """Added; numbers count as constants of the schedules' kind. Raises ScheduleError for shapes mixed with rates."""
    parts = [term for term in terms if isinstance(term, Schedule)]
    if len({part.is_rate for part in parts}) > 1:
        raise ScheduleError(
            "a rate and a shape cannot be added: their units differ",
            received=" + ".join(str(part) for part in parts),
            remedy="multiply the shape by a number first",
        )
    numbers = [_finite(term) for term in terms if not isinstance(term, Schedule)]
    offset = sum(numbers) + sum(part.offset for part in parts if isinstance(part, Sum))
    flat = _flatten(Sum, parts)
    return flat[0] if len(flat) == 1 and offset == 0 else Sum(flat, offset)


def scale(factor: float, part: Schedule) -> Schedule:
    """A number times a schedule; numbers are multiplied together."""
    value = _finite(factor)
    return Scale(value * part.factor, part.part) if isinstance(part, Scale) else Scale(value, part)


def _finite(value: object) -> float:
    checked = text.number(value)
    if checked is None:
        raise ScheduleError("a schedule combines with schedules and finite numbers", received=value)
    return checked


def _flatten(kind: type[Then | Product | Sum], parts: Sequence[Schedule]) -> tuple[Schedule, ...]:
    return tuple(sub for part in parts for sub in (part.parts if isinstance(part, kind) else (part,)))


def _inside(part: Schedule, *kinds: type[Schedule]) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)
