"""timm's schedule of a warm-up, a stable phase and a decay."""

from __future__ import annotations

from typing import Literal

from attrs import evolve

from surefoot.core.errors import ScheduleError
from surefoot.schedules import decays
from surefoot.schedules.algebra import maximum
from surefoot.schedules.basic import Decay, Linear, constant, linear
from surefoot.schedules.cycles import cosine
from surefoot.schedules.like._common import choice, number, refused, whole
from surefoot.schedules.like._timm_frame import Frame, Noise, Range
from surefoot.schedules.power import inverse_power
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, then


def WSDLRScheduler(  # noqa: N802 (the name is timm's)
    t_initial: int,
    decay_t: int,
    lr_min: float = 0.0,
    stable_fn: Literal["constant", "rsqrt", "power"] = "constant",
    stable_timescale: float | None = None,
    stable_power: float = 0.5,
    decay_fn: str | Schedule = "1-sqrt",
    decay_power: float = 0.5,
    decay_ratio: float = 0.1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    *,
    lr: float | None = None,
) -> Schedule:
    """Warm-up, a stable phase and a decay over the last `decay_t` of `t_initial`; `decay_fn` may be a shape, 1 to 0.

    >>> WSDLRScheduler(900, 200, warmup_t=100, t_in_epochs=False)
    warmup(100, from_zero=True) >> constant(over=700) >> cooldown(200)
    """
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("WSDLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise)
    all_of_it, fall = whole("t_initial", t_initial, 1), whole("decay_t", decay_t, 1)
    if fall > all_of_it:
        raise ScheduleError("decay_t must not be longer than t_initial", received=f"{decay_t} of {t_initial}")
    end = frame.share("lr_min", lr_min)
    hold = [constant(over=frame.length(all_of_it - fall))] if fall < all_of_it else []
    stable = _stable(frame, stable_fn, stable_timescale, stable_power, all_of_it)
    if stable is None and end <= 1 and not isinstance(decay_fn, Schedule):
        decay = _fall(decay_fn, decay_power, decay_ratio)
        return frame.around(then(*hold, evolve(decay, over=frame.length(fall), end=end)))
    shape = decay_fn if isinstance(decay_fn, Schedule) else _fall(decay_fn, decay_power, decay_ratio)
    down = then(*hold, during(shape, frame.length(fall)))
    high = stable or constant(over=frame.length(all_of_it))
    return frame.around(maximum(high + -end, 0.0) * down + end if end else high * down)


def _stable(frame: Frame, name: str, timescale: float | None, power: float, over: int) -> Schedule | None:
    """What the stable phase is where it is not constant."""
    if choice("stable_fn", name, "constant", "rsqrt", "power") == "constant":
        return None
    scale = number("stable_timescale", frame.warmup_t if timescale is None else timescale)
    if scale <= 0:
        remedy = "give one: it is warmup_t unless it is given"
        raise ScheduleError("stable_timescale must be above 0", received=scale, remedy=remedy)
    return inverse_power(frame.length(scale), power=0.5 if name == "rsqrt" else power, over=frame.length(over))


def _fall(decay_fn: str, power: float, ratio: float) -> Decay | Linear:
    if callable(decay_fn):
        raise refused("a function as decay_fn", "it has no text", "give a shape from 1 to 0: cooldown(power=0.7)")
    known: dict[str, Decay | Linear] = {
        "linear": linear(),
        "1-sqrt": decays.cooldown(),
        "cosine": cosine(),
        "power": decays.cooldown(power=power),
        "exp": decays.exponential_cooldown(ratio=ratio),
    }
    return known[choice("decay_fn", decay_fn, *known)]
