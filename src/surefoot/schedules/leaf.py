"""The contract of a schedule without parts, the register of their names, and the checks they share."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

from attrs import Attribute

from surefoot.core import text
from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, Length
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span

L = TypeVar("L", bound="Leaf")
LEAVES: dict[str, type[Leaf]] = {}  # by the name that text uses


def named(leaf: type[L]) -> type[L]:
    """Class decorator: enters the leaf under its name in text, InverseTime as `inverse_time`."""
    leaf.name = re.sub(r"(?<!^)(?=[A-Z])", "_", leaf.__name__).lower()
    LEAVES[leaf.name] = leaf
    return leaf


def number_in(low: float, high: float, *, whole: bool = False) -> Callable[[Any, Attribute[Any], Any], None]:
    """An attrs validator: a finite number from `low` to `high`, both included."""

    def check(leaf: Any, attribute: Attribute[Any], value: Any) -> None:
        given = text.number(value)
        if given is None or not low <= given <= high or (whole and not isinstance(value, int)):
            kind = "a whole number" if whole else "a number"
            reach = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
            reach = "" if low == -math.inf else f" {reach}"
            raise ScheduleError(f"{leaf.name}'s {attribute.name} must be {kind}{reach}", received=value)

    return check


def flag(leaf: Any, attribute: Attribute[Any], value: Any) -> None:
    """An attrs validator: True or False."""
    if not isinstance(value, bool):
        raise ScheduleError(f"{leaf.name}'s {attribute.name} must be True or False", received=value)


def numbers(leaf: Any, attribute: Attribute[Any], value: Any) -> None:
    """An attrs validator: a tuple of finite numbers."""
    if not isinstance(value, tuple) or any(text.number(item) is None for item in value):
        raise ScheduleError(f"{leaf.name}'s {attribute.name} must be a list of numbers", received=value)


class Leaf(Schedule):
    """A schedule without parts. A subclass gives `over` and `formula`; past its end the value at the end holds."""

    __slots__ = ()
    name: ClassVar[str]
    is_rate: ClassVar[bool] = False
    periodic: ClassVar[bool] = False  # True: goes on past its end
    over: Length | None

    @abstractmethod
    def formula(self, span: Span) -> Callable[[Any, Any], Any]:
        """(t, array namespace) → value, for t in 0 … span.steps."""

    @property
    def is_open(self) -> bool:
        return self.over is None

    def length(self, clock: Clock) -> Fraction:
        assert self.over is not None
        return self.over.steps(clock)

    def resolve(self, span: Span) -> Formula:
        value, end = self.formula(span), span.steps
        if self.periodic:
            return lambda t, xp, _: value(t, xp)
        return lambda t, xp, _: value(xp.clip(t, 0, end), xp)

    def __str__(self) -> str:
        return text.show_call(self.name, self)

    __repr__ = __str__
