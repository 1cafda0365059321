"""Schedules of the literature that are compositions of shapes: functions, which text knows by name too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.core.units import LengthLike
from surefoot.schedules.basic import Constant, Linear
from surefoot.schedules.cycles import Cosine
from surefoot.schedules.decays import Cooldown, ExponentialCooldown, Geometric
from surefoot.schedules.restarts import cosine_restarts
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import During, then
from surefoot.schedules.warmups import Warmup

DECAYS: dict[str, Callable[[LengthLike | None, float], Schedule]] = {
    "linear": lambda over, end: Linear(over, end=end),
    "1-sqrt": lambda over, end: Cooldown(over, end=end),
    "cosine": lambda over, end: Cosine(over, end=end),
    "square": lambda over, end: Cooldown(over, power=2.0, end=end),
    "exponential": lambda over, end: ExponentialCooldown(over, end=end),
}


def wsd(
    warmup: LengthLike | None = "5%",
    decay: LengthLike | None = "20%",
    shape: str = "linear",
    end: float = 0.0,
    stable: Schedule | None = None,
) -> Schedule:
    """Warm-up, stable, decay; also called a trapezoid.

    Equation: warmup(W) >> constant() >> a decay over D. Parameters: `warmup` = W (5 %; None: without); `decay` = D
    (20 %); `shape` of the decay: "linear", "1-sqrt", "cosine", "square" (1 − u²) or "exponential"; `end`; `stable`, a
    shape without a length to multiply what follows the warm-up by, such as inverse_power(1000), where it is not to stay
    at 1.

    Raises ScheduleError for an unknown shape of the decay.

    Source: Hu et al., "MiniCPM" (arXiv:2404.06395).

    >>> wsd(decay="10%", shape="1-sqrt")
    warmup('5%') >> constant() >> cooldown('10%')
    """
    if stable is not None and not isinstance(stable, Schedule):
        raise ScheduleError("wsd's stable must be a shape", received=stable, remedy="write inverse_power(1000)")
    rest = Constant() >> _decay(shape, decay, end)
    return _after(warmup, rest if stable is None else stable * rest)


def wsd_s(
    periods: Sequence[LengthLike],
    warmup: LengthLike | None = "5%",
    decay: LengthLike = "10%",
    shape: str = "linear",
    end: float = 0.0,
) -> Schedule:
    """Several periods of a stable phase and a decay, one warm-up: every period ends in a model that is finished.

    Equation: (warmup(W) >> constant() >> a decay over D) during the first period, (constant() >> the decay) during each
    of the others. Parameters: `periods`, the length of each; `warmup` = W; `decay` = D; `shape` and `end` as in `wsd`.

    Source: Wen et al., "Understanding Warmup-Stable-Decay Learning Rates" (arXiv:2410.05192).

    >>> wsd_s([100, 200], warmup=None, decay=20).bind(steps=300).values()[[79, 90, 100, 290]].tolist()
    [1.0, 0.5, 1.0, 0.5]
    """
    if isinstance(periods, str) or not isinstance(periods, Sequence) or not periods:
        raise ScheduleError("wsd_s takes the lengths of its periods", received=periods, remedy="write ['25%', '75%']")
    period = Constant() >> _decay(shape, decay, end)
    first, *rest = periods
    return then(During(_after(warmup, period), first), *(During(period, each) for each in rest))


def knee(warmup: LengthLike | None = None, explore: LengthLike = "50%", end: float = 0.0) -> Schedule:
    """Explore at a high rate, then exploit: warm-up, constant, a line down.

    Equation: warmup(W) >> constant(over=E) >> linear(). Parameters: `warmup` = W (None: without); `explore` = E (50 %).

    Source: Iyer et al., "Wide-minima Density Hypothesis and the Explore-Exploit Learning Rate Schedule"
    (arXiv:2003.03977).

    >>> knee("5%")
    warmup('5%') >> constant(over='50%') >> linear()
    """
    return _after(warmup, Constant(over=explore) >> Linear(end=end))


def tri_stage(
    warmup: LengthLike | None = "10%",
    hold: LengthLike = "40%",
    decay: LengthLike | None = None,
    start: float = 0.01,
    end: float = 0.01,
) -> Schedule:
    """Three stages, for speech: a warm-up from `start`, a hold, an exponential decay to `end`.

    Equation: warmup(W, from_zero=True, start=start) >> constant(over=H) >> geometric(D, end=end). Parameters:
    `warmup` = W, `hold` = H, `decay` = D (None: what is left; 10, 40 and 50 % as in wav2vec 2.0); `start` and `end`
    (0.01, fairseq's).

    Source: Park et al., "SpecAugment" (arXiv:1904.08779); fairseq's tri_stage.

    >>> tri_stage(100, 400).bind(steps=1000).values()[[0, 100, 499, 750]].round(6).tolist()
    [0.01, 1.0, 1.0, 0.1]
    """
    held = Constant(over=hold) >> Geometric(decay, end=end)
    return held if not warmup else Warmup(warmup, from_zero=True, start=start) >> held


def flat_cosine(flat: LengthLike = "75%", end: float = 0.0) -> Schedule:
    """Flat, then a cosine.

    Equation: constant(over=F) >> cosine(end=end). Parameters: `flat` = F (75 %, fastai's); `end`.

    >>> flat_cosine()
    constant(over='75%') >> cosine()
    """
    return Constant(over=flat) >> Cosine(end=end)


def warmup_hold_cosine(warmup: LengthLike | None = "5%", hold: LengthLike = "10%", end: float = 0.0) -> Schedule:
    """Warm-up, hold, a cosine.

    Equation: warmup(W) >> constant(over=H) >> cosine(end=end). Parameters: `warmup` = W; `hold` = H; `end`.

    >>> warmup_hold_cosine(500, "20%")
    warmup(500) >> constant(over='20%') >> cosine()
    """
    return _after(warmup, Constant(over=hold) >> Cosine(end=end))


def warmup_hold_cosine_constant(
    warmup: LengthLike | None = "5%", hold: LengthLike = "10%", constant: LengthLike = "10%", end: float = 0.1
) -> Schedule:
    """Warm-up, hold, a cosine, and constant where it has ended.

    Equation: warmup(W) >> constant(over=H) >> cosine(end=end) >> constant(end, over=C). Parameters: `warmup` = W;
    `hold` = H; `constant` = C; `end` (0.1).

    >>> warmup_hold_cosine_constant(500)
    warmup(500) >> constant(over='10%') >> cosine(end=0.1) >> constant(0.1, over='10%')
    """
    return _after(warmup, Constant(over=hold) >> Cosine(end=end) >> Constant(end, over=constant))


def cosine_cooldown(
    warmup: LengthLike | None = "5%", cooldown: LengthLike = "10%", low: float = 0.1, end: float = 0.0
) -> Schedule:
    """Warm-up, a cosine down to `low`, and a line from there to `end`.

    Equation: warmup(W) >> cosine(end=low) >> linear(C, start=low, end=end). Parameters: `warmup` = W; `cooldown` = C
    (10 %); `low` (0.1); `end`.

    >>> cosine_cooldown(500)
    warmup(500) >> cosine(end=0.1) >> linear('10%', start=0.1)
    """
    return _after(warmup, Cosine(end=low) >> Linear(cooldown, start=low, end=end))


def _after(warmup: LengthLike | None, rest: Schedule) -> Schedule:
    return Warmup(warmup) >> rest if warmup else rest


def _decay(shape: str, over: LengthLike | None, end: float) -> Schedule:
    if not isinstance(shape, str) or shape not in DECAYS:
        raise ScheduleError(f"unknown shape of a decay {shape!r}", remedy=did_you_mean(str(shape), DECAYS))
    return DECAYS[shape](over, end)


trapezoid = wsd
COMPOSITIONS: dict[str, Callable[..., Schedule]] = {  # by the name that text uses
    made.__name__: made
    for made in (
        cosine_cooldown,
        cosine_restarts,
        flat_cosine,
        knee,
        tri_stage,
        warmup_hold_cosine,
        warmup_hold_cosine_constant,
        wsd,
        wsd_s,
    )
} | {"trapezoid": trapezoid}
