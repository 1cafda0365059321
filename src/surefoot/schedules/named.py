"""Schedules that text and JSON know by name, and the checks of their arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from attrs import Attribute

from surefoot.core import text
from surefoot.core.errors import ScheduleError
from surefoot.schedules.schedule import Schedule

N = TypeVar("N", bound="Named")
NAMED: dict[str, type[Named]] = {}  # by the name that text uses
Check = Callable[[Any, "Attribute[Any]", Any], None]


class Named(Schedule):
    """A schedule written as a call: `cosine('10%', end=0.1)`. Its arguments are its attributes."""

    __slots__ = ()
    name: ClassVar[str]

    def __str__(self) -> str:
        return text.show_call(self.name, self)

    __repr__ = __str__


def named(kind: type[N]) -> type[N]:
    """Class decorator: enters the schedule under its name in text, InverseTime as `inverse_time`."""
    kind.name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    NAMED[kind.name] = kind
    return kind


def number_in(low: float = -math.inf, high: float = math.inf, *, whole: bool = False, or_none: bool = False) -> Check:
    """An attrs validator: a finite number from `low` to `high`, both included."""

    def check(owner: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is None and or_none:
            return
        given = text.number(value)
        if given is None or not low <= given <= high or (whole and not isinstance(value, int)):
            kind = "a whole number" if whole else "a number"
            reach = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
            reach = "" if low == -math.inf else f" {reach}"
            raise ScheduleError(f"{owner.name}'s {attribute.name} must be {kind}{reach}", received=value)

    return check


def one_of(*known: str) -> Check:
    """An attrs validator: one of these words."""

    def check(owner: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, str) or value not in known:
            words = ", ".join(map(repr, known))
            raise ScheduleError(f"{owner.name}'s {attribute.name} must be one of {words}", received=value)

    return check


def flag(owner: Any, attribute: Attribute[Any], value: Any) -> None:
    """An attrs validator: True or False."""
    if not isinstance(value, bool):
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be True or False", received=value)


def numbers(owner: Any, attribute: Attribute[Any], value: Any) -> None:
    """An attrs validator: a tuple of finite numbers."""
    if not isinstance(value, tuple) or any(text.number(item) is None for item in value):
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be a list of numbers", received=value)


def schedule(owner: Any, attribute: Attribute[Any], value: Any) -> None:
    """An attrs validator: a schedule."""
    if not isinstance(value, Schedule):
        raise ScheduleError(
            f"{owner.name}'s {attribute.name} must be a schedule", received=value, remedy="write constant(0.5)"
        )
