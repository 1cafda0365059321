"""Reduce on plateau: a reactive shape that multiplies into any schedule."""

from __future__ import annotations

import math
from typing import Any, Literal

from attrs import evolve, field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Length, length_or_none
from surefoot.schedules.leaf import Leaf
from surefoot.schedules.named import named, number_in
from surefoot.schedules.span import Formula, Span


@frozen
class PlateauState:
    """What a plateau remembers: the best value, observations without a better one, of cooldown left, the factor."""

    best: float | None = None
    bad: int = 0
    cooldown: int = 0
    factor: float = 1.0


@named
@frozen(repr=False)
class Plateau(Leaf):
    """Multiplies by `factor` when the watched value has not improved for more than `patience` observations.

    Equation: f ← max(f · factor, min_factor) once more than `patience` observations in a row were no better than the
    best by `threshold`; then `cooldown` observations are not counted. Starts at 1.

    Parameters: `factor` (0 … 1); `patience`, `cooldown` in observations (epochs, usually); `watch`, the name of what is
    observed ("loss" is the validation loss); `mode` "min" or "max"; `threshold` relative ("rel") or absolute ("abs");
    `min_factor`, the lowest the factor goes. The defaults and the counting are those of torch's
    ReduceLROnPlateau, whose `eps` (reductions below 1e-8 are not made) is left out: use `min_factor`.

    Raises ScheduleError for a parameter out of range and where an observation lacks the watched name.

    >>> from surefoot.core.record import Observation
    >>> curve = (0.1 * Plateau(factor=0.5, patience=0)).bind(steps=10)
    >>> state = curve.update(curve.start(), Observation(1, {"loss": 1.0}))
    >>> state = curve.update(state, Observation(2, {"loss": 1.0}))
    >>> curve(2, state)
    0.05
    """

    factor: float = field(default=0.1, validator=number_in(0, 1))
    patience: int = field(default=10, kw_only=True, validator=number_in(0, math.inf, whole=True))
    watch: str = field(default="loss", kw_only=True)
    mode: Literal["min", "max"] = field(default="min", kw_only=True)
    threshold: float = field(default=1e-4, kw_only=True, validator=number_in(0, math.inf))
    threshold_mode: Literal["rel", "abs"] = field(default="rel", kw_only=True)
    cooldown: int = field(default=0, kw_only=True, validator=number_in(0, math.inf, whole=True))
    min_factor: float = field(default=0.0, kw_only=True, validator=number_in(0, 1))
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.watch, str) or not self.watch:
            raise ScheduleError("plateau's watch must be the name of what is observed", received=self.watch)
        for name, value, known in (
            ("mode", self.mode, ("min", "max")),
            ("threshold_mode", self.threshold_mode, ("rel", "abs")),
        ):
            if value not in known:
                raise ScheduleError(f"plateau's {name} must be one of {', '.join(known)}", received=value)

    def formula(self, span: Span) -> Any:
        raise AssertionError("a plateau has no formula of time: its value is its reducer's")

    def resolve(self, span: Span) -> Formula:
        index = len(span.reducers)
        span.reducers.append(PlateauReducer(self, span.start, span.stop))
        return lambda t, xp: xp.factor(index)


@frozen
class PlateauReducer:
    """A plateau that looks at the observations of its own stretch only."""

    plateau: Plateau
    start: int
    stop: int

    @property
    def initial(self) -> PlateauState:
        return PlateauState()

    def value(self, state: PlateauState) -> float:
        return state.factor

    def update(self, state: PlateauState, observation: Observation) -> PlateauState:
        if not self.start < observation.step <= self.stop:
            return state
        rule, value = self.plateau, observation.values.get(self.plateau.watch)
        if value is None:
            raise ScheduleError(
                f"plateau watches {rule.watch!r}, which is not observed",
                received=", ".join(observation.values),
                remedy="set watch= to one of these",
            )
        better = self._better(value, state.best)
        bad = 0 if better else state.bad + 1
        cooldown = state.cooldown
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0
        state = evolve(state, best=value if better else state.best, bad=bad, cooldown=cooldown)
        if bad > rule.patience:
            lower = max(state.factor * rule.factor, rule.min_factor)
            state = evolve(state, factor=min(lower, state.factor), bad=0, cooldown=rule.cooldown)
        return state

    def _better(self, value: float, best: float | None) -> bool:
        if best is None:
            return not math.isnan(value)
        rule = self.plateau
        sign = -1 if rule.mode == "min" else 1
        bar = best + sign * rule.threshold if rule.threshold_mode == "abs" else best * (1 + sign * rule.threshold)
        return sign * value > sign * bar


plateau = Plateau
__all__ = ["Plateau", "PlateauReducer", "PlateauState", "plateau"]
