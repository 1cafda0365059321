"""Cosine, cyclical and one-cycle shapes."""

from __future__ import annotations

import math
from typing import Any, Literal

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.basic import anything
from surefoot.schedules.leaf import Leaf, Value, decay_steps
from surefoot.schedules.named import flag, named, number_in, one_of
from surefoot.schedules.span import Span

share = number_in(0, 1)


@named
@frozen(repr=False)
class Cosine(Leaf):
    """Cosine annealing from 1 to `end`.

    Equation: s(t) = end + (1 − end)(1 + cos(π t/N))/2. Parameters: `over` = N (T_max elsewhere); `end` (η_min / η_max);
    `inclusive`: the end is reached at N − 1, the last update, rather than at N.

    Source: Loshchilov & Hutter, "SGDR" (arXiv:1608.03983).

    >>> round(Cosine().bind(steps=100)(50), 12)
    0.5
    """

    over: Length | None = field(default=None, converter=length_or_none)
    end: float = field(default=0.0, kw_only=True, validator=anything)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        steps, end = decay_steps(span, self.inclusive), self.end
        return lambda t, xp: end + (1 - end) * (1 + xp.cos(math.pi * xp.clip(t / steps, 0, 1))) / 2


@named
@frozen(repr=False)
class Cyclical(Leaf):
    """Cyclical learning rate, triangular: up from `low` to 1, down again, and so on past its end too.

    Equation: s(t) = low + (1 − low) · (x if x ≤ 1 else (c − x)/(c − 1)), x = (t mod (up + down))/up, c = 1 + down/up.
    Parameters: `up` (2000 steps); `down` (as `up`); `low` = base rate / peak rate (1/6).

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186).

    >>> (0.006 * Cyclical(2000, low=1/6)).bind(steps=10_000).values(stop=4001)[[0, 2000, 4000]].round(6).tolist()
    [0.001, 0.006, 0.001]
    """

    periodic = True
    up: Length = field(default=length(2000), converter=length)
    down: Length | None = field(default=None, kw_only=True, converter=length_or_none)
    low: float = field(default=1 / 6, kw_only=True, validator=share)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        up = float(span.period(self.up, "cyclical's up"))
        down = float(span.period(self.down or self.up, "cyclical's down"))
        low, cycle = self.low, up + down

        def value(t: Any, xp: Any) -> Any:
            passed = t - cycle * xp.floor(t / cycle)
            return low + (1 - low) * xp.where(passed <= up, passed / up, (cycle - passed) / down)

        return value


@named
@frozen(repr=False)
class OneCycle(Leaf):
    """One cycle of the learning rate: up to 1, down to almost nothing.

    Equation: from 1/div_factor to 1 over pct_start · N, then to 1/(div_factor · final_div_factor) at N; with
    `three_phase` back to 1/div_factor in the time it took to rise, then down over the rest. Each phase follows a half
    cosine or a line. Parameters: `over` = N; the others are torch's OneCycleLR, with its defaults; `inclusive`: the end
    is reached at N − 1, the last update, rather than at N.

    Source: Smith & Topin, "Super-Convergence" (arXiv:1708.07120).

    >>> curve = (0.1 * OneCycle()).bind(steps=1000)
    >>> round(curve(0), 6), round(curve(300), 6), round(curve(1000), 9)
    (0.004, 0.1, 4e-07)
    """

    over: Length | None = field(default=None, converter=length_or_none)
    pct_start: float = field(default=0.3, kw_only=True, validator=share)
    div_factor: float = field(default=25.0, kw_only=True, validator=number_in(1, math.inf))
    final_div_factor: float = field(default=1e4, kw_only=True, validator=number_in(1, math.inf))
    anneal_strategy: Literal["cos", "linear"] = field(default="cos", kw_only=True, validator=one_of("cos", "linear"))
    three_phase: bool = field(default=False, kw_only=True, validator=flag)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        start = 1 / self.div_factor
        heights = [start, 1.0, start / self.final_div_factor]
        if self.three_phase:
            heights.insert(2, start)
        return _anneal(decay_steps(span, self.inclusive), self.pct_start, heights, self.anneal_strategy)


@named
@frozen(repr=False)
class OneCycleMomentum(Leaf):
    """The momentum that goes with one cycle of the learning rate: down to `low` while the rate rises, and back.

    Equation: from `high` to `low` over pct_start · N, then to `high` (in the time it took to fall with `three_phase`,
    and so to the end; else at N). A rate already: the value of the momentum. Defaults and names: torch's OneCycleLR.

    Source: Smith & Topin, "Super-Convergence" (arXiv:1708.07120).

    >>> round(OneCycleMomentum().bind(steps=1000)(300), 6)
    0.85
    """

    is_rate = True
    over: Length | None = field(default=None, converter=length_or_none)
    low: float = field(default=0.85, kw_only=True, validator=share)
    high: float = field(default=0.95, kw_only=True, validator=share)
    pct_start: float = field(default=0.3, kw_only=True, validator=share)
    anneal_strategy: Literal["cos", "linear"] = field(default="cos", kw_only=True, validator=one_of("cos", "linear"))
    three_phase: bool = field(default=False, kw_only=True, validator=flag)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        heights = [self.high, self.low, self.high]
        if self.three_phase:
            heights.append(self.high)
        return _anneal(decay_steps(span, self.inclusive), self.pct_start, heights, self.anneal_strategy)


def _anneal(steps: int, rise: float, heights: list[float], strategy: str) -> Value:
    """From height to height: the first phase takes `rise` of the steps, a middle one as long, the last what is left."""
    middle = [rise] if len(heights) == 4 else []
    shares = [rise, *middle, 1 - rise - sum(middle)]
    if min(shares) < 0:
        raise ScheduleError(
            "with three phases pct_start is at most 0.5", received=rise, remedy="lower it, or leave three_phase out"
        )
    ends = [steps * sum(shares[: i + 1]) for i in range(len(shares))]
    starts = [0.0, *ends[:-1]]

    def phase(i: int, t: Any, xp: Any) -> Any:
        u = xp.clip((t - starts[i]) / max(ends[i] - starts[i], 1e-9), 0, 1)
        passed = u if strategy == "linear" else (1 - xp.cos(math.pi * u)) / 2
        return heights[i] + (heights[i + 1] - heights[i]) * passed

    def value(t: Any, xp: Any) -> Any:
        result = phase(0, t, xp)
        for i in range(1, len(shares)):
            result = xp.where(t >= starts[i], phase(i, t, xp), result)
        return result

    return value


cosine, cyclical, one_cycle, one_cycle_momentum = Cosine, Cyclical, OneCycle, OneCycleMomentum
