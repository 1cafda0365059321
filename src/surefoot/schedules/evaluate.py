"""An expression on arrays, operation by operation: the plain twin of the code that `emit.py` writes.

Of a `where` whose condition is all one way, the other side is not evaluated: long curves are evaluated in chunks that
stay in the cache, and most chunks lie in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import ScheduleError
from surefoot.schedules.emit import JAX, TORCH, Dialect, compiled
from surefoot.schedules.expression import Expression, Value

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


def on_foreign(expression: Value, t: Any, factors: Sequence[float]) -> Any:
    """The values at the steps `t`, an array of torch or JAX, which may be traced."""
    if array_api_compat.is_torch_array(t):
        dialect, wide, module = TORCH, t.double(), array_api_compat.array_namespace(t, use_compat=False)
        return _code(expression, dialect, torch=module)(wide, factors)
    if array_api_compat.is_jax_array(t):
        module = array_api_compat.array_namespace(t)
        return _code(expression, JAX, jnp=module)(module.asarray(t, dtype=module.result_type(float)), factors)
    raise ScheduleError("a curve takes numbers, and arrays of NumPy, torch or JAX", received=type(t).__name__)


@lru_cache(maxsize=256)
def _code(expression: Value, dialect: Dialect, **names: Any) -> Any:
    return compiled(expression, dialect, **names)


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
