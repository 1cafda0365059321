"""Hyperbolic and Chebyshev schedules."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.basic import Decay, above_zero, share
from surefoot.schedules.leaf import Leaf, Value, decay_steps, periods
from surefoot.schedules.named import flag, named, number_in
from surefoot.schedules.span import Span


@named
@frozen(repr=False)
class Hyperbolic(Decay):
    """HyperbolicLR: a decay whose beginning hardly depends on how long training is.

    Equation: s(t) = 1 + (1 − end)(f(t) − f(0)), f(t) = √((N − t)/U · (2 − (N + t)/U)); with `log` end^(f(0) − f(t)).
    Parameters: `over` = N; `upper` = U, a length of at least N; `end`, which is reached where U = N only; `log`:
    ExpHyperbolicLR, which needs `end` above 0; `inclusive`: the lowest value is reached at N − 1 rather than at N.

    Source: Kim, "HyperbolicLR: Epoch insensitive learning rate scheduler" (arXiv:2407.15200).

    >>> Hyperbolic(upper=250, end=0.001).bind(steps=100)(100).__round__(4)
    0.2008
    """

    upper: Length = field(kw_only=True, converter=length)
    log: bool = field(default=False, kw_only=True, validator=flag)

    def __attrs_post_init__(self) -> None:
        if self.log and self.end <= 0:
            raise ScheduleError(
                "hyperbolic's end must be above 0 with log", received=self.end, remedy="write end=0.001"
            )

    def formula(self, span: Span) -> Value:
        steps, upper = decay_steps(span, self.inclusive), float(self.upper.steps(span.clock))
        if upper < steps:
            raise ScheduleError(
                "hyperbolic's upper must be as long as the schedule at least", received=f"{upper:g} of {steps} steps"
            )
        end, log = float(self.end), self.log

        def f(t: Any, xp: Any) -> Any:
            t = xp.minimum(t, steps)
            return xp.sqrt((steps - t) / upper * (2 - (steps + t) / upper))

        def value(t: Any, xp: Any) -> Any:
            fallen = f(t, xp) - f(0, xp)
            return end**-fallen if log else 1 + (1 - end) * fallen

        return value

    def fall(self, u: Any, xp: Any) -> Any:
        raise AssertionError("a hyperbolic decay depends on more than its progress")


@named
@frozen(repr=False)
class Chebyshev(Decay):
    """The nodes of the Chebyshev polynomial of degree N, from the highest: a cosine, half a step ahead.

    Equation: s(t) = end + (1 − end)(1 + cos(π(t + ½)/N))/2; from N − 1 on the last holds. Parameters: `over` = N;
    `end`; `inclusive` changes nothing, for the last node lies at N − 1.

    >>> Chebyshev().bind(steps=3).values().round(6).tolist()
    [0.933013, 0.5, 0.066987]
    """

    def formula(self, span: Span) -> Value:
        last, end = max(span.steps, 1) - 1, self.end
        return lambda t, xp: end + (1 - end) * self.fall((xp.minimum(t, last) + 0.5) / (last + 1), xp)

    def fall(self, u: Any, xp: Any) -> Any:
        return (1 + xp.cos(math.pi * u)) / 2


@named
@frozen(repr=False)
class ChebyshevSteps(Leaf):
    """Chebyshev's step sizes in their fractal order: steps far above 1, kept stable by small ones between them.

    Equation: s(t) = 1/(c − r · cos(π(σ(j) + ½)/n)), c = (1 + low)/2, r = (1 − low)/2, j = ⌊t · n/N⌋; σ is built by
    σ₁ = (0), σ₂ₘ = σₘ interlaced with 2m − 1 − σₘ. Parameters: `over` = N; `count` = n, how many step sizes there are,
    a power of 2; `low`, the smallest curvature over the largest (0.05: the steps reach 20). Not 1 at its height: a rate
    is 1/(the largest curvature) times this.

    Source: Agarwal et al., "Acceleration via Fractal Learning Rate Schedules" (arXiv:2103.01338).

    >>> ChebyshevSteps(count=4).bind(steps=4).values().round(4).tolist()
    [11.6067, 1.0375, 2.9135, 1.4149]
    """

    over: Length | None = field(default=None, converter=length_or_none)
    count: int = field(default=8, kw_only=True, validator=number_in(1, 2**20, whole=True))
    low: float = field(default=0.05, kw_only=True, validator=[share, above_zero])

    def __attrs_post_init__(self) -> None:
        if self.count & (self.count - 1):
            raise ScheduleError("chebyshev_steps' count must be a power of 2", received=self.count, remedy="write 8")

    def formula(self, span: Span) -> Value:
        passed = periods(Fraction(max(span.steps, 1), self.count), staircase=True)
        centre, radius, count = (1 + self.low) / 2, (1 - self.low) / 2, self.count

        def value(t: Any, xp: Any) -> Any:
            j, order, size = xp.minimum(passed(t, xp), count - 1), 0.0, 1
            while size < count:  # from the highest bit of j down: each interlacing either keeps or mirrors
                bit = xp.floor(j * 2 * size / count) - 2 * xp.floor(j * size / count)
                size *= 2
                order = order + bit * (size - 1 - 2 * order)
            return 1 / (centre - radius * xp.cos((math.pi / count) * (order + 0.5)))

        return value


hyperbolic, chebyshev, chebyshev_steps = Hyperbolic, Chebyshev, ChebyshevSteps
