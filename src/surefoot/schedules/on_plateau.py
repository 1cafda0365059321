"""Reduce on plateau: a reactive shape that multiplies into any schedule."""

from __future__ import annotations

import math
from typing import Literal

from attrs import evolve, field, frozen

from surefoot.core.units import Length, length_or_none
from surefoot.schedules.leaf import Leaf, Value
from surefoot.schedules.named import named, number_in, one_of
from surefoot.schedules.reactive import Stretch, Watcher, attach, better, name_of_observed
from surefoot.schedules.span import Span


@frozen
class PlateauState:
    """What a plateau remembers: the best value, observations without a better one, of cooldown left, the factor; and
    how many observations it holds back until it has `accumulate`, with their mean."""

    best: float | None = None
    bad: int = 0
    cooldown: int = 0
    factor: float = 1.0
    held: int = 0
    mean: float = 0.0


@named
@frozen(repr=False)
class Plateau(Leaf):
    """Multiplies by `factor` when the watched value has not improved for more than `patience` observations.

    Equation: f ← max(f · factor, min_factor) once more than `patience` observations in a row were no better than the
    best by `threshold`; then `cooldown` observations are not counted. Starts at 1.

    Parameters: `factor` (0 … 1); `patience`, `cooldown` in observations (epochs, usually); `watch`, the name of what is
    observed ("loss" is the validation loss); `mode` "min" or "max"; `threshold` relative ("rel") or absolute ("abs");
    `min_factor`, the lowest the factor goes; `counting`: "torch" reduces after more than `patience` bad observations,
    "keras" after `patience` of them, the one that ends a cooldown counted too; `min_change`, a reduction by at most
    this is not made (torch's eps, but of the factor); `accumulate`, the mean of so many observations counts as one;
    `margin`, absolute, asked for on top of the threshold (optax's atol). The defaults are those of torch's
    ReduceLROnPlateau, eps apart.

    Its memory goes on where it is repeated, and no combinator delays it: it changes when it observes. What is not a
    number is no improvement (the first loss of a run being NaN, Keras never sees an improvement again).

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
    watch: str = field(default="loss", kw_only=True, validator=name_of_observed)
    mode: Literal["min", "max"] = field(default="min", kw_only=True, validator=one_of("min", "max"))
    threshold: float = field(default=1e-4, kw_only=True, validator=number_in(0, math.inf))
    threshold_mode: Literal["rel", "abs"] = field(default="rel", kw_only=True, validator=one_of("rel", "abs"))
    cooldown: int = field(default=0, kw_only=True, validator=number_in(0, math.inf, whole=True))
    min_factor: float = field(default=0.0, kw_only=True, validator=number_in(0, 1))
    counting: Literal["torch", "keras"] = field(default="torch", kw_only=True, validator=one_of("torch", "keras"))
    min_change: float = field(default=0.0, kw_only=True, validator=number_in(0, math.inf))
    accumulate: int = field(default=1, kw_only=True, validator=number_in(1, math.inf, whole=True))
    margin: float = field(default=0.0, kw_only=True, validator=number_in(0, math.inf))
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)
    periodic = True  # its own time goes on past its end: so it knows when it is over

    def formula(self, span: Span) -> Value:
        return attach(span.reducers, Watcher(self, Stretch(span.start, span.stop, span.steps)))

    @property
    def initial(self) -> PlateauState:
        return PlateauState()

    def after(self, state: PlateauState, value: float) -> PlateauState:
        """The state after one more value."""
        held = state.held + 1
        mean = (state.held * state.mean + value) / held
        if held < self.accumulate:
            return evolve(state, held=held, mean=mean)
        return self._counted(evolve(state, held=0, mean=0.0), mean)

    def _counted(self, state: PlateauState, value: float) -> PlateauState:
        improved, left = self._improves(value, state.best), max(state.cooldown - 1, 0)
        resting = (left if self.counting == "keras" else state.cooldown) > 0
        bad = 0 if improved or resting else state.bad + 1
        state = evolve(state, best=value if improved else state.best, bad=bad, cooldown=left)
        if bad < (max(self.patience, 1) if self.counting == "keras" else self.patience + 1):
            return state
        lower = max(state.factor * self.factor, self.min_factor)
        factor = lower if state.factor - lower > self.min_change else state.factor
        return evolve(state, factor=factor, bad=0, cooldown=self.cooldown)

    def _improves(self, value: float, best: float | None) -> bool:
        if best is None and self.counting == "keras":
            return not math.isnan(value)  # the first value is the best, even an infinite one
        relative, absolute = (self.threshold, 0.0) if self.threshold_mode == "rel" else (0.0, self.threshold)
        return better(value, best, self.mode, relative, absolute + self.margin)


plateau = Plateau
__all__ = ["Plateau", "PlateauState", "plateau"]
