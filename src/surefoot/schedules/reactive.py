"""The contract of a reactive piece: a pure reducer over observations, so that its value replays exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import attrs
import numpy as np
from attrs import define, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules.evaluate import on_array
from surefoot.schedules.expression import Value, bounds

S = TypeVar("S")

SECONDS = "seconds"  # of training since its start: what a wall clock watches, and nobody else minds


class Reducer(Protocol[S]):
    """`state' = update(state, observation)`; the value depends on the state alone."""

    @property
    def initial(self) -> S:
        """The state before anything was observed."""
        ...

    def update(self, state: S, observation: Observation, /) -> S:
        """The state after one more observation."""
        ...

    def value(self, state: S, /) -> float:
        """The factor that the piece contributes now."""
        ...


States = tuple[Any, ...]  # one state for each reactive piece of a schedule, in the order they are written


def to_data(states: States) -> list[dict[str, Any]]:
    """The states as plain data, for JSON."""
    return [attrs.asdict(state) for state in states]


def from_data(reducers: Sequence[Reducer[Any]], data: Sequence[dict[str, Any]]) -> States:
    """The states that `to_data` wrote, of the same schedule. Raises ScheduleError for those of another."""
    try:
        return tuple(type(r.initial)(**each) for r, each in zip(reducers, data, strict=True))
    except (TypeError, ValueError):
        raise ScheduleError("these are not states of this schedule", received=data) from None


@define
class Stretch:
    """Where a reactive piece stands in training. What is composed round it decides how its own time runs."""

    start: int
    stop: int
    steps: int
    own: Value = 0.0  # its own time as an expression in the step of training

    def time(self, step: int) -> float:
        """Its own time at a step of training; below 0 before it began, above `steps` when it is over."""
        return float(on_array(self.own, np.asarray(step, dtype=np.float64), ()))

    def saw(self, update: int) -> bool:
        """Whether it was in force at this update."""
        end = min(self.steps, bounds(self.own)[1])  # earlier where it is cut off: its time stands still from there on
        return self.start <= update < self.stop and 0 <= self.time(update) < end


class Placed(Protocol):
    """A reducer with a stretch of its own."""

    @property
    def stretch(self) -> Stretch: ...


def attach(reducers: list[Any], reducer: Placed) -> Callable[[Any, Any], Any]:
    """Enters a reducer among those of a schedule. The formula of its value tells it its own time when it is called."""
    index = len(reducers)
    reducers.append(reducer)

    def value(t: Any, xp: Any) -> Any:
        reducer.stretch.own = t
        return xp.factor(index)

    return value


class Rule(Protocol[S]):
    """A schedule that follows one observed value."""

    name: ClassVar[str]

    @property
    def watch(self) -> str: ...

    @property
    def initial(self) -> S: ...

    def after(self, state: S, value: float, /) -> S: ...


@frozen
class Watcher:
    """Shows a rule the observations of its own stretch. An observation at step s belongs to update s − 1."""

    rule: Rule[Any]
    stretch: Stretch

    @property
    def initial(self) -> Any:
        return self.rule.initial

    def value(self, state: Any) -> float:
        return float(state.factor)

    def update(self, state: Any, observation: Observation) -> Any:
        watch = self.rule.watch
        if not self.stretch.saw(observation.step - 1):
            return state
        if watch in observation.values:
            return self.rule.after(state, float(observation.values[watch]))
        if set(observation.values) <= {SECONDS}:
            return state
        raise ScheduleError(
            f"{self.rule.name} watches {watch!r}, which is not observed",
            received=", ".join(observation.values),
            remedy="set watch= to one of these",
        )


def better(value: float, best: float | None, mode: str, relative: float, absolute: float = 0.0) -> bool:
    """Whether a value is better than the best by a margin: below it in mode "min", above it in mode "max".

    Before there is a best (None) it is infinitely bad. What is not a number is never better.
    """
    sign = -1 if mode == "min" else 1
    best = -sign * math.inf if best is None else best
    return sign * value > sign * (best * (1 + sign * relative) + sign * absolute)


def name_of_observed(owner: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: the name of what is observed."""
    if not isinstance(value, str) or not value:
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be the name of what is observed", received=value)
