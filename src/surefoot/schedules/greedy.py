"""Greedy: a reactive shape that rises while the watched value improves and falls while it does not."""

from __future__ import annotations

import math
from typing import Any, Literal

from attrs import evolve, field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length_or_none
from surefoot.schedules.leaf import Leaf, Value, floats
from surefoot.schedules.named import named, number_in, one_of
from surefoot.schedules.reactive import Stretch, Watcher, attach, better, name_of_observed
from surefoot.schedules.span import Span

count = number_in(0, math.inf, whole=True)
positive = number_in(0, math.inf)


def _between(owner: Any, attribute: Any, value: Any) -> None:
    number_in(0, 1)(owner, attribute, value)
    if value in (0, 1):
        raise ScheduleError(f"greedy's {attribute.name} must lie between 0 and 1", received=value, remedy="write 0.95")


@frozen
class GreedyState:
    """What greedy remembers: the best value, observations in a row without and with a better one, of cooldown and of
    warm-up left, reductions at the lowest factor so far, the values averaged over, the factor."""

    best: float | None = None
    bad: int = 0
    good: int = 0
    cooldown: int = 0
    warmup: int = 0
    lowest: int = 0
    values: tuple[float, ...] = field(default=(), converter=floats)
    factor: float = 1.0


@named
@frozen(repr=False)
class Greedy(Leaf):
    """Divides by `factor` while the watched value improves, multiplies by it while it does not.

    Equation: f ← min(f / factor, max_factor) once more than `patience` observations in a row were better than the best
    by `threshold`, then `warmup` observations are not counted; f ← max(f · factor, min_factor) once more than
    `patience` in a row were not, then `cooldown` are not counted. At the `reset_start`-th reduction at the lowest
    factor it forgets everything and starts again. Starts at 1.

    Parameters: `factor` (0 … 1); `patience`, `cooldown`, `warmup` in observations; `watch`, the name of what is
    observed ("loss" is the validation loss); `mode` "min" or "max"; `threshold` absolute ("abs") or relative ("rel");
    `min_factor` and `max_factor` (0.01 and 10: the original's rates 1e-3 and 1 for its example's rate of 0.1);
    `min_change`, a change by at most this is not made (the original's eps, but of the factor); `window`, the mean of
    the last so many values is what counts (None: each value; the original's default with `smooth` is 50);
    `reset_start` in reductions. The defaults are those of GreedyLR of transformers.

    The mean is of the values in the window, so that an infinite one is forgotten when it leaves; the original's
    running sum never recovers.

    Raises ScheduleError for a parameter out of range and where an observation lacks the watched name.

    Source: "GreedyLR: A Novel Adaptive Learning Rate Scheduler" (arXiv:2512.14527).

    >>> from surefoot.core.record import Observation
    >>> curve = (0.1 * Greedy(factor=0.5, patience=0)).bind(steps=10)
    >>> curve(1, curve.update(curve.start(), Observation(1, {"loss": 1.0})))
    0.2
    """

    factor: float = field(default=0.95, validator=_between)
    patience: int = field(default=10, kw_only=True, validator=count)
    watch: str = field(default="loss", kw_only=True, validator=name_of_observed)
    mode: Literal["min", "max"] = field(default="min", kw_only=True, validator=one_of("min", "max"))
    threshold: float = field(default=1e-6, kw_only=True, validator=positive)
    threshold_mode: Literal["rel", "abs"] = field(default="abs", kw_only=True, validator=one_of("rel", "abs"))
    cooldown: int = field(default=0, kw_only=True, validator=count)
    warmup: int = field(default=0, kw_only=True, validator=count)
    min_factor: float = field(default=0.01, kw_only=True, validator=positive)
    max_factor: float = field(default=10.0, kw_only=True, validator=positive)
    min_change: float = field(default=0.0, kw_only=True, validator=positive)
    window: int | None = field(default=None, kw_only=True, validator=number_in(1, math.inf, whole=True, or_none=True))
    reset_start: int = field(default=500, kw_only=True, validator=count)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)
    periodic = True  # its own time goes on past its end: so it knows when it is over

    def __attrs_post_init__(self) -> None:
        if self.min_factor > self.max_factor:
            raise ScheduleError(
                "greedy's min_factor must not be above its max_factor", received=f"{self.min_factor}, {self.max_factor}"
            )

    def formula(self, span: Span) -> Value:
        return attach(span.reducers, Watcher(self, Stretch(span.start, span.stop, span.steps)))

    @property
    def initial(self) -> GreedyState:
        return GreedyState()

    def after(self, state: GreedyState, value: float) -> GreedyState:
        """The state after one more value."""
        if self.window is not None:
            values = (*state.values, value)[-self.window :]
            state, value = evolve(state, values=values), sum(values) / len(values)
        if state.cooldown > 0:
            return evolve(state, cooldown=state.cooldown - 1, bad=0, good=0)
        if state.warmup > 0:
            return evolve(state, warmup=state.warmup - 1, bad=0, good=0)
        relative, absolute = (self.threshold, 0.0) if self.threshold_mode == "rel" else (0.0, self.threshold)
        if better(value, state.best, self.mode, relative, absolute):
            state = evolve(state, best=value, bad=0, good=state.good + 1)
            return state if state.good <= self.patience else self._raised(state)
        state = evolve(state, bad=state.bad + 1, good=0)
        return state if state.bad <= self.patience else self._lowered(state)

    def _raised(self, state: GreedyState) -> GreedyState:
        higher = min(state.factor / self.factor, self.max_factor)
        factor = higher if higher - state.factor > self.min_change else state.factor
        return evolve(state, factor=factor, lowest=0, good=0, warmup=self.warmup)

    def _lowered(self, state: GreedyState) -> GreedyState:
        lower = max(state.factor * self.factor, self.min_factor)
        factor = lower if state.factor - lower > self.min_change else state.factor
        lowest = state.lowest + (factor <= self.min_factor)
        if factor <= self.min_factor and lowest >= self.reset_start:
            return GreedyState(cooldown=self.cooldown)
        return evolve(state, factor=factor, lowest=lowest, bad=0, cooldown=self.cooldown)


greedy = Greedy
__all__ = ["Greedy", "GreedyState", "greedy"]
