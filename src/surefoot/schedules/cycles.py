"""Cosine, cyclical and one-cycle shapes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal, get_args

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.basic import Decay, above_zero, anything, positive, share
from surefoot.schedules.leaf import Leaf, Value
from surefoot.schedules.named import flag, named, one_of
from surefoot.schedules.span import Span

Policy = Literal["triangular", "triangular2", "exp_range"]


@named
@frozen(repr=False)
class Cosine(Decay):
    """Cosine annealing from 1 to `end`.

    Equation: s(t) = end + (1 − end) · ((1 + cos(2π · cycles · t/N))/2)^exponent. Parameters: `over` = N (T_max
    elsewhere); `end` (η_min / η_max); `cycles`, half a wave (0.5) unless given; `exponent` (1); `inclusive`: the end is
    reached at N − 1, the last update, rather than at N.

    Source: Loshchilov & Hutter, "SGDR" (arXiv:1608.03983); `cycles` as in transformers, `exponent` as in optax.

    >>> round(Cosine().bind(steps=100)(50), 12)
    0.5
    """

    cycles: float = field(default=0.5, kw_only=True, validator=positive)
    exponent: float = field(default=1.0, kw_only=True, validator=positive)

    def fall(self, u: Any, xp: Any) -> Any:
        return ((1 + xp.cos(2 * math.pi * self.cycles * u)) / 2) ** self.exponent


@named
@frozen(repr=False)
class CosineWave(Leaf):
    """A cosine that falls from 1 to `end`, rises again, and so on past its end too, as torch's CosineAnnealingLR does.

    Equation: s(t) = end + (1 − end)(1 + cos(π t/half))/2. Parameters: `half`, the length of half a wave; `end`.

    >>> CosineWave(10).bind(steps=40).values()[[0, 10, 20, 30]].round(12).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """

    periodic = True
    half: Length = field(converter=length)
    end: float = field(default=0.0, kw_only=True, validator=anything)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        half, end = float(span.period(self.half, "cosine_wave's half")), self.end
        return lambda t, xp: end + (1 - end) * (1 + xp.cos(math.pi * t / half)) / 2


@frozen(repr=False)
class Cycles(Leaf):
    """What cyclical rates share: triangles that rise from 0 to 1 over `up` and fall over `down`, each scaled."""

    periodic = True
    up: Length = field(default=length(2000), converter=length)
    down: Length | None = field(default=None, kw_only=True, converter=length_or_none)
    policy: Policy = field(default="triangular", kw_only=True, validator=one_of(*get_args(Policy)))
    gamma: float = field(default=1.0, kw_only=True, validator=positive)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def height(self, span: Span) -> Value:
        """tri(t) · scale, from 0 at the low side of the cycle."""
        up = float(span.period(self.up, f"{self.name}'s up"))
        down = float(span.period(self.down or self.up, f"{self.name}'s down"))
        cycle, policy, gamma = up + down, self.policy, self.gamma

        def value(t: Any, xp: Any) -> Any:
            count = xp.floor(t / cycle)
            passed = t - cycle * count
            triangle = xp.where(passed <= up, passed / up, (cycle - passed) / down)
            if policy == "triangular":
                return triangle
            return triangle * (0.5**count if policy == "triangular2" else gamma**t)

        return value


@named
@frozen(repr=False)
class Cyclical(Cycles):
    """Cyclical learning rate, triangular: up from `low` to 1, down again, and so on past its end too.

    Equation: s(t) = low + (1 − low) · scale · (x if x ≤ 1 else (c − x)/(c − 1)), x = (t mod (up + down))/up,
    c = 1 + down/up; scale is 1 ("triangular"), 2^−⌊t/(up + down)⌋ ("triangular2") or gamma^t ("exp_range").
    Parameters: `up` (2000 steps); `down` (as `up`); `low` = base rate / peak rate (1/6); `policy`; `gamma` (1).

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186).

    >>> (0.006 * Cyclical(2000, low=1/6)).bind(steps=10_000).values(stop=4001)[[0, 2000, 4000]].round(6).tolist()
    [0.001, 0.006, 0.001]
    """

    low: float = field(default=1 / 6, kw_only=True, validator=share)

    def formula(self, span: Span) -> Value:
        height, low = self.height(span), self.low
        return lambda t, xp: low + (1 - low) * height(t, xp)


@named
@frozen(repr=False)
class CyclicalMomentum(Cycles):
    """The momentum that goes with a cyclical learning rate: down from `high` to `low` while the rate rises, and back.

    Equation: s(t) = high − (high − low) · scale · (the triangle of `cyclical`). A rate already: the value of the
    momentum. Parameters: those of `cyclical`; `low` (0.8) and `high` (0.9), as in torch's CyclicLR.

    Source: Smith, "A disciplined approach to neural network hyper-parameters" (arXiv:1803.09820).

    >>> CyclicalMomentum(100).bind(steps=400).values()[[0, 100, 200]].round(6).tolist()
    [0.9, 0.8, 0.9]
    """

    is_rate = True
    low: float = field(default=0.8, kw_only=True, validator=share)
    high: float = field(default=0.9, kw_only=True, validator=share)

    def formula(self, span: Span) -> Value:
        height, high, depth = self.height(span), self.high, self.high - self.low
        return lambda t, xp: high - depth * height(t, xp)


@frozen(repr=False)
class Phases(Leaf):
    """What both sides of one cycle share: where the phases lie, and how each goes."""

    over: Length | None = field(default=None, converter=length_or_none)
    pct_start: float = field(default=0.3, kw_only=True, validator=share)
    anneal_strategy: Literal["cos", "linear"] = field(default="cos", kw_only=True, validator=one_of("cos", "linear"))
    three_phase: bool = field(default=False, kw_only=True, validator=flag)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def __attrs_post_init__(self) -> None:
        if self.three_phase and self.pct_start > 0.5:
            raise ScheduleError(
                f"with three phases {self.name}'s pct_start is at most 0.5",
                received=self.pct_start,
                remedy="lower it, or leave three_phase out",
            )

    def ends(self, steps: int) -> list[float]:
        """Where the phases end; with `inclusive` each began at the last update of the one before, as torch has it."""
        rise, early = self.pct_start * steps, int(self.inclusive)
        return [rise - early, *([2 * (rise - early)] if self.three_phase else []), float(steps - early)]

    def anneal(self, span: Span, heights: list[float]) -> Value:
        """From height to height, a phase each; a phase that lasts no time is a jump."""
        ends = self.ends(span.steps)
        phases = [
            (start, end - start, low, high)
            for start, end, low, high in zip([0.0, *ends[:-1]], ends, heights[:-1], heights[1:], strict=True)
            if end > start
        ]
        if not phases:
            return lambda t, xp: heights[-1]
        linear, starts = self.anneal_strategy == "linear", [max(start, 0.0) for start, *_ in phases]

        def phase(i: int, t: Any, xp: Any) -> Any:
            start, width, low, high = phases[i]
            # A start before the first update: part of that phase has passed by then.
            u = xp.clip((t + (starts[i] - start)) / width, 0, 1)
            return low + (high - low) * (u if linear else (1 - xp.cos(math.pi * u)) / 2)

        return lambda t, xp: xp.select(t, starts, [partial(phase, i, xp=xp) for i in range(len(phases))])


@named
@frozen(repr=False)
class OneCycle(Phases):
    """One cycle of the learning rate: up to 1, down to almost nothing.

    Equation: from 1/div_factor to 1 over pct_start · N, then to 1/(div_factor · final_div_factor) at N; with
    `three_phase` back to 1/div_factor in the time it took to rise, then down over the rest. Each phase follows a half
    cosine or a line. Parameters: `over` = N; the others are torch's OneCycleLR, with its defaults; `inclusive`: the end
    is reached at N − 1, the last update, rather than at N, and the phases lie as torch's do, each ending an update
    early (pct_start · N − 1, 2 · pct_start · N − 2).

    Source: Smith & Topin, "Super-Convergence" (arXiv:1708.07120).

    >>> curve = (0.1 * OneCycle()).bind(steps=1000)
    >>> round(curve(0), 6), round(curve(300), 6), round(curve(1000), 9)
    (0.004, 0.1, 4e-07)
    """

    div_factor: float = field(default=25.0, kw_only=True, validator=above_zero)
    final_div_factor: float = field(default=1e4, kw_only=True, validator=above_zero)

    def formula(self, span: Span) -> Value:
        start = 1 / self.div_factor
        back = [start] if self.three_phase else []
        return self.anneal(span, [start, 1.0, *back, start / self.final_div_factor])


@named
@frozen(repr=False)
class OneCycleMomentum(Phases):
    """The momentum that goes with one cycle of the learning rate: down to `low` while the rate rises, and back.

    Equation: from `high` to `low` over pct_start · N, then to `high` (in the time it took to fall with `three_phase`,
    and so to the end; else at N). A rate already: the value of the momentum. Defaults and names: torch's OneCycleLR.

    Source: Smith & Topin, "Super-Convergence" (arXiv:1708.07120).

    >>> round(OneCycleMomentum().bind(steps=1000)(300), 6)
    0.85
    """

    is_rate = True
    low: float = field(default=0.85, kw_only=True, validator=share)
    high: float = field(default=0.95, kw_only=True, validator=share)

    def formula(self, span: Span) -> Value:
        back = [self.high] if self.three_phase else []
        return self.anneal(span, [self.high, self.low, *back, self.high])


cosine, cosine_wave, cyclical, cyclical_momentum = Cosine, CosineWave, Cyclical, CyclicalMomentum
one_cycle, one_cycle_momentum = OneCycle, OneCycleMomentum
