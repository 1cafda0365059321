"""The schedules of Transformers that are functions of time alone: warm-ups, and what follows them."""

from __future__ import annotations

from typing import Literal, get_args

from surefoot.core.errors import ScheduleError
from surefoot.schedules.basic import constant, linear
from surefoot.schedules.cycles import cosine
from surefoot.schedules.decays import cooldown, polynomial
from surefoot.schedules.like._common import choice, in_rate, number, rate, whole
from surefoot.schedules.power import inverse_sqrt
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, repeat, skip, stretch, then
from surefoot.schedules.warmups import warmup

Curve = Literal["linear", "cosine", "1-sqrt"]


def get_constant_schedule() -> Schedule:
    """The optimizer's own rate, unchanged."""
    return constant()


def get_constant_schedule_with_warmup(num_warmup_steps: int) -> Schedule:
    """Linear warm-up from 0, then constant.

    >>> get_constant_schedule_with_warmup(100)
    warmup(100, from_zero=True)
    """
    return _warmed(num_warmup_steps) if num_warmup_steps else constant()


def get_linear_schedule_with_warmup(num_warmup_steps: int, num_training_steps: int) -> Schedule:
    """Linear warm-up from 0, then a line to 0 at `num_training_steps`.

    >>> get_linear_schedule_with_warmup(100, 1000)
    warmup(100, from_zero=True) >> linear(900)
    """
    steps = _left(num_warmup_steps, num_training_steps)
    return _warmed(num_warmup_steps, linear(steps) if steps else _ended(0.0))


def get_cosine_schedule_with_warmup(
    num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5
) -> Schedule:
    """Linear warm-up from 0, then `num_cycles` waves of a cosine; past its end, where the original rises, it holds.

    >>> get_cosine_schedule_with_warmup(100, 1000)
    warmup(100, from_zero=True) >> cosine(900)
    """
    steps = max(_left(num_warmup_steps, num_training_steps), 1)
    return _warmed(num_warmup_steps, cosine(steps, cycles=num_cycles))


def get_cosine_with_hard_restarts_schedule_with_warmup(
    num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1
) -> Schedule:
    """Linear warm-up from 0, then a half cosine, `num_cycles` times; exact where the original's remainder is not.

    >>> get_cosine_with_hard_restarts_schedule_with_warmup(100, 1000, num_cycles=3)
    warmup(100, from_zero=True) >> stretch(repeat(cosine(900), times=3), over=900)
    """
    steps = max(_left(num_warmup_steps, num_training_steps), 1)
    times, once = whole("num_cycles", num_cycles, 1), cosine(steps)
    return _warmed(num_warmup_steps, once if times == 1 else stretch(repeat(once, times), steps))


def get_polynomial_decay_schedule_with_warmup(
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
    *,
    lr: float | None = None,
) -> Schedule:
    """Linear warm-up from 0, then a polynomial to the rate `lr_end`. A rate: it needs the optimizer's own, `lr`.

    >>> get_polynomial_decay_schedule_with_warmup(100, 1000, lr_end=1e-5, power=2.0, lr=1e-3)
    0.001 * (warmup(100, from_zero=True) >> polynomial(900, end=0.01, power=2.0))
    """
    own = rate(lr, "get_polynomial_decay_schedule_with_warmup", "lr_end is a learning rate")
    if number("lr_end", lr_end) >= own:
        raise ScheduleError(f"lr_end must be smaller than the initial lr, {own}", received=lr_end)
    steps, end = _left(num_warmup_steps, num_training_steps), lr_end / own
    return own * _warmed(num_warmup_steps, polynomial(steps, power=power, end=end) if steps else _ended(end))


def get_inverse_sqrt_schedule(num_warmup_steps: int, timescale: int | None = None) -> Schedule:
    """Linear warm-up from 0, then an inverse square root of `timescale` (the warm-up's steps; 10,000 without one).

    >>> get_inverse_sqrt_schedule(100)
    warmup(100, from_zero=True) >> inverse_sqrt(100)
    """
    scale = (num_warmup_steps or 10_000) if timescale is None else timescale
    return _warmed(num_warmup_steps, inverse_sqrt(whole("timescale", scale, 1)))


