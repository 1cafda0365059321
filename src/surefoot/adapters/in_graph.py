"""Curves inside the training steps that Keras compiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import keras
import numpy as np
from attrs import evolve, frozen
from keras import ops
from numpy.typing import NDArray

from surefoot.adapters.rates import on_jax
from surefoot.schedules import Curve, emit
from surefoot.schedules.expression import Draw, Expression, Value, bounds


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, left alone by TensorFlow's AutoGraph, which reads neither `match` nor code without a file."""
    if keras.backend.backend() != "tensorflow":
        return function
    left: Callable[..., Any] = import_module("tensorflow").autograph.experimental.do_not_convert(function)
    return left


@_as_written
def value_at(curve: Curve, step: Any) -> Any:
    """The value at a step that may be traced, in Keras's default float; float64 until then."""
    step = ops.convert_to_tensor(step)
    match keras.backend.backend():
        case "jax":
            value = on_jax(curve, step)
        case "torch":
            value = curve(step)  # Keras's own operations would go on in float32
        case _:
            value = _code(curve.expression)(ops.cast(step, "float64"))
    return ops.cast(value, keras.config.floatx())


class Followed(keras.Variable, float):  # type: ignore[misc]
    """A hyperparameter that a compiled step computes from the optimizer's count of updates.

    In arithmetic it is a variable of Keras, whose value is looked up while the step is traced. In comparisons, which
    decide what is compiled, and in the saved configuration it is the number that the optimizer was made with.
    """

    def __new__(cls, own: float, curve: Curve, optimizer: Any) -> Followed:
        return float.__new__(cls, own)

    def __init__(self, own: float, curve: Curve, optimizer: Any) -> None:
        super().__init__(own, trainable=False, name="followed")
        self.curve, self.optimizer = curve, optimizer

    @property
    def value(self) -> Any:
        return value_at(self.curve, self.optimizer.iterations)

    __eq__, __ne__, __hash__, __bool__, __float__ = (
        float.__eq__,
        float.__ne__,
        float.__hash__,
        float.__bool__,
        float.__float__,
    )
    __lt__, __le__, __gt__, __ge__ = float.__lt__, float.__le__, float.__gt__, float.__ge__


def follow(optimizer: Any, name: str, own: float, curve: Curve) -> bool:
    """Makes a hyperparameter follow a curve; whether that is new to it."""
    present = getattr(optimizer, name)
    if isinstance(present, Followed) and present.curve == curve:
        return False
    # Past the optimizer's own __setattr__, which would save it as one variable more than a new optimizer has.
    object.__setattr__(optimizer, name, Followed(own, curve, optimizer))
    return True


@lru_cache(maxsize=256)
def _code(expression: Value) -> Callable[[Any], Any]:
    return emit.compiled(_with_tables(expression, {}), emit.KERAS, ops=ops)


@frozen
class _Table:
    """What is drawn for the steps up to the highest, looked up."""

    draw: Draw
    highest: int

    def __call__(self, step: Any) -> Any:
        return ops.take(self.many(np.arange(self.highest + 1.0)), ops.cast(ops.clip(step, 0, self.highest), "int32"))

    def many(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.draw.many(steps)


def _with_tables(x: Any, known: dict[Expression, Expression]) -> Any:
    """An expression in which what is drawn is looked up."""
    if not isinstance(x, Expression):
        return x
    if x not in known:
        args = tuple(_with_tables(arg, known) for arg in x.args)
        if x.op == "drawn":
            args = _Table(args[0], int(bounds(args[1])[1])), args[1]
        known[x] = evolve(x, args=args)
    return known[x]
