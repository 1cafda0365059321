"""The contract of a schedule without parts: one short class for every shape."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length, LengthLike, half_up, length
from surefoot.schedules.named import Named
from surefoot.schedules.span import Formula, Span

Value = Callable[[Any, Any], Any]  # (t, namespace) → value


class Leaf(Named):
    """A schedule without parts. A subclass gives `over` and `formula`; past its end the value at the end holds.

    One that is `periodic` goes on past its end too.
    """

    __slots__ = ()
    is_rate: ClassVar[bool] = False
    periodic: ClassVar[bool] = False
    over: Length | None

    @abstractmethod
    def formula(self, span: Span) -> Value:
        """(t, namespace) → value, for t in 0 … span.steps. The namespace is `expression.Symbols`: cos, where, …"""

    @property
    def is_open(self) -> bool:
        return self.over is None

    def length(self, clock: Clock) -> Fraction:
        assert self.over is not None
        return self.over.steps(clock)

    def resolve(self, span: Span) -> Formula:
        value, end = self.formula(span), span.steps
        if self.periodic:
            return value
        return lambda t, xp: value(xp.clip(t, 0, end), xp)


class Endless(Leaf):
    """A leaf without an end of its own, such as a staircase. Given no length, it goes on past the horizon."""

    __slots__ = ()

    def resolve(self, span: Span) -> Formula:
        return self.formula(span) if self.is_open else super().resolve(span)


def lengths(values: Iterable[LengthLike]) -> tuple[Length, ...]:
    """An attrs converter: a list of lengths."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ScheduleError("this is not a list of lengths", received=values, remedy="write ['30%', '80%']")
    return tuple(length(value) for value in values)


def floats(values: Iterable[float]) -> Any:
    """An attrs converter: a list as a tuple; `numbers` checks it."""
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else values


def decay_steps(span: Span, inclusive: bool) -> int:
    """The N of a decay."""
    return max(span.steps - inclusive, 1)


def periods(every: Fraction, staircase: bool) -> Value:
    """How many periods have passed: whole ones on a staircase, whose k-th edge is k·every rounded half up."""
    each = float(every)
    if not staircase:
        return lambda t, xp: t / each
    if every.denominator == 1:
        return lambda t, xp: xp.floor(t / each)
    # The k-th edge is ⌊k·every + ½⌋; whole numbers on both sides of the division keep it exact.
    half, whole = every.denominator, 2 * every.numerator
    return lambda t, xp: xp.ceil((2 * t + 1) * half / whole) - 1


def edge_of(every: Fraction) -> Value:
    """The step at which the k-th period begins: (k, namespace) → ⌊k·every + ½⌋."""
    if every.denominator == 1:
        return lambda k, xp: k * every.numerator
    return lambda k, xp: xp.floor((k * (2 * every.numerator) + every.denominator) / (2 * every.denominator))


def edges(owner: Named, at: tuple[Length, ...], span: Span) -> list[int]:
    """Boundaries in whole steps; notes those that the horizon never reaches. Raises ScheduleError unless they rise."""
    found = [half_up(time.steps(span.clock)) for time in at]
    for i, (early, late) in enumerate(pairwise(found)):
        if late <= early:
            raise ScheduleError(
                f"{owner.name}'s boundaries must rise", received=f"{at[i]} (step {early}), {at[i + 1]} (step {late})"
            )
    for time, edge in zip(at, found, strict=True):
        if edge >= span.steps:
            span.note(
                "end never reached",
                f"{owner.name}'s boundary {time} (step {edge}) is never reached in {span.steps} steps",
                "remove it, or train for longer",
                step=span.stop,
            )
    return found


def levels(found: list[int], values: list[float]) -> Value:
    """values[how many of the boundaries are ≤ t]."""

    def value(t: Any, xp: Any) -> Any:
        starts = [0, *found] if not found or found[0] > 0 else found  # a boundary at 0: the first value is never used
        used = values[len(values) - len(starts) :]
        return xp.select(t, starts, [lambda _, v=v: v for v in used])

    return value
