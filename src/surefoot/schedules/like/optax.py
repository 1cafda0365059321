"""The schedules of optax: `optax.schedules`, and `optax.contrib.reduce_on_plateau`.

Arguments, defaults and values are optax's, so what comes out is a rate. optax counts updates; `per="epoch"` is for a
schedule that was asked for a value once an epoch. Negative numbers of steps, which optax counts as 0, are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from surefoot.core.errors import ScheduleError
from surefoot.schedules.algebra import clip
from surefoot.schedules.basic import constant, exponential, linear
from surefoot.schedules.cycles import cosine
from surefoot.schedules.decays import polynomial
from surefoot.schedules.like import _common
from surefoot.schedules.like._common import flag, held, number, span, whole, wholes
from surefoot.schedules.like._optax_piecewise import (
    constant_schedule,
    cosine_onecycle_schedule,
    linear_onecycle_schedule,
    piecewise_constant_schedule,
    piecewise_interpolate_schedule,
)
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, then

__all__ = [
    "constant_schedule", "cosine_decay_schedule", "cosine_onecycle_schedule", "exponential_decay", "join_schedules",
    "linear_onecycle_schedule", "linear_schedule", "piecewise_constant_schedule", "piecewise_interpolate_schedule",
    "polynomial_schedule", "reduce_on_plateau", "sgdr_schedule", "warmup_constant_schedule",
    "warmup_cosine_decay_schedule", "warmup_exponential_decay_schedule",
]  # fmt: skip


def polynomial_schedule(
    init_value: float,
    end_value: float,
    power: float,
    transition_steps: int,
    transition_begin: int = 0,
    *,
    per: str = "step",
) -> Schedule:
    """From `init_value` to `end_value` over `transition_steps`, after `transition_begin`; over no steps: no change.

    >>> polynomial_schedule(0.5, 0.25, 2, 100, transition_begin=10)
    0.5 * constant(over=10) >> 0.25 * polynomial(100, power=2.0) + 0.25
    """
    start, end, power = number("init_value", init_value), number("end_value", end_value), number("power", power, 0)
    steps, begin = whole("transition_steps", transition_steps), whole("transition_begin", transition_begin)
    if steps == 0:
        return constant_schedule(start)
    over = span(steps, per)
    straight = 1.0 * linear(over, start=start, end=end)
    change = straight if power == 1 else (start - end) * polynomial(over, power=power) + end
    return held(_after(begin, start, change, per), per)


def linear_schedule(
    init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0, *, per: str = "step"
) -> Schedule:
    """A line from `init_value` to `end_value` over `transition_steps`, after `transition_begin`.

    >>> linear_schedule(1.0, 0.01, 100)
    1.0 * linear(100, end=0.01)
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin, per=per)


def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
    *,
    per: str = "step",
) -> Schedule:
    """Falls (or grows) by `decay_rate` every `transition_steps`, after `transition_begin`, as far as `end_value`.

    As in optax, no steps or a rate of 0 mean no change at all.

    >>> exponential_decay(0.1, 100, 0.5, end_value=0.01)
    clip(0.1 * exponential(0.5, every=100), low=0.01)
    """
    start, factor = number("init_value", init_value), number("decay_rate", decay_rate, 0)
    steps, begin = whole("transition_steps", transition_steps), whole("transition_begin", transition_begin)
    stairs = flag("staircase", staircase)
    if steps == 0 or factor == 0:
        return constant_schedule(start)
    result = _after(begin, start, start * exponential(factor, every=span(steps, per), staircase=stairs), per)
    if end_value is not None:
        end = number("end_value", end_value)
        result = clip(result, low=end) if factor < 1 else clip(result, high=end)
    return held(result, per)


def cosine_decay_schedule(
    init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0, *, per: str = "step"
) -> Schedule:
    """Half a cosine down to `alpha` times its height, to the power of `exponent`.

    >>> cosine_decay_schedule(0.1, 1000, alpha=0.5)
    0.1 * cosine(1000, end=0.5)
    """
    over = span(whole("decay_steps", decay_steps, 1), per)
    shape = cosine(over, end=number("alpha", alpha), exponent=number("exponent", exponent, 0))
    return held(number("init_value", init_value) * shape, per)


def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int, *, per: str = "step") -> Schedule:
    """A line up to `peak_value`, then constant.

    >>> warmup_constant_schedule(0.0, 0.1, 100)
    1.0 * linear(100, start=0.0, end=0.1)
    """
    return linear_schedule(init_value, peak_value, warmup_steps, per=per)


