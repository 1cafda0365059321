"""A schedule bound to a horizon: a function of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Clock
from surefoot.schedules import emit, evaluate
from surefoot.schedules.expression import Symbols, T, Value
from surefoot.schedules.reactive import Reducer, States
from surefoot.schedules.span import Note, Resolvable, Span, fit


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
    expression: Value = field(init=False, eq=False, repr=False)
    reducers: tuple[Reducer[Any], ...] = field(init=False, eq=False, repr=False)
    notes: tuple[Note, ...] = field(init=False, eq=False, repr=False)
    _number: Callable[..., float] = field(init=False, eq=False, repr=False)
    _factors: tuple[float, ...] = field(init=False, eq=False, repr=False)
    _tables: dict[Any, Any] = field(init=False, eq=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        span = Span(self.clock, 0, self.clock.steps, self.clock.steps)
        try:
            expression = self.schedule.resolve(fit(self.schedule, span))(T, Symbols)
            number = emit.compiled(expression)
        except RecursionError:
            raise ScheduleError("the schedule is nested too deeply", received=type(self.schedule).__name__) from None
        except ArithmeticError as wrong:
            shown = str(self.schedule)[:200]
            raise ScheduleError(f"the schedule cannot be computed: {wrong.args[-1]}", received=shown) from None
        for name, value in (
            ("expression", expression),
            ("reducers", tuple(span.reducers)),
            ("notes", tuple(span.notes)),
            ("_number", number),
            ("_factors", tuple(reducer.value(reducer.initial) for reducer in span.reducers)),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Curve, (self.schedule, self.clock)  # the code is made again

    @property
    def steps(self) -> int:
        """The horizon, in updates."""
        return self.clock.steps

    def start(self) -> States:
        """The state of the reactive pieces before anything was observed; () where there are none."""
        return tuple(reducer.initial for reducer in self.reducers)

    def update(self, state: States, observation: Observation) -> States:
        """The state after one more observation; pure."""
        return tuple(r.update(s, observation) for r, s in zip(self.reducers, state, strict=True))

    def __call__(self, t: Any, state: States | None = None) -> Any:
        factors = self._factors if state is None else self.factors(state)
        if type(t) is not int and not isinstance(t, int | float):
            return self._array(t, factors)
        if t < 0:
            raise ScheduleError("there is no update before the first, which is number 0", received=t)
        try:
            return self._number(t, factors)
        except (OverflowError, ZeroDivisionError, ValueError):  # what NumPy calls inf or nan
            return float(self._array(np.float64(t), factors))

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
            pieces.append(evaluate.on_range(self.expression, at, min(observation.step, stop), self.factors(state)))
            at = max(at, min(observation.step, stop))
            state = self.update(state, observation)
        last = evaluate.on_range(self.expression, at, stop, self.factors(state))
        return np.concatenate([*pieces, last]) if pieces else last

    def factors(self, state: States) -> tuple[float, ...]:
        """The present values of the reactive pieces. Raises ScheduleError for a state of another schedule."""
        if len(state) != len(self.reducers):
            raise ScheduleError(
                f"the state does not belong to this schedule: it has {len(self.reducers)} reactive pieces",
                received=state,
                remedy="begin with curve.start()",
            )
        return tuple(r.value(s) for r, s in zip(self.reducers, state, strict=True))

    def check(self, of: str = "lr") -> list[str]:
        """What looks wrong about the values of a hyperparameter, in sentences with place and remedy: see `lint`."""
        from surefoot.schedules.lint import lint  # which looks into schedules, and schedules make curves

        return [str(finding) for finding in lint(self, of)]

    def _array(self, t: Any, factors: Sequence[float]) -> Any:
        if isinstance(t, (np.ndarray, np.generic)):
            return evaluate.on_array(self.expression, np.asarray(t, dtype=np.float64), factors)
        return evaluate.on_foreign(self.expression, t, factors, self._tables)
