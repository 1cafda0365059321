"""The schedules of optax that go from boundary to boundary, and what they are joined of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import mul

from surefoot.core.errors import ScheduleError
from surefoot.schedules.basic import constant, linear, piecewise
from surefoot.schedules.cycles import cosine
from surefoot.schedules.like._common import choice, held, number, span, whole
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import then

Scales = Mapping[int, float] | Collection[Sequence[float]]  # by boundary; text has pairs for it: [[100, 0.1]]


def constant_schedule(value: float) -> Schedule:
    """The same value always.

    >>> constant_schedule(0.1)
    0.1 * constant()
    """
    return number("value", value) * constant()


def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Scales | None = None, *, per: str = "step"
) -> Schedule:
    """Multiplied by a scale at each boundary, and from then on.

    >>> piecewise_constant_schedule(1.0, {100: 0.5, 200: 0.5})
    1.0 * piecewise([100, 200], values=[1.0, 0.5, 0.25])
    """
    scales = _scales(boundaries_and_scales)
    values = list(accumulate((scale for _, scale in scales), mul, initial=1.0))
    return number("init_value", init_value) * piecewise([span(at, per) for at, _ in scales], values=values)


def piecewise_interpolate_schedule(
    interpolate_type: str,
    init_value: float,
    boundaries_and_scales: Scales | None = None,
    *,
    per: str = "step",
) -> Schedule:
    """Lines ("linear") or half cosines ("cosine") from boundary to boundary; at each one more scale is multiplied in.

    >>> piecewise_interpolate_schedule("linear", 1.0, {4: 0.5, 8: 0.5})
    1.0 * linear(4, end=0.5) >> 1.0 * linear(4, start=0.5, end=0.25)
    """
    kind = choice("interpolate_type", interpolate_type, "linear", "cosine")
    return _legs(kind, number("init_value", init_value), _scales(boundaries_and_scales), per)


def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    *,
    per: str = "step",
) -> Schedule:
    """One cycle of lines: up to the peak, down to where it began, then down by `final_div_factor`.

    In cycles so short that two phases begin at one step the heights stay right, which in optax they do not.

    >>> linear_onecycle_schedule(100, 0.5, div_factor=4, final_div_factor=2)  # doctest: +NORMALIZE_WHITESPACE
    1.0 * linear(30, start=0.125, end=0.5) >> 1.0 * linear(55, start=0.5, end=0.125)
    >> 1.0 * linear(15, start=0.125, end=0.0625)
    """
    steps, top = whole("transition_steps", transition_steps, 1), number("peak_value", peak_value)
    first, last = number("pct_start", pct_start, 0, 1), number("pct_final", pct_final, 0, 1)
    if last < first:
        raise ScheduleError("pct_final must not be below pct_start", received=f"{pct_final} and {pct_start}")
    down, final = _divisor("div_factor", div_factor), _divisor("final_div_factor", final_div_factor)
    phases = [(int(first * steps), down), (int(last * steps), 1 / down), (steps, 1 / final)]
    return _legs("linear", top / down, phases, per)


def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    *,
    per: str = "step",
) -> Schedule:
    """One cycle of half cosines: up to the peak, then down to the beginning divided by `final_div_factor`.

    >>> cosine_onecycle_schedule(100, 0.5, div_factor=4, final_div_factor=2)
    -0.375 * cosine(30) + 0.5 >> 0.4375 * cosine(70) + 0.0625
    """
    steps, top = whole("transition_steps", transition_steps, 1), number("peak_value", peak_value)
    down, final = _divisor("div_factor", div_factor), _divisor("final_div_factor", final_div_factor)
    phases = [(int(number("pct_start", pct_start, 0, 1) * steps), down), (steps, 1 / (down * final))]
    return _legs("cosine", top / down, phases, per)


def _legs(kind: str, start: float, scales: Sequence[tuple[int, float]], per: str) -> Schedule:
    """From height to height: a leg to each boundary, where the height is multiplied by the scale."""
    edges = [0, *(at for at, _ in scales)]
    heights = list(accumulate((scale for _, scale in scales), mul, initial=start))
    legs = [
        1.0 * linear(span(late - early, per), start=low, end=high)
        if kind == "linear"
        else (low - high) * cosine(span(late - early, per)) + high
        for (early, late), (low, high) in zip(pairwise(edges), pairwise(heights), strict=True)
        if late > early
    ]
    if edges[-2:-1] == edges[-1:]:  # a last leg of no width: its end holds all the same
        legs.append(heights[-1] * constant(over=span(1, per)))
    return held(then(*legs), per) if legs else constant_schedule(start)


def _scales(given: Scales | None) -> list[tuple[int, float]]:
    """The boundaries in order, with their scales."""
    pairs = given.items() if isinstance(given, Mapping) else given or []
    if not isinstance(pairs, Collection) or any(not isinstance(p, Sequence) or len(p) != 2 for p in pairs):
        raise ScheduleError("boundaries_and_scales must be {step: scale}, or pairs [[step, scale]]", received=given)
    return sorted((whole("a boundary", at), number("a scale", scale, 0)) for at, scale in pairs)


def _divisor(what: str, value: float) -> float:
    if number(what, value, 0) == 0:
        raise ScheduleError(f"{what} must be above 0", received=value)
    return float(value)
