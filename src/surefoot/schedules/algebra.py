"""Schedules that run side by side: times, plus, minimum, maximum, clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

from attrs import field, frozen

from surefoot.core import text
from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock
from surefoot.schedules.named import Named, named, number_in, schedule
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span, fit

P = TypeVar("P")


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
        return lambda t, xp: factor * part(t, xp)

    def __str__(self) -> str:
        return f"{self.factor!r} * {_inside(self.part, Scale, Product, Sum)}"

    __repr__ = __str__


@frozen(repr=False)
class Product(Composite):
    """Schedules multiplied; at most one of them is a rate."""

    parts: tuple[Schedule, ...]

    def resolve(self, span: Span) -> Formula:
        parts = self.resolve_parts(span)
        return lambda t, xp: _fold(lambda a, b: a * b, [part(t, xp) for part in parts])

    def __str__(self) -> str:
        first, *rest = self.parts
        return " * ".join([_inside(first, Sum), *(_inside(part, Scale, Sum) for part in rest)])

    __repr__ = __str__


@frozen(repr=False)
class Sum(Composite):
    """Schedules added, all shapes or all rates, and a number of their kind."""

    parts: tuple[Schedule, ...]
    offset: float = 0.0

    def resolve(self, span: Span) -> Formula:
        parts, offset = self.resolve_parts(span), self.offset
        return lambda t, xp: _fold(lambda a, b: a + b, [part(t, xp) for part in parts]) + offset

    def __str__(self) -> str:
        terms = [_inside(part) for part in self.parts] + ([repr(self.offset)] if self.offset else [])
        return " + ".join(terms)

    __repr__ = __str__


@frozen(repr=False)
class Extreme(Composite):
    """The lowest, or the highest, of schedules of one kind and a number of their kind."""

    parts: tuple[Schedule, ...]
    bound: float | None = None
    name: ClassVar[str]

    def resolve(self, span: Span) -> Formula:
        parts, bound = self.resolve_parts(span), self.bound

        def value(t: Any, xp: Any) -> Any:
            values = [part(t, xp) for part in parts] + ([] if bound is None else [bound])
            return _fold(getattr(xp, self.name), values)

        return value

    def __str__(self) -> str:
        terms = [str(part) for part in self.parts] + ([] if self.bound is None else [repr(self.bound)])
        return f"{self.name}({', '.join(terms)})"

    __repr__ = __str__


@frozen(repr=False)
class Minimum(Extreme):
    """The lowest of schedules, at every step."""

    name = "minimum"


@frozen(repr=False)
class Maximum(Extreme):
    """The highest of schedules, at every step."""

    name = "maximum"


@named
@frozen(repr=False)
class Clip(Named, Composite):
    """Kept between two values.

    Equation: s(t) = min(max(part(t), low), high). Parameters: `part`, a schedule; `low`, `high`, of its kind (None: no
    bound on that side).

    Raises ScheduleError where `low` is above `high`.

    >>> from surefoot.schedules import linear
    >>> clip(linear(), high=0.5).bind(steps=100).values()[[0, 50, 75]].tolist()
    [0.5, 0.5, 0.25]
    """

    part: Schedule = field(validator=schedule)
    low: float | None = field(default=None, validator=number_in(or_none=True))
    high: float | None = field(default=None, validator=number_in(or_none=True))

    def __attrs_post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ScheduleError("clip's low must not be above its high", received=f"{self.low} and {self.high}")

    @property
    def parts(self) -> tuple[Schedule, ...]:  # type: ignore[override]
        return (self.part,)

    def resolve(self, span: Span) -> Formula:
        (part,), low, high = self.resolve_parts(span), self.low, self.high
        return lambda t, xp: xp.clip(part(t, xp), low, high)


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
    parts, numbers = _of_one_kind(terms, "be added", "+")
    offset = sum(numbers) + sum(part.offset for part in parts if isinstance(part, Sum))
    flat = _flatten(Sum, parts)
    return flat[0] if len(flat) == 1 and offset == 0 else Sum(flat, offset)


def minimum(*terms: Schedule | float) -> Schedule:
    """The lowest of schedules and numbers, at every step. Raises ScheduleError for shapes mixed with rates.

    Equation: s(t) = min(a(t), b(t), …).

    >>> from surefoot.schedules import cosine, constant
    >>> minimum(0.1 * cosine(), 0.05 * constant()).bind(steps=100)(10)
    0.05
    """
    return _extreme(Minimum, min, terms)


def maximum(*terms: Schedule | float) -> Schedule:
    """The highest of schedules and numbers, at every step. Raises ScheduleError for shapes mixed with rates.

    Equation: s(t) = max(a(t), b(t), …).

    >>> from surefoot.schedules import cosine
    >>> maximum(0.1 * cosine(), 0.001).bind(steps=100)(100)
    0.001
    """
    return _extreme(Maximum, max, terms)


def scale(factor: float, part: Schedule) -> Schedule:
    """A number times a schedule; numbers are multiplied together."""
    value = _finite(factor)
    return Scale(value * part.factor, part.part) if isinstance(part, Scale) else Scale(value, part)


def same_kind(parts: Sequence[Schedule], what: str, sign: str, remedy: str) -> None:
    """Raises ScheduleError for shapes mixed with rates."""
    if len({part.is_rate for part in parts}) > 1:
        raise ScheduleError(
            f"a rate and a shape cannot {what}: their units differ",
            received=f" {sign} ".join(str(part) for part in parts),
            remedy=remedy,
        )


def _extreme(
    kind: type[Extreme], choose: Callable[[list[float]], float], terms: Sequence[Schedule | float]
) -> Schedule:
    parts, numbers = _of_one_kind(terms, f"share a {kind.name}", ",")
    numbers += [part.bound for part in parts if isinstance(part, kind) and part.bound is not None]
    flat = _flatten(kind, parts)
    return flat[0] if len(flat) == 1 and not numbers else kind(flat, choose(numbers) if numbers else None)


def _of_one_kind(terms: Sequence[Schedule | float], what: str, sign: str) -> tuple[list[Schedule], list[float]]:
    parts = [term for term in terms if isinstance(term, Schedule)]
    if not parts:
        raise ScheduleError("there is no schedule among these", received=terms, remedy="write constant(0.5)")
    same_kind(parts, what, sign, "multiply the shape by a number first")
    return parts, [_finite(term) for term in terms if not isinstance(term, Schedule)]


def _finite(value: object) -> float:
    checked = text.number(value)
    if checked is None:
        raise ScheduleError("a schedule combines with schedules and finite numbers", received=value)
    return checked


def _flatten(kind: type[Composite], parts: Sequence[Schedule]) -> tuple[Schedule, ...]:
    return tuple(sub for part in parts for sub in (part.parts if isinstance(part, kind) else (part,)))


def _fold(combine: Callable[[P, P], P], values: Sequence[P]) -> P:
    """Combined two by two, so that many parts are not nested deep."""
    if len(values) == 1:
        return values[0]
    middle = (len(values) + 1) // 2
    return combine(_fold(combine, values[:middle]), _fold(combine, values[middle:]))


def _inside(part: Schedule, *kinds: type[Schedule]) -> str:
    return f"({part})" if isinstance(part, kinds) or part.binds_loosely else str(part)


clip = Clip
