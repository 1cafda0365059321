"""Lengths of time in training, and the clock that turns them into steps, exactly."""

import math
import re
from fractions import Fraction

from attrs import frozen

from surefoot.core.errors import ScheduleError

_UNITS = {"": "", "step": "", "steps": "", "ep": "ep", "epoch": "ep", "epochs": "ep", "%": "%"}
_UNITS |= {"sample": "samples", "samples": "samples", "tok": "tok", "token": "tok", "tokens": "tok"}
_UNITS |= {"s": "s", "sec": "s", "second": "s", "seconds": "s", "min": "min", "minute": "min", "minutes": "min"}
_UNITS |= {"h": "h", "hour": "h", "hours": "h"}
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_FORM = re.compile(r"\s*(\d{1,40}(?:\.\d{0,15})?(?:[eE]\+?(?:1\d|\d))?)\s*(%|[a-zA-Z]*)\s*")
_REMEDY = "give steps (500), epochs ('5ep'), a share of all steps ('10%'), samples ('1e6samples') or tokens ('2e9tok')"


@frozen
class Clock:
    """How long training is: turns any length into steps.

    Parameters: `steps`, the horizon in optimizer updates; `steps_per_epoch`; `batch_size`, samples a step;
    `tokens_per_step`. What is not given cannot be used as a unit.
    """

    steps: int
    steps_per_epoch: int | None = None
    batch_size: int | None = None
    tokens_per_step: int | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("steps", "steps_per_epoch", "batch_size", "tokens_per_step"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if not whole and (value is not None or name == "steps"):
                raise ScheduleError(f"{name} must be a whole number above 0", received=value)


@frozen
class Seconds(Clock):
    """A clock whose steps are seconds: that of a schedule played over wall-clock time."""


@frozen
class Length:
    """A stretch of training: an exact number and its unit.

    >>> length("2.5ep").steps(Clock(steps=1000, steps_per_epoch=100))
    Fraction(250, 1)
    >>> str(length("10%")), str(length(500))
    ('10%', '500')
    """

    amount: Fraction
    unit: str = ""  # "" for steps

    @property
    def seconds(self) -> Fraction | None:
        """The length in seconds where it is one of wall-clock time, else None."""
        return self.amount * _SECONDS[self.unit] if self.unit in _SECONDS else None

    def steps(self, clock: Clock) -> Fraction:
        """The length in steps, exact. Raises ScheduleError where the clock lacks what the unit needs."""
        if self.seconds is not None:
            if not isinstance(clock, Seconds):
                raise ScheduleError(
                    f"the length {str(self)!r} is wall-clock time, and this schedule counts updates",
                    remedy="play the schedule by the clock: wall_clock(cosine(), '2h')",
                )
            return self.seconds
        match self.unit:
            case "":
                return self.amount
            case "%":
                return self.amount * clock.steps / 100
            case "ep":
                return self.amount * _known(clock, self, "steps_per_epoch")
            case "samples":
                return self.amount / _known(clock, self, "batch_size")
            case _:
                return self.amount / _known(clock, self, "tokens_per_step")

    def __str__(self) -> str:
        whole = self.amount.denominator == 1
        return (str(self.amount.numerator) if whole else _decimal(self.amount)) + self.unit


LengthLike = Length | int | str


def length(value: LengthLike) -> Length:
    """A length from `500`, `"500"`, `"5ep"`, `"10%"`, `"1e6samples"`, `"2e9tok"` or, of wall-clock time, `"90s"`,
    `"5min"`, `"2h"`. Raises ScheduleError."""
    if isinstance(value, Length):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return Length(Fraction(value))
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ScheduleError("this is not a length", received=value, remedy=_REMEDY)
    amount, unit = Fraction(found[1]), _UNITS.get(found[2])
    if unit is None:
        raise ScheduleError(f"unknown unit {found[2]!r}", received=value, remedy=_REMEDY)
    if unit == "" and amount.denominator != 1:
        raise ScheduleError("a length in steps must be whole", received=value)
    return Length(amount, unit)


def length_or_none(value: LengthLike | None) -> Length | None:
    """`length`, where None stands for what is left."""
    return None if value is None else length(value)


def half_up(x: Fraction) -> int:
    """The nearest whole number, halves upward."""
    return math.floor(x + Fraction(1, 2))


def _known(clock: Clock, time: Length, name: str) -> int:
    value: int | None = getattr(clock, name)
    if value is None:
        if isinstance(clock, Seconds):
            raise ScheduleError(
                f"the length {str(time)!r} has no meaning in wall-clock time",
                remedy="give '90s', '5min', '2h' or '10%'",
            )
        raise ScheduleError(f"the length {str(time)!r} needs {name}", remedy=f"pass {name}=... to bind")
    return value


def _decimal(amount: Fraction) -> str:
    # Lengths are read from decimal text, so a finite decimal expansion always exists.
    digits = 0
    while (amount * 10**digits).denominator != 1:
        digits += 1
    scaled = str((amount * 10**digits).numerator).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}"
