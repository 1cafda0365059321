"""What a formula becomes when a schedule is bound: an expression in the step t, simplified as it is built.

Shapes are written once, as functions of `t` and of a namespace that looks like NumPy's. Binding calls them with `T` and
`Symbols`, and what comes out is evaluated on arrays (`evaluate.py`) or written out as code (`emit.py`): for Python
numbers, for JAX and Keras. An expression knows the bounds of its value, so that a clip that does nothing goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

Value: TypeAlias = "Expression | float"


class Draw(Protocol):
    """A value for each whole step that no formula gives, such as noise: hashable, and a function of the step alone."""

    def __call__(self, step: int, /) -> float: ...

    def many(self, steps: NDArray[np.float64], /) -> NDArray[np.float64]: ...


@frozen(cache_hash=True)
class Expression:
    """An operation on expressions and numbers. Equal expressions have equal values; bounds do not count."""

    op: str
    args: tuple[Any, ...] = ()
    low: float = field(default=-math.inf, eq=False, kw_only=True)
    high: float = field(default=math.inf, eq=False, kw_only=True)

    def __add__(self, other: Value) -> Value:
        return _add(self, other)

    def __radd__(self, other: Value) -> Value:
        return _add(other, self)

    def __sub__(self, other: Value) -> Value:
        return _subtract(self, other)

    def __rsub__(self, other: Value) -> Value:
        return _subtract(other, self)

    def __mul__(self, other: Value) -> Value:
        return _multiply(self, other)

    def __rmul__(self, other: Value) -> Value:
        return _multiply(other, self)

    def __truediv__(self, other: Value) -> Value:
        return _divide(self, other)

    def __rtruediv__(self, other: Value) -> Value:
        return _divide(other, self)

    def __pow__(self, other: Value) -> Value:
        return _power(self, other)

    def __rpow__(self, other: Value) -> Value:
        return _power(other, self)

    def __neg__(self) -> Value:
        return _multiply(-1.0, self)

    def __ge__(self, other: Any) -> Expression | bool:
        return _at_least(self, other)

    def __le__(self, other: Any) -> Expression | bool:
        return _at_least(other, self)

    def __bool__(self) -> bool:
        raise TypeError("a formula cannot ask whether its value is true: use where(condition, yes, no)")


T = Expression("t", low=0.0)


def bounds(x: Value) -> tuple[float, float]:
    """The lowest and the highest value it can have."""
    return (x.low, x.high) if isinstance(x, Expression) else (x, x)


def assume(x: Value, low: float, high: float) -> Value:
    """The same value, known to lie between `low` and `high`."""
    if not isinstance(x, Expression):
        return x
    return evolve(x, low=max(low, x.low), high=min(high, x.high))


class Symbols:
    """The functions that formulas use. On numbers alone they compute."""

    pi = math.pi

    @staticmethod
    def where(condition: Expression | bool, yes: Value, no: Value) -> Value:
        if isinstance(condition, bool):
            return yes if condition else no
        if yes == no:
            return yes
        low, high = zip(bounds(yes), bounds(no), strict=True)
        return Expression("where", (condition, yes, no), low=min(low), high=max(high))

    @staticmethod
    def minimum(a: Value, b: Value) -> Value:
        (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
        if a_high <= b_low:
            return a
        if b_high <= a_low:
            return b
        return Expression("minimum", (a, b), low=min(a_low, b_low), high=min(a_high, b_high))

    @staticmethod
    def maximum(a: Value, b: Value) -> Value:
        (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
        if a_low >= b_high:
            return a
        if b_low >= a_high:
            return b
        return Expression("maximum", (a, b), low=max(a_low, b_low), high=max(a_high, b_high))

    @staticmethod
    def clip(x: Value, low: float | None, high: float | None) -> Value:
        x = x if low is None else Symbols.maximum(x, low)
        return x if high is None else Symbols.minimum(x, high)

    @staticmethod
    def select(t: Value, starts: Sequence[float], pieces: Sequence[Callable[[Value], Value]]) -> Value:
        """The piece that t lies in, at the time since that piece began; `starts` rise and begin with 0."""
        ends = [*starts[1:], math.inf]

        def tree(first: int, last: int) -> Value:  # balanced: one of a thousand pieces is found in ten comparisons
            if first == last:
                return pieces[first](assume(t - starts[first], 0, ends[first] - starts[first]))
            middle = (first + last + 1) // 2
            return Symbols.where(_at_least(t, starts[middle]), tree(middle, last), tree(first, middle - 1))

        return tree(0, len(pieces) - 1)

    @staticmethod
    def factor(index: int) -> Value:
        """The present value of the reactive piece with this index."""
        return Expression("factor", (index,))

    @staticmethod
    def drawn(draw: Draw, t: Value) -> Value:
        """A value that is drawn for each step."""
        return Expression("drawn", (draw, t))

    @staticmethod
    def cos(x: Value) -> Value:
        return _function("cos", math.cos, x, -1, 1)

    @staticmethod
    def exp(x: Value) -> Value:
        return _function("exp", math.exp, x, 0, math.inf)

    @staticmethod
    def log(x: Value) -> Value:
        return _function("log", math.log, x)

    @staticmethod
    def sqrt(x: Value) -> Value:
        return _function("sqrt", math.sqrt, x, 0, math.inf)

    @staticmethod
    def tanh(x: Value) -> Value:
        return _function("tanh", math.tanh, x, -1, 1)

    @staticmethod
    def floor(x: Value) -> Value:
        low, high = bounds(x)
        return _function("floor", math.floor, x, low - 1, high)

    @staticmethod
    def ceil(x: Value) -> Value:
        low, high = bounds(x)
        return _function("ceil", math.ceil, x, low, high + 1)


def _function(
    op: str, compute: Callable[[float], float], x: Value, low: float = -math.inf, high: float = math.inf
) -> Value:
    return Expression(op, (x,), low=low, high=high) if isinstance(x, Expression) else compute(x)


def _add(a: Value, b: Value) -> Value:
    if a == 0:
        return b
    if b == 0:
        return a
    (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
    return Expression("add", (a, b), low=a_low + b_low, high=a_high + b_high)


def _subtract(a: Value, b: Value) -> Value:
    if b == 0:
        return a
    (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
    return Expression("subtract", (a, b), low=a_low - b_high, high=a_high - b_low)


def _multiply(a: Value, b: Value) -> Value:
    for one, other in ((a, b), (b, a)):
        if one == 0:
            return 0.0
        if one == 1:
            return other
        if not isinstance(one, Expression) and isinstance(other, Expression) and other.op == "where":
            condition, yes, no = other.args  # into the branches, where it may meet another number
            return Symbols.where(condition, one * yes, one * no)
    return Expression("multiply", (a, b), **_products(bounds(a), bounds(b)))


def _divide(a: Value, b: Value) -> Value:
    if b == 1:
        return a
    within = {} if isinstance(b, Expression) or b == 0 else _products(bounds(a), (1 / b, 1 / b))
    return Expression("divide", (a, b), **within)


def _power(a: Value, b: Value) -> Value:
    if b == 1:
        return a
    return Expression("power", (a, b), low=0.0 if bounds(a)[0] >= 0 else -math.inf)


def _products(a: tuple[float, float], b: tuple[float, float]) -> dict[str, float]:
    ends = [0.0 if 0 in (x, y) else x * y for x in a for y in b]  # 0 · ∞: the bound is never reached
    return {"low": min(ends), "high": max(ends)}


def _at_least(a: Value, b: Value) -> Expression | bool:
    (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
    if a_low >= b_high:
        return True
    if a_high < b_low:
        return False
    return Expression("at_least", (a, b))