def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
    *,
    per: str = "step",
) -> Schedule:
    """A line up to `peak_value`, then half a cosine down to `end_value`; `decay_steps` counts both.

    >>> warmup_cosine_decay_schedule(0.0, 0.1, 100, 1000)
    1.0 * linear(100, start=0.0, end=0.1) >> 0.1 * cosine(900)
    """
    first, steps = whole("warmup_steps", warmup_steps), whole("decay_steps", decay_steps, 1)
    top, end = number("peak_value", peak_value), number("end_value", end_value)
    if first >= steps:
        raise ScheduleError(
            "decay_steps counts the warm-up too and must be above warmup_steps",
            received=f"warmup_steps={first}, decay_steps={steps}",
        )
    fall = cosine_decay_schedule(top, steps - first, end / top if top else 0.0, exponent, per=per)
    return _warmed(init_value, top, first, fall, per)


def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
    *,
    per: str = "step",
) -> Schedule:
    """A line up to `peak_value`, then `exponential_decay`.

    >>> warmup_exponential_decay_schedule(0.0, 0.1, 100, 1000, 0.5).bind(steps=5000)(1100)
    0.05
    """
    fall = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value, per=per)
    return _warmed(init_value, peak_value, whole("warmup_steps", warmup_steps), fall, per)


def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]], *, per: str = "step") -> Schedule:
    """Cosines with warm restarts: one `warmup_cosine_decay_schedule` after another, each with its own arguments.

    >>> sgdr_schedule([dict(init_value=0.0, peak_value=0.1, warmup_steps=0, decay_steps=n) for n in (10, 20)])
    0.1 * cosine(10) >> 0.1 * cosine(20)
    """
    try:
        cycles = [warmup_cosine_decay_schedule(**kwargs, per=per) for kwargs in cosine_kwargs]
    except TypeError as wrong:
        raise ScheduleError(f"sgdr_schedule: {wrong}", received=cosine_kwargs) from None
    if not cycles:
        raise ScheduleError("sgdr_schedule needs the arguments of one cycle at least", received=cosine_kwargs)
    return then(*cycles)


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int], *, per: str = "step") -> Schedule:
    """One schedule after another, each from its boundary on and counting from there; the last goes on.

    >>> join_schedules([linear_schedule(0.0, 0.1, 10), cosine_decay_schedule(0.1, 90)], [5])
    during(1.0 * linear(10, start=0.0, end=0.1), over=5) >> 0.1 * cosine(90)
    """
    parts, edges = _common.schedules("schedules", schedules), [0, *wholes("boundaries", boundaries)]
    if len(edges) != len(parts) or any(late < early for early, late in pairwise(edges)):
        raise ScheduleError(
            "join_schedules needs one boundary less than schedules, and boundaries that rise",
            received=f"{len(parts)} schedules, boundaries {list(boundaries)}",
        )
    widths = [late - early for early, late in pairwise(edges)]
    cut = [during(part, span(width, per)) for part, width in zip(parts[:-1], widths, strict=True) if width]
    return then(*cut, parts[-1])


def reduce_on_plateau(
    factor: float = 0.1,
    patience: int = 10,
    rtol: float = 1e-4,
    atol: float = 0.0,
    cooldown: int = 0,
    accumulation_size: int = 1,
    min_scale: float = 0.0,
    *,
    watch: str = "loss",
) -> Schedule:
    """A shape: multiplied by `factor` when `watch` has not improved for `patience` means of `accumulation_size` values.

    >>> reduce_on_plateau(0.5, patience=3)
    plateau(0.5, patience=2)
    """
    relative, absolute = number("rtol", rtol, 0, 1), number("atol", atol, 0)
    if relative == absolute == 0:
        raise ScheduleError("one of rtol and atol must be above 0", received=f"rtol={rtol}, atol={atol}")
    if not 0 < number("factor", factor) < 1:
        raise ScheduleError("factor must be above 0 and below 1", received=factor)
    return plateau(
        factor,
        patience=whole("patience", patience, 1) - 1,  # optax reduces at the patience-th bad value, plateau after it
        watch=watch,
        threshold=relative,
        margin=absolute,
        cooldown=whole("cooldown", cooldown),
        min_factor=number("min_scale", min_scale, 0, 1),
        accumulate=whole("accumulation_size", accumulation_size, 1),
    )


def _after(steps: int, value: float, rest: Schedule, per: str) -> Schedule:
    """`value` for so many steps, then the rest."""
    return then(value * constant(over=span(steps, per)), rest) if steps else rest


def _warmed(start: float, peak: float, steps: int, rest: Schedule, per: str) -> Schedule:
    """A line to `peak` over so many steps, then the rest."""
    line = linear_schedule(start, peak, steps, per=per)
    return then(line, rest) if steps else rest
