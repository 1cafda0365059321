"""The elementary shapes: constant, steps, exponentials, linear, inverse time; and what decays share."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.leaf import Endless, Leaf, Value, decay_steps, edges, floats, lengths, levels, periods
from surefoot.schedules.named import flag, named, number_in, numbers
from surefoot.schedules.span import Span

anything = number_in(-math.inf, math.inf)
positive = number_in(0, math.inf)
share = number_in(0, 1)


def above_zero(owner: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: a number above 0."""
    anything(owner, attribute, value)
    if value <= 0:
        raise ScheduleError(f"{owner.name}'s {attribute.name} must be above 0", received=value)


@frozen(repr=False)
class Decay(Leaf):
    """What decays share: end + (1 − end) · d(u), u = t/N. A subclass gives d, which falls from 1 to 0."""

    over: Length | None = field(default=None, converter=length_or_none)
    end: float = field(default=0.0, kw_only=True, validator=anything)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    @abstractmethod
    def fall(self, u: Any, xp: Any) -> Any:
        """d(u), for u in 0 … 1."""

    def formula(self, span: Span) -> Value:
        steps, end = decay_steps(span, self.inclusive), self.end
        return lambda t, xp: end + (1 - end) * self.fall(xp.clip(t / steps, 0, 1), xp)


@named
@frozen(repr=False)
class Constant(Leaf):
    """The same value always.

    Equation: s(t) = value. Parameters: `value`; `over`, how long (None: what is left).

    >>> (0.1 * Constant()).bind(steps=10)(5)
    0.1
    """

    value: float = field(default=1.0, validator=anything)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        value = float(self.value)
        return lambda t, xp: value


@named
@frozen(repr=False)
class Step(Endless):
    """Step decay: multiplied by `factor` every so often.

    Equation: s(t) = factor^⌊t / every⌋. Parameters: `every`, a length; `factor` (torch's gamma, 0.1).

    >>> Step("10ep", factor=0.5).bind(steps=300, steps_per_epoch=10)(100)
    0.5
    """

    every: Length = field(converter=length)
    factor: float = field(default=0.1, kw_only=True, validator=positive)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        passed, factor = periods(span.period(self.every, "step's every"), staircase=True), self.factor
        return lambda t, xp: factor ** passed(t, xp)


@named
@frozen(repr=False)
class Multistep(Endless):
    """Multiplied by `factor` at each of the given times.

    Equation: s(t) = factor^(how many of `at` are ≤ t). Parameters: `at`, rising lengths; `factor` (torch's 0.1).

    >>> Multistep([30, 80], factor=0.1).bind(steps=100)(30)
    0.1
    """

    at: tuple[Length, ...] = field(converter=lengths)
    factor: float = field(default=0.1, kw_only=True, validator=positive)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        values = [self.factor**k for k in range(len(self.at) + 1)]
        return levels(edges(self, self.at, span), values)


@named
@frozen(repr=False)
class Piecewise(Endless):
    """Piecewise constant: a value for each stretch.

    Equation: s(t) = values[how many of `at` are ≤ t]. Parameters: `at`, rising lengths; `values`, one more than `at`.

    Raises ScheduleError where the numbers of boundaries and values do not fit.

    >>> (1.0 * Piecewise([10, 20, 30], values=[1.0, 0.5, 0.1, 0.01])).bind(steps=40)(20)
    0.1
    """

    at: tuple[Length, ...] = field(converter=lengths)
    values: tuple[float, ...] = field(kw_only=True, converter=floats, validator=numbers)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def __attrs_post_init__(self) -> None:
        if len(self.values) != len(self.at) + 1:
            raise ScheduleError(
                "piecewise needs one value more than boundaries",
                received=f"{len(self.at)} boundaries, {len(self.values)} values",
            )

    def formula(self, span: Span) -> Value:
        return levels(edges(self, self.at, span), [float(value) for value in self.values])


@named
@frozen(repr=False)
class Exponential(Endless):
    """Exponential decay, smooth or on a staircase.

    Equation: s(t) = factor^(t / every), the exponent rounded down on a staircase. Parameters: `factor`; `every`, the
    length it takes to fall by that factor (an epoch); `staircase`.

    >>> round(Exponential(0.96, every=1000, staircase=True).bind(steps=5000)(2500), 6)
    0.9216
    """

    factor: float = field(default=0.9, validator=number_in(0, math.inf))
    every: Length = field(default=length("1ep"), kw_only=True, converter=length)
    staircase: bool = field(default=False, kw_only=True, validator=flag)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        passed, factor = periods(span.period(self.every, "exponential's every"), self.staircase), self.factor
        return lambda t, xp: factor ** passed(t, xp)


@named
@frozen(repr=False)
class NaturalExponential(Endless):
    """Exponential decay given by its rate, smooth or on a staircase.

    Equation: s(t) = exp(−rate · t / every), t / every rounded down on a staircase. Parameters: `rate`; `every`, a
    length (an epoch); `staircase`.

    >>> round(NaturalExponential(0.1, staircase=True).bind(steps=100, steps_per_epoch=10)(19), 6)
    0.904837
    """

    rate: float = field(default=0.1, validator=positive)
    every: Length = field(default=length("1ep"), kw_only=True, converter=length)
    staircase: bool = field(default=False, kw_only=True, validator=flag)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        every = span.period(self.every, "natural_exponential's every")
        passed, rate = periods(every, self.staircase), self.rate
        return lambda t, xp: xp.exp(-rate * passed(t, xp))


@named
@frozen(repr=False)
class InverseTime(Endless):
    """Inverse time decay (1/t), smooth or on a staircase.

    Equation: s(t) = 1 / (1 + rate · t / every), t / every rounded down on a staircase. Parameters: `rate`; `every`, a
    length (an epoch); `staircase`.

    >>> InverseTime(1.0, every=10).bind(steps=100)(30)
    0.25
    """

    rate: float = field(default=1.0, validator=positive)
    every: Length = field(default=length("1ep"), kw_only=True, converter=length)
    staircase: bool = field(default=False, kw_only=True, validator=flag)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        passed, rate = periods(span.period(self.every, "inverse_time's every"), self.staircase), self.rate
        return lambda t, xp: 1 / (1 + rate * passed(t, xp))


@named
@frozen(repr=False)
class Linear(Leaf):
    """A straight line.

    Equation: s(t) = start + (end − start) · t/N. Parameters: `over` = N; `start` (1); `end` (0); `inclusive`: the end
    is reached at N − 1, the last update, rather than at N.

    >>> Linear(end=0.2).bind(steps=100)(50)
    0.6
    """

    over: Length | None = field(default=None, converter=length_or_none)
    start: float = field(default=1.0, kw_only=True, validator=anything)
    end: float = field(default=0.0, kw_only=True, validator=anything)
    inclusive: bool = field(default=False, kw_only=True, validator=flag)

    def formula(self, span: Span) -> Value:
        steps, start, rise = decay_steps(span, self.inclusive), self.start, self.end - self.start
        return lambda t, xp: start + rise * xp.clip(t / steps, 0, 1)


constant, step, multistep, piecewise = Constant, Step, Multistep, Piecewise
exponential, natural_exponential, inverse_time = Exponential, NaturalExponential, InverseTime
linear = Linear
