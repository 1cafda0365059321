"""An expression on arrays, operation by operation: the plain twin of the code that `emit.py` writes.

Of a `where` whose condition is all one way, the other side is not evaluated: long curves are evaluated in chunks that
stay in the cache, and most chunks lie in one piece.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import define
from numpy.typing import NDArray

from surefoot.core.errors import ScheduleError
from surefoot.schedules.expression import Expression, Value, bounds

CHUNK = 8192  # steps: a few temporaries of this size stay in the second-level cache

_BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "at_least": np.greater_equal,
}
_UNARY = {"cos": np.cos, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh}
_UNARY |= {"floor": np.floor, "ceil": np.ceil}
_SIGNS = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv}
_SIGNS |= {"power": operator.pow, "at_least": operator.ge}


def on_array(expression: Value, t: NDArray[np.float64], factors: Sequence[float]) -> NDArray[np.float64]:
    """The values at the steps `t`, an array of any shape."""
    with np.errstate(all="ignore"):  # growth without bound is infinite; the side not taken may be anything
        return np.broadcast_to(_evaluate(expression, {}, t, factors), t.shape)


def on_range(expression: Value, start: int, stop: int, factors: Sequence[float]) -> NDArray[np.float64]:
    """The values at the steps start … stop − 1."""
    result = np.empty(max(stop - start, 0))
    for low in range(start, stop, CHUNK):
        high = min(low + CHUNK, stop)
        result[low - start : high - start] = on_array(expression, np.arange(low, high, dtype=np.float64), factors)
    return result


def on_foreign(expression: Value, t: Any, factors: Sequence[float], tables: dict[Any, Any]) -> Any:
    """The values at the steps `t`, an array of torch or JAX, which may be traced.

    What is drawn is looked up in `tables`, made when they are first needed: torch.compile, which cannot look into
    NumPy's generators, breaks its graph there. With fullgraph=True, call the curve once before.
    """
    torch = sys.modules.get("torch")  # asked for by isinstance: torch.compile looks into this function
    if torch is not None and isinstance(t, torch.Tensor):
        return _Foreign(torch, t.double(), factors, tables, {}).array(expression)
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(t, jax.Array):
        jnp = jax.numpy
        return _Foreign(jnp, jnp.asarray(t, dtype=jnp.result_type(float)), factors, tables, {}).array(expression)
    raise ScheduleError("a curve takes numbers, and arrays of NumPy, torch or JAX", received=type(t).__name__)


@define
class _Foreign:
    """Evaluates with the functions of a library."""

    library: Any
    t: Any
    factors: Sequence[float]
    tables: dict[Any, Any]
    known: dict[Expression, Any]

    def array(self, x: Value) -> Any:
        value = self.value(x)
        # Of numbers alone a library would make its default type: torch.where(c, 0.1, 0.5) is float32.
        return value if isinstance(x, Expression) else self.library.full_like(self.t, value)

    def value(self, x: Value) -> Any:
        if not isinstance(x, Expression):
            return x
        if x not in self.known:
            self.known[x] = self.operation(x)
        return self.known[x]

    def operation(self, x: Expression) -> Any:
        match x.op:
            case "t":
                return self.t
            case "factor":
                return self.library.full_like(self.t, self.factors[x.args[0]])
            case "drawn":
                return self.drawn(x)
            case "where":
                return self.library.where(self.value(x.args[0]), *map(self.array, x.args[1:]))
            case "minimum" | "maximum":
                return getattr(self.library, x.op)(*map(self.array, x.args))
            case op if op in _SIGNS:
                return _SIGNS[op](*map(self.value, x.args))
        return getattr(self.library, x.op)(self.value(x.args[0]))

    def drawn(self, x: Expression) -> Any:
        draw, time = x.args
        steps, highest = self.value(time), bounds(time)[1]
        torch = hasattr(steps, "long")
        key = x, steps.device if torch else None
        if key not in self.tables:
            made = self.library.compiler.disable(draw.many) if torch else draw.many
            table = made(np.arange(highest + 1))
            self.tables[key] = self.library.asarray(table, device=steps.device) if torch else table
        within = self.library.clip(steps, 0, highest).reshape(-1)
        table = self.library.asarray(self.tables[key])
        return table[within.long() if torch else within.astype(int)].reshape(steps.shape)


def _evaluate(x: Value, known: dict[Expression, Any], t: NDArray[np.float64], factors: Sequence[float]) -> Any:
    if not isinstance(x, Expression):
        return x
    if x in known:
        return known[x]
    if x.op == "t":
        result: Any = t
    elif x.op == "factor":
        result = factors[x.args[0]]
    elif x.op == "drawn":
        result = x.args[0].many(_evaluate(x.args[1], known, t, factors))
    elif x.op == "where":
        result = _where(x, known, t, factors)
    elif x.op in _UNARY:
        result = _UNARY[x.op](_evaluate(x.args[0], known, t, factors))
    else:
        result = _BINARY[x.op](*(_evaluate(arg, known, t, factors) for arg in x.args))
    known[x] = result
    return result


def _where(x: Expression, known: dict[Expression, Any], t: NDArray[np.float64], factors: Sequence[float]) -> Any:
    condition, yes, no = x.args
    chosen = _evaluate(condition, known, t, factors)
    if chosen.all():
        return _evaluate(yes, known, t, factors)
    if not chosen.any():
        return _evaluate(no, known, t, factors)
    return np.where(chosen, _evaluate(yes, known, t, factors), _evaluate(no, known, t, factors))