def get_cosine_with_min_lr_schedule_with_warmup(
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    *,
    lr: float | None = None,
) -> Schedule:
    """Linear warm-up from 0, then a cosine to the rate `min_lr`, which needs `lr`, or to the share `min_lr_rate` of it.

    >>> get_cosine_with_min_lr_schedule_with_warmup(100, 1000, min_lr_rate=0.1)
    warmup(100, from_zero=True) >> cosine(900, end=0.1)
    """
    name = "get_cosine_with_min_lr_schedule_with_warmup"
    end = _lowest(name, min_lr, min_lr_rate, lr)
    steps = max(_left(num_warmup_steps, num_training_steps), 1)
    return in_rate(name, lr, _warmed(num_warmup_steps, cosine(steps, end=end, cycles=num_cycles)))


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
    *,
    lr: float | None = None,
) -> Schedule:
    """Warm-up to 1 at the last step of it, from the share `warmup_lr_rate` or one step's part; the end a step earlier.

    >>> get_cosine_with_min_lr_schedule_with_warmup_lr_rate(100, 1000, min_lr_rate=0.1)
    warmup(100) >> during(skip(cosine(900, end=0.1), first=1), over=900)
    """
    name = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    end = _lowest(name, min_lr, min_lr_rate, lr)
    steps = max(_left(num_warmup_steps, num_training_steps), 1)
    decay = during(skip(cosine(steps, end=end, cycles=num_cycles), 1), steps)
    if not num_warmup_steps:
        return in_rate(name, lr, decay)
    risen = whole("num_warmup_steps", num_warmup_steps)
    if warmup_lr_rate is None:
        return in_rate(name, lr, warmup(risen) >> decay)
    return in_rate(name, lr, linear(risen, start=warmup_lr_rate, end=1.0, inclusive=True) >> decay)


def get_wsd_schedule(
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: Curve = "linear",
    decay_type: Curve = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
) -> Schedule:
    """Warm-up, stable, decay. With both `num_training_steps` and `num_stable_steps` the latter counts.

    Raises ScheduleError where warm-up and decay are longer than training; the original leaps there.

    >>> get_wsd_schedule(100, 200, 1000, decay_type="1-sqrt")
    warmup(100, from_zero=True) >> constant(over=700) >> cooldown(200)
    """
    choice("warmup_type", warmup_type, *get_args(Curve))
    rise, fall = whole("num_warmup_steps", num_warmup_steps), whole("num_decay_steps", num_decay_steps)
    held = _stable(rise, fall, num_training_steps) if num_stable_steps is None else num_stable_steps
    decays: dict[str, Schedule] = {
        "linear": linear(fall, end=min_lr_ratio),
        "cosine": cosine(fall, end=min_lr_ratio, cycles=num_cycles),
        "1-sqrt": cooldown(fall, end=min_lr_ratio),
    }
    decay = decays[choice("decay_type", decay_type, *decays)]
    parts: list[Schedule] = [constant(over=whole("num_stable_steps", held))] if held else []
    if fall:
        parts.append(decay)
    if not fall or (decay_type == "cosine" and num_cycles != 0.5):  # nothing that ends at `min_lr_ratio`
        parts.append(_ended(min_lr_ratio))
    return _warmed(rise, *parts, kind=warmup_type, start=min_lr_ratio)


def _warmed(num_warmup_steps: int, *rest: Schedule, kind: Curve = "linear", start: float = 0.0) -> Schedule:
    """After a warm-up, where there is one."""
    steps = whole("num_warmup_steps", num_warmup_steps)
    return then(*([warmup(steps, from_zero=True, kind=kind, start=start)] if steps else []), *rest)


def _left(num_warmup_steps: int, num_training_steps: int) -> int:
    """The steps after the warm-up."""
    all_steps = whole("num_training_steps", num_training_steps)
    return max(all_steps - whole("num_warmup_steps", num_warmup_steps), 0)


def _ended(end: float) -> Schedule:
    """The end of a decay that takes no time, or leaps there."""
    return constant(end, over=1)  # with a length, so that a horizon shorter than what comes before is no error


def _lowest(name: str, min_lr: float | None, min_lr_rate: float | None, lr: float | None) -> float:
    """The lowest value as a share of the optimizer's own rate."""
    if (min_lr is None) == (min_lr_rate is None):
        raise ScheduleError(f"{name} takes one of min_lr and min_lr_rate", received=(min_lr, min_lr_rate))
    if min_lr is None:
        return number("min_lr_rate", min_lr_rate, 0.0)
    return number("min_lr", min_lr, 0.0) / rate(lr, name, "min_lr is a learning rate")


def _stable(rise: int, fall: int, num_training_steps: int | None) -> int:
    if num_training_steps is None:
        raise ScheduleError("get_wsd_schedule needs num_training_steps or num_stable_steps")
    left = whole("num_training_steps", num_training_steps) - rise - fall
    if left < 0:
        raise ScheduleError(
            f"a warm-up of {rise:,} steps and a decay of {fall:,} do not fit into {num_training_steps:,}",
            remedy="shorten one of them, or raise num_training_steps",
        )
    return left
