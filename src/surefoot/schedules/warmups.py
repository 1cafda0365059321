"""Warm-ups: shapes that rise to 1 and stay there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import and_

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.basic import anything
from surefoot.schedules.leaf import Endless, Leaf, Value
from surefoot.schedules.named import flag, named, number_in, one_of
from surefoot.schedules.span import Span

CURVES: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda p, xp: p,
    "cosine": lambda p, xp: (1 - xp.cos(math.pi * p)) / 2,
    "1-sqrt": lambda p, xp: 1 - xp.sqrt(1 - p),
    "log": lambda p, xp: xp.log(1 + (math.e - 1) * p),
}


def _below_one(owner: Any, attribute: Any, value: Any) -> None:
    if value >= 1:
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be below 1", received=value)


decay_rate = and_(number_in(0, 1), _below_one)


@named
@frozen(repr=False)
class Warmup(Leaf):
    """Warm-up to 1, then 1.

    Equation: s(t) = start + (1 − start) · w(p), p = (t + 1)/W, or t/W with `from_zero`. w(p) is p ("linear"),
    (1 − cos πp)/2 ("cosine"), 1 − √(1 − p) ("1-sqrt", as in transformers) or ln(1 + (e − 1)p) ("log"). Parameters:
    `over` = W; `from_zero`; `kind`; `start` (0), the value that it rises from.

    Source: Goyal et al., "Accurate, Large Minibatch SGD" (arXiv:1706.02677), for the linear one.

    >>> Warmup(4).bind(steps=10).values(stop=5).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    over: Length | None = field(converter=length)
    from_zero: bool = field(default=False, kw_only=True, validator=flag)
    kind: Literal["linear", "cosine", "1-sqrt", "log"] = field(
        default="linear", kw_only=True, validator=one_of(*CURVES)
    )
    start: float = field(default=0.0, kw_only=True, validator=anything)

    def formula(self, span: Span) -> Value:
        steps, first = max(span.steps, 1), 0 if self.from_zero else 1
        curve, start = CURVES[self.kind], self.start
        return lambda t, xp: start + (1 - start) * curve(xp.clip((t + first) / steps, 0, 1), xp)


@named
@frozen(repr=False)
class ExponentialWarmup(Endless):
    """Exponential warm-up, which nears 1 and never quite gets there.

    Equation: s(t) = 1 − exp(−(t + 1)/τ). Parameters: `tau` = τ, a length.

    Source: Ma & Yarats, "On the adequacy of untuned warmup for adaptive optimization" (arXiv:1910.04209).

    >>> round(ExponentialWarmup(10).bind(steps=100)(9), 6)
    0.632121
    """

    tau: Length = field(converter=length)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        tau = float(span.period(self.tau, "exponential_warmup's tau"))
        return lambda t, xp: 1 - xp.exp(-(t + 1) / tau)


@named
@frozen(repr=False)
class UntunedLinearWarmup(Endless):
    """Linear warm-up as long as Adam's second moment asks for; multiply it into a schedule.

    Equation: s(t) = min(1, (1 − β₂)/2 · (t + 1)). Parameters: `beta2` = β₂ (Adam's 0.999: 2000 steps).

    Source: Ma & Yarats, "On the adequacy of untuned warmup for adaptive optimization" (arXiv:1910.04209).

    >>> round(UntunedLinearWarmup(0.98).bind(steps=1000)(49), 6)
    0.5
    """

    beta2: float = field(default=0.999, validator=decay_rate)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        rise = (1 - self.beta2) / 2
        return lambda t, xp: xp.minimum(rise * (t + 1), 1)


@named
@frozen(repr=False)
class UntunedExponentialWarmup(Endless):
    """Exponential warm-up as long as Adam's second moment asks for; multiply it into a schedule.

    Equation: s(t) = 1 − exp(−(1 − β₂)(t + 1)). Parameters: `beta2` = β₂ (Adam's 0.999).

    Source: Ma & Yarats, "On the adequacy of untuned warmup for adaptive optimization" (arXiv:1910.04209).

    >>> round(UntunedExponentialWarmup(0.9).bind(steps=100)(9), 6)
    0.632121
    """

    beta2: float = field(default=0.999, validator=decay_rate)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        rate = 1 - self.beta2
        return lambda t, xp: 1 - xp.exp(-rate * (t + 1))


def _large_enough(owner: Any, attribute: Any, value: Any) -> None:
    if value <= 0.6:
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be above 0.6", received=value)


@named
@frozen(repr=False)
class RadamWarmup(Endless):
    """The rectification of RAdam as a warm-up; multiply it into a schedule for Adam.

    Equation: s(t) = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)), ρ = ρ∞ − 2n·β₂ⁿ/(1 − β₂ⁿ), ρ∞ = 2/(1 − β₂) − 1,
    n = t + δ, where δ is the first n with ρ > 4. Parameters: `beta2` = β₂, above 0.6 (Adam's 0.999).

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (arXiv:1908.03265); δ as in
    pytorch-warmup's RAdamWarmup.

    >>> round(RadamWarmup().bind(steps=10_000)(0), 6), round(RadamWarmup().bind(steps=10_000)(9999), 6)
    (0.017312, 0.999774)
    """

    beta2: float = field(default=0.999, validator=and_(decay_rate, _large_enough))
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        last, half = 2 / (1 - self.beta2) - 1, -math.log(self.beta2) / 2

        def rho(n: Any, tanh: Callable[[Any], Any]) -> Any:
            # 2βⁿ/(1 − βⁿ) = 1/tanh(−n·ln β/2) − 1, without the difference of numbers near 1
            return last - n * (1 / tanh(half * n) - 1)

        offset = 1
        while rho(offset, math.tanh) <= 4:
            offset += 1

        def value(t: Any, xp: Any) -> Any:
            now = rho(t + offset, xp.tanh)
            return xp.sqrt((now - 4) * (now - 2) / now * (last / ((last - 4) * (last - 2))))

        return value


warmup, exponential_warmup = Warmup, ExponentialWarmup
untuned_linear_warmup, untuned_exponential_warmup = UntunedLinearWarmup, UntunedExponentialWarmup
radam_warmup = RadamWarmup
