"""Power laws: inverse square roots, Noam, and the power law in tokens."""

from __future__ import annotations

import math

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.basic import anything, positive
from surefoot.schedules.leaf import Endless, Value
from surefoot.schedules.named import named, number_in
from surefoot.schedules.span import Span


@named
@frozen(repr=False)
class InverseSqrt(Endless):
    """Inverse square root decay.

    Equation: s(t) = √(τ/(t + τ)). Parameters: `timescale` = τ, a length. After a warm-up of W = τ steps this is √(W/t),
    t counted from the start of training.

    >>> InverseSqrt(100).bind(steps=1000)(300)
    0.5
    """

    timescale: Length = field(converter=length)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        timescale = float(span.period(self.timescale, "inverse_sqrt's timescale"))
        return lambda t, xp: xp.sqrt(timescale / (t + timescale))


@named
@frozen(repr=False)
class InversePower(Endless):
    """Decay by a power of time.

    Equation: s(t) = (1 + t/τ)^−power. Parameters: `timescale` = τ, a length; `power` (0.5: `inverse_sqrt`).

    >>> InversePower(100, power=1.0).bind(steps=1000)(300)
    0.25
    """

    timescale: Length = field(converter=length)
    power: float = field(default=0.5, kw_only=True, validator=positive)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        timescale, power = float(span.period(self.timescale, "inverse_power's timescale")), self.power
        return lambda t, xp: (1 + t / timescale) ** -power


@named
@frozen(repr=False)
class Noam(Endless):
    """The schedule of the Transformer: linear warm-up, then the inverse square root.

    Equation: s(t) = min(n/W, √(W/n)), n = t + 1. With `d_model` = d it is a rate, d^−½ · min(n^−½, n · W^−1.5).
    Parameters: `warmup` = W, a length; `d_model`, the width of the model.

    Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), with W = 4000.

    >>> Noam(400).bind(steps=10_000).values()[[99, 399, 1599]].tolist()
    [0.25, 1.0, 0.5]
    >>> round(Noam(4000, d_model=512).bind(steps=10_000)(3999), 9)
    0.000698771
    """

    warmup: Length = field(default=length(4000), converter=length)
    d_model: int | None = field(default=None, kw_only=True, validator=number_in(1, whole=True, or_none=True))
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    @property
    def is_rate(self) -> bool:  # type: ignore[override]
        return self.d_model is not None

    def formula(self, span: Span) -> Value:
        steps = float(span.period(self.warmup, "noam's warmup"))
        peak = 1.0 if self.d_model is None else 1 / math.sqrt(self.d_model * steps)
        return lambda t, xp: peak * xp.minimum((t + 1) / steps, xp.sqrt(steps / (t + 1)))


@named
@frozen(repr=False)
class PowerLaw(Endless):
    """The learning rate as a power law of the tokens seen: the power scheduler.

    Equation: s(t) = min(max_rate, β · a · n^b), n = (t + 1) · tokens a step. A rate already. Parameters: `a`, `b`;
    `beta` = β, the batch size in sequences, where `a` was found for one; `max_rate` (None: no bound).

    Raises ScheduleError where `bind` is not given `tokens_per_step`.

    Source: Shen et al., "Power Scheduler" (arXiv:2408.13359).

    >>> curve = PowerLaw(4.0, -0.51, max_rate=0.02).bind(steps=10_000, tokens_per_step=1000)
    >>> curve(0), round(curve(9999), 9)
    (0.02, 0.001076614)
    """

    is_rate = True
    a: float = field(validator=positive)
    b: float = field(validator=anything)
    beta: float = field(default=1.0, kw_only=True, validator=positive)
    max_rate: float | None = field(default=None, kw_only=True, validator=number_in(0, or_none=True))
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        tokens = span.clock.tokens_per_step
        if tokens is None:
            raise ScheduleError(
                "power_law counts tokens", received=str(self), remedy="pass tokens_per_step=... to bind"
            )
        # Of all updates before this stretch too: what counts are the tokens that training has seen.
        scale, b, bound, first = self.beta * self.a * float(tokens) ** self.b, self.b, self.max_rate, span.start + 1
        return lambda t, xp: xp.clip(scale * (t + first) ** b, None, bound)


inverse_sqrt, inverse_power, noam, power_law = InverseSqrt, InversePower, Noam, PowerLaw
__all__ = ["InversePower", "InverseSqrt", "Noam", "PowerLaw", "inverse_power", "inverse_sqrt", "noam", "power_law"]
