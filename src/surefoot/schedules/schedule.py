"""The contract of a schedule, and the signs that combine schedules.

A schedule is data. `resolve` turns it, for a given stretch of training, into a formula: a pure function of the steps
since the stretch began. `bind` does that for the whole horizon and wraps the formula in a `Curve`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import ClassVar

from surefoot.core.units import Clock
from surefoot.schedules.curve import Curve
from surefoot.schedules.span import Formula, Span


class Schedule(ABC):
    """A value as a pure function of time: a shape (dimensionless, 1 at its height) or a rate (with a unit).

    `a >> b` is a, then b; `a * b`, `a + b` their product and sum; number × shape is a rate. Frozen, comparable,
    hashable; `str` gives text that `sf.parse` reads back.
    """

    __slots__ = ()
    binds_loosely: ClassVar[bool] = False  # whether its text needs parentheses inside another

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

        Raises ScheduleError where a length lacks its unit or no time is left for an open part.

        >>> from surefoot.schedules import cosine, warmup
        >>> curve = (0.1 * (warmup("10%") >> cosine())).bind(steps=100)
        >>> round(curve(0), 12), curve(9), round(curve(55), 12)
        (0.01, 0.1, 0.05)
        """
        return Curve(self, Clock(steps, steps_per_epoch, batch_size, tokens_per_step))

    def __rshift__(self, after: Schedule) -> Schedule:
        return _combined("then", self, after) if isinstance(after, Schedule) else NotImplemented

    def __mul__(self, other: Schedule | float) -> Schedule:
        return _combined("product", self, other) if isinstance(other, Schedule) else _combined("scale", other, self)

    def __rmul__(self, factor: float) -> Schedule:
        return _combined("scale", factor, self)

    def __add__(self, other: Schedule | float) -> Schedule:
        return _combined("total", self, other)

    def __radd__(self, other: float) -> Schedule:
        return _combined("total", other, self)


def _combined(how: str, *parts: Schedule | float) -> Schedule:
    # The signs make combinations, and combinations are schedules: one of the two modules must name the other late.
    from surefoot.schedules import algebra, time

    made: Schedule = getattr(time if how == "then" else algebra, how)(*parts)
    return made
