"""What the presets of every library share: the units of their time, the optimizer's own rate, checks of arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from surefoot.core import text
from surefoot.core.errors import ScheduleError
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import every

PER = ("step", "epoch")  # when the original was stepped: after every update, or once an epoch


def span(n: int, per: str) -> int | str:
    """A length of `n` of the original's own steps.

    >>> span(10, "step"), span(10, "epoch")
    (10, '10ep')
    """
    choice("per", per, *PER)
    return n if per == "step" else f"{n}ep"


def held(schedule: Schedule, per: str) -> Schedule:
    """The schedule as it is, or held for an epoch at a time where the original was stepped once an epoch.

    >>> from surefoot.schedules import linear
    >>> held(linear("3ep"), "epoch")
    every(linear('3ep'), n='1ep')
    """
    choice("per", per, *PER)
    return schedule if per == "step" else every(schedule, "1ep")


def rate(lr: float | None, name: str, why: str) -> float:
    """The optimizer's own learning rate, for a preset whose curve depends on it. Raises ScheduleError without one.

    >>> rate(None, "CosineAnnealingLR", "eta_min is a learning rate")
    Traceback (most recent call last):
    ...
    surefoot.core.errors.ScheduleError: CosineAnnealingLR needs the optimizer's own learning rate: eta_min is a \
learning rate. Pass lr=..., the learning rate that the optimizer was made with
    """
    if lr is None:
        raise ScheduleError(
            f"{name} needs the optimizer's own learning rate: {why}",
            remedy="pass lr=..., the learning rate that the optimizer was made with",
        )
    checked = number(f"{name}'s lr", lr, 0.0)
    if checked == 0:
        raise ScheduleError(f"{name}'s lr must be above 0", received=lr)
    return checked


def whole(what: str, value: Any, low: int = 0) -> int:
    """A whole number of at least `low`; 10.0 counts as 10."""
    given = text.number(value)
    if given is None or given != int(given) or given < low:
        raise ScheduleError(f"{what} must be a whole number of at least {low}", received=value)
    return int(value)


def wholes(what: str, values: Any) -> list[int]:
    """A list of whole numbers of at least 0."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ScheduleError(f"{what} must be a list of whole numbers", received=values, remedy="write [30, 80]")
    return [whole(f"each of {what}", value) for value in values]


def number(what: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`, both included."""
    given = text.number(value)
    if given is None or not low <= given <= high:
        reach = f" from {low:g} to {high:g}" if high < math.inf else f" of at least {low:g}"
        raise ScheduleError(f"{what} must be a number{reach if low > -math.inf else ''}", received=value)
    return given


def choice(what: str, value: Any, *known: str) -> str:
    """One of the known words."""
    if not isinstance(value, str) or value not in known:
        raise ScheduleError(f"{what} must be one of {', '.join(map(repr, known))}", received=value)
    return value


def flag(what: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ScheduleError(f"{what} must be True or False", received=value)
    return value


def schedules(what: str, values: Any) -> list[Schedule]:
    """A list of schedules, at least one."""
    found = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else []
    if not found or not all(isinstance(each, Schedule) for each in found):
        raise ScheduleError(f"{what} must be a list of schedules, at least one", received=values)
    return found


def refused(name: str, why: str, remedy: str) -> ScheduleError:
    """The error for an original that no preset can stand for."""
    return ScheduleError(f"{name} has no preset: {why}", remedy=remedy)


def in_rate(name: str, lr: float | None, shape: Schedule) -> Schedule:
    """A rate where the optimizer's own is known."""
    return shape if lr is None else rate(lr, name, "it is a rate") * shape
