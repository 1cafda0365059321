"""Decays of the literature: polynomials, cooldowns, REX, k-decay, tanh; slanted triangles; the range test."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length_or_none
from surefoot.schedules.basic import Decay, above_zero, positive, share
from surefoot.schedules.leaf import Leaf, Value, decay_steps
from surefoot.schedules.named import flag, named, number_in
from surefoot.schedules.span import Span


@named
@frozen(repr=False)
class Polynomial(Decay):
    """Polynomial decay from 1 to `end`; `power=1` is linear.

    Equation: s(t) = end + (1 − end)(1 − t/N)^power. Parameters: `over` = N; `power` (1); `end`; `inclusive`: the end is
    reached at N − 1, the last update, rather than at N; `cycle`: Keras's, which begins anew, not quite as high, with
    N · ⌈t/N⌉ for N each time the end is passed, for ever.

    >>> Polynomial(power=2.0).bind(steps=100)(50)
    0.25
    """

    power: float = field(default=1.0, kw_only=True, validator=positive)
    cycle: bool = field(default=False, kw_only=True, validator=flag)

    @property
    def periodic(self) -> bool:  # type: ignore[override]
        return self.cycle

    def fall(self, u: Any, xp: Any) -> Any:
        return (1 - u) ** self.power

    def formula(self, span: Span) -> Value:
        if not self.cycle:
            return super().formula(span)
        steps, end = decay_steps(span, self.inclusive), self.end

        def value(t: Any, xp: Any) -> Any:
            cycles = xp.maximum(xp.ceil(t / steps), 1)
            return end + (1 - end) * self.fall(xp.clip(t / (steps * cycles), 0, 1), xp)

        return value


@named
@frozen(repr=False)
class Cooldown(Decay):
    """The cooldown of a warm-up, a stable phase and a decay; "1-sqrt" unless `power` says otherwise.

    Equation: s(t) = end + (1 − end)(1 − (t/N)^power). Parameters: `over` = N; `power`: 0.5 is 1 − √u, 2 is 1 − u²;
    `end`; `inclusive`: the end is reached at N − 1, the last update, rather than at N.

    Source: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations"
    (arXiv:2405.18392).

    >>> Cooldown().bind(steps=100)(25)
    0.5
    """

    power: float = field(default=0.5, kw_only=True, validator=above_zero)

    def fall(self, u: Any, xp: Any) -> Any:
        return 1 - u**self.power


@named
@frozen(repr=False)
class ExponentialCooldown(Decay):
    """An exponential that reaches its end.

    Equation: s(t) = end + (1 − end)(r^u − r)/(1 − r), u = t/N. Parameters: `over` = N; `ratio` = r (0.1; 0.5 gives
    2 · 0.5^u − 1; 1, the limit, is a line); `end`; `inclusive`: the end is reached at N − 1 rather than at N.

    >>> round(ExponentialCooldown(ratio=0.25).bind(steps=100)(50), 12)
    0.333333333333
    """

    ratio: float = field(default=0.1, kw_only=True, validator=above_zero)

    def fall(self, u: Any, xp: Any) -> Any:
        ratio = float(self.ratio)
        return 1 - u if ratio == 1 else (ratio**u - ratio) / (1 - ratio)


@named
@frozen(repr=False)
class Geometric(Leaf):
    """An exponential from 1 to `end`, by the same factor at every step.

    Equation: s(t) = end^(t/N). Parameters: `over` = N; `end` (0.01), above 0; `inclusive`: the end is reached at N − 1,
    the last update, rather than at N.

    >>> round(Geometric(end=0.01).bind(steps=100)(50), 12)
    0.1
    """

    over: Length | None = field(default=None, converter=length_or_none)
    end: float = field(default=0.01, kw_only=True, validator=above_zero)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        steps, end = decay_steps(span, self.inclusive), float(self.end)
        return lambda t, xp: end ** xp.clip(t / steps, 0, 1)


@named
@frozen(repr=False)
class Rex(Decay):
    """Reflected exponential: high for long, then down.

    Equation: s(t) = end + (1 − end)(1 − u)/((1 − d) + d(1 − u)), u = t/N. Parameters: `over` = N; `d` from 0, a line,
    to below 1 (0.5); `end`; `inclusive`: the end is reached at N − 1, the last update, rather than at N.

    Source: Chen et al., "REX: Revisiting Budgeted Training with an Improved Schedule" (arXiv:2107.04197).

    >>> round(Rex().bind(steps=100)(50), 12)
    0.666666666667
    """

    d: float = field(default=0.5, kw_only=True, validator=share)

    def __attrs_post_init__(self) -> None:
        if self.d == 1:
            raise ScheduleError("rex's d must be below 1", received=self.d, remedy="write 0.99 for one that falls late")

    def fall(self, u: Any, xp: Any) -> Any:
        return (1 - u) / ((1 - self.d) + self.d * (1 - u))


@named
@frozen(repr=False)
class KDecay(Decay):
    """k-decay: a cosine, or a polynomial, of a power of time.

    Equation: s(t) = end + (1 − end)(1 + cos(π u^k))/2, or end + (1 − end)(1 − u^k)^power, u = t/N. Parameters: `over`
    = N; `k` (1.5; above 1 falls later, below 1 earlier); `power` (None: the cosine); `end`; `inclusive`: the end is
    reached at N − 1, the last update, rather than at N.

    Source: Zhang & Li, "k-decay: A New Method for Learning Rate Schedule" (arXiv:2004.05909).

    >>> round(KDecay(k=2.0).bind(steps=100)(50), 6)
    0.853553
    """

    k: float = field(default=1.5, kw_only=True, validator=above_zero)
    power: float | None = field(default=None, kw_only=True, validator=number_in(0, or_none=True))

    def fall(self, u: Any, xp: Any) -> Any:
        return (1 + xp.cos(math.pi * u**self.k)) / 2 if self.power is None else (1 - u**self.k) ** self.power


@named
@frozen(repr=False)
class TanhDecay(Decay):
    """Hyperbolic tangent decay, which begins a little below 1 and ends a little above `end`.

    Equation: s(t) = end + (1 − end)(1 − tanh(low(1 − u) + high · u))/2, u = t/N. Parameters: `over` = N; `low` (−7) and
    `high` (3), as in timm; `end`; `inclusive`: u is 1 at N − 1, the last update, rather than at N.

    Source: Hsueh et al., "Stochastic Gradient Descent with Hyperbolic-Tangent Decay" (arXiv:1806.01593).

    >>> round(TanhDecay().bind(steps=100)(70), 12)
    0.5
    """

    low: float = field(default=-7.0, kw_only=True, validator=number_in())
    high: float = field(default=3.0, kw_only=True, validator=number_in())

    def fall(self, u: Any, xp: Any) -> Any:
        return (1 - xp.tanh(self.low * (1 - u) + self.high * u)) / 2


@named
@frozen(repr=False)
class SlantedTriangular(Leaf):
    """Slanted triangle: a short rise, a long fall.

    Equation: s(t) = (1 + p(ratio − 1))/ratio; p = t/cut up to cut = ⌊N · cut_frac⌋, then 1 − (t − cut)/(N − cut).
    Parameters: `over` = N; `cut_frac` (0.1); `ratio` (32), how much lower than 1 it begins and ends.

    Source: Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification" (arXiv:1801.06146).

    >>> SlantedTriangular().bind(steps=100).values(stop=101)[[0, 10, 100]].tolist()
    [0.03125, 1.0, 0.03125]
    """

    over: Length | None = field(default=None, converter=length_or_none)
    cut_frac: float = field(default=0.1, kw_only=True, validator=share)
    ratio: float = field(default=32.0, kw_only=True, validator=number_in(1))

    def formula(self, span: Span) -> Value:
        cut, ratio = math.floor(span.steps * Fraction(str(self.cut_frac))), self.ratio
        rise, fall = max(cut, 1), max(span.steps - cut, 1)

        def value(t: Any, xp: Any) -> Any:
            p = xp.where(t >= cut, 1 - (t - cut) / fall, t / rise)
            return (1 + p * (ratio - 1)) / ratio

        return value


@named
@frozen(repr=False)
class RangeTest(Leaf):
    """The learning rate range test: a rise from `low` to 1.

    Equation: s(t) = low^(1 − t/N), or low + (1 − low) · t/N without `log`. Parameters: `over` = N; `low` (1e-5); `log`:
    the same factor at every step; `inclusive`: 1 is reached at N − 1, the last update, rather than at N.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186).

    >>> round(RangeTest(low=0.01).bind(steps=100)(50), 12)
    0.1
    """

    over: Length | None = field(default=None, converter=length_or_none)
    low: float = field(default=1e-5, kw_only=True, validator=[share, above_zero])
    log: bool = field(default=True, kw_only=True, validator=flag)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        steps, low = decay_steps(span, self.inclusive), float(self.low)
        if not self.log:
            return lambda t, xp: low + (1 - low) * xp.clip(t / steps, 0, 1)
        return lambda t, xp: low ** xp.clip(1 - t / steps, 0, 1)


cooldown, exponential_cooldown, geometric, rex, k_decay = Cooldown, ExponentialCooldown, Geometric, Rex, KDecay
polynomial, tanh_decay, slanted_triangular, range_test = Polynomial, TanhDecay, SlantedTriangular, RangeTest
