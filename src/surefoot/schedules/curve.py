"""A schedule bound to a horizon: a function of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Clock
from surefoot.schedules.reactive import Reducer, States
from surefoot.schedules.span import Formula, Resolvable, Span, fit


class Scalars:
    """The corner of the array API that formulas use, on Python floats: NumPy's scalars are ten times slower."""

    pi = math.pi
    cos = staticmethod(math.cos)
    exp = staticmethod(math.exp)
    floor = staticmethod(math.floor)
    ceil = staticmethod(math.ceil)
    abs = staticmethod(abs)

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no

    @staticmethod
    def clip(x: float, low: float | None, high: float | None) -> float:
        if low is not None and x < low:
            return low
        return high if high is not None and x > high else x


@frozen
class Curve:
    """A schedule with all lengths resolved: `curve(t)` is the value that update number t (from 0) uses.

    `t` is a Python number or an array (NumPy, torch, JAX), of any shape; past the horizon the last value holds, except
    for periodic pieces. Reactive pieces count 1 until they have observed something: pass the `state` that
    `curve.update` returns.

    >>> from surefoot.schedules import parse
    >>> curve = parse("0.1 * step(every='2ep', factor=0.5)").bind(steps=60, steps_per_epoch=10)
    >>> curve(19), curve(20), curve.values(start=38, stop=42).tolist()
    (0.1, 0.05, [0.05, 0.05, 0.025, 0.025])
    """

    schedule: Resolvable
    clock: Clock
    _formula: Formula = field(init=False, eq=False, repr=False)
    _span: Span = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        span = Span(self.clock, 0, self.clock.steps)
        object.__setattr__(self, "_formula", self.schedule.resolve(fit(self.schedule, span)))
        object.__setattr__(self, "_span", span)

    @property
    def steps(self) -> int:
        """The horizon, in updates."""
        return self.clock.steps

    @property
    def reducers(self) -> Sequence[Reducer[Any]]:
        """The reactive pieces, in the order they are written."""
        return self._span.reducers

    def start(self) -> States:
        """The state of the reactive pieces before anything was observed; () where there are none."""
        return tuple(reducer.initial for reducer in self.reducers)

    def update(self, state: States, observation: Observation) -> States:
        """The state after one more observation; pure."""
        return tuple(r.update(s, observation) for r, s in zip(self.reducers, state, strict=True))

    def __call__(self, t: Any, state: States | None = None) -> Any:
        factors = self._factors(state)
        if isinstance(t, int | float):
            return self._formula(t, Scalars, factors)
        xp = array_api_compat.array_namespace(np.asarray(t) if isinstance(t, np.generic) else t)
        return self._formula(xp.asarray(t, dtype=xp.float64), xp, factors)

    def values(
        self,
        start: int = 0,
        stop: int | None = None,
        state: States | None = None,
        observations: Sequence[Observation] = (),
    ) -> NDArray[np.float64]:
        """The values of updates start … stop − 1 (default: the horizon), float64.

        With `observations` (by step), reactive pieces replay them: an observation at step s acts from update s on.
        """
        stop = self.steps if stop is None else stop
        state = self.start() if state is None else state
        pieces, at = [], start
        for observation in observations:
            pieces.append(self._stretch(at, min(observation.step, stop), state))
            at = max(at, min(observation.step, stop))
            state = self.update(state, observation)
        return np.concatenate([*pieces, self._stretch(at, stop, state)])

    def check(self) -> list[str]:
        """What looks wrong, in sentences: values that are negative or not finite, parts that are never reached."""
        values, found = self.values(), list(self._span.notes)
        for wrong, what in ((~np.isfinite(values), "not finite"), (values < 0, "negative")):
            if wrong.any():
                step = int(wrong.argmax())
                found.append(f"the value is {what} ({values[step]:g}) at step {step}")
        return found

    def _stretch(self, start: int, stop: int, state: States) -> NDArray[np.float64]:
        t = np.arange(start, max(stop, start), dtype=np.float64)
        with np.errstate(over="ignore"):  # growth without bound is infinite, and refused where it matters
            return np.asarray(self(t, state), dtype=np.float64)

    def _factors(self, state: States | None) -> tuple[float, ...]:
        states = self.start() if state is None else state
        if len(states) != len(self.reducers):
            raise ScheduleError(
                f"the state does not belong to this schedule: it has {len(self.reducers)} reactive pieces",
                received=state,
                remedy="begin with curve.start()",
            )
        return tuple(r.value(s) for r, s in zip(self.reducers, states, strict=True))
