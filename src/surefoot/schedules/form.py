"""Schedules as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from surefoot.core import text
from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.core.units import Length
from surefoot.schedules.leaf import LEAVES, Leaf
from surefoot.schedules.schedule import Product, Scale, Schedule, Sum, Then, product, scale, then, total
from surefoot.schedules.span import Resolvable

VERSION = 1  # of the JSON form
COMBINATORS: dict[str, Callable[..., Schedule]] = {"then": then, "product": product, "sum": total}


def parse(expression: str) -> Schedule:
    """The schedule that a text describes; nothing is executed.

    Raises ScheduleError for text that is not a schedule, with the place and what is known.

    >>> parse("0.1 * (warmup('5%') >> cosine())")
    0.1 * (warmup('5%') >> cosine())
    """
    if not isinstance(expression, str):
        raise ScheduleError("a schedule is read from text", received=expression)
    made = _build(text.read(expression, ScheduleError))
    if not isinstance(made, Schedule):
        raise ScheduleError("this is not a schedule", received=expression, remedy="a constant is written constant()")
    return made


def to_json(schedule: Resolvable) -> dict[str, Any]:
    """The schedule as plain data, with the version of its form."""
    return {"surefoot": "schedule", "version": VERSION, "schedule": _data(schedule)}


def from_json(data: dict[str, Any]) -> Schedule:
    """The schedule that `to_json` wrote. Raises ScheduleError for data of a newer version or no schedule at all."""
    if not isinstance(data, dict) or data.get("surefoot") != "schedule":
        raise ScheduleError("this JSON is not a schedule of Surefoot", received=data)
    if data.get("version") != VERSION:
        raise ScheduleError(
            f"this schedule has form version {data.get('version')}; this Surefoot reads version {VERSION}",
            remedy="install the version of Surefoot that wrote it",
        )
    return _schedule(data.get("schedule"))


def _build(node: text.Node) -> Any:
    match node:
        case text.Operation(symbol=symbol, left=left, right=right):
            return _combine(symbol, _build(left), _build(right))
        case text.Call(name=name, args=args, kwargs=kwargs):
            return make(name, [_build(a) for a in args], {k: _build(v) for k, v in kwargs.items()})
        case list():
            return [_build(item) for item in node]
    return node


def _combine(symbol: str, left: Any, right: Any) -> Schedule:
    if not isinstance(left, Schedule | float | int) or not isinstance(right, Schedule | float | int):
        raise ScheduleError(f"{symbol!r} joins schedules and numbers", received=f"{left!r} {symbol} {right!r}")
    match symbol, left, right:
        case "*", _, _:
            return left * right  # type: ignore[return-value]
        case "+", _, _:
            return left + right  # type: ignore[return-value]
        case ">>", Schedule(), Schedule():
            return then(left, right)
    raise ScheduleError(
        "a number cannot be part of a chain", received=f"{left} >> {right}", remedy="write constant(0.5, over='10%')"
    )


def make(name: str, args: list[Any], kwargs: dict[str, Any]) -> Leaf:
    """A leaf by its name. Raises ScheduleError for unknown names and arguments."""
    leaf = LEAVES.get(name)
    if leaf is None:
        raise ScheduleError(f"unknown schedule {name!r}", remedy=did_you_mean(name, LEAVES))
    known = [field.name for field in text.attributes(leaf) if field.init]
    for argument in kwargs:
        if argument not in known:
            raise ScheduleError(f"{name} has no argument {argument!r}", remedy=did_you_mean(argument, known))
    try:
        return leaf(*args, **kwargs)
    except TypeError as wrong:  # a missing or surplus argument: attrs says which
        raise ScheduleError(f"{name}: {str(wrong).split('__init__() ')[-1]}") from None


def _data(value: Any) -> Any:
    match value:
        case Scale(factor=factor, part=part):
            return {"name": "scale", "factor": factor, "part": _data(part)}
        case Then() | Product() | Sum():
            parts = {"name": type(value).__name__.lower(), "parts": [_data(part) for part in value.parts]}
            return parts | ({"offset": value.offset} if isinstance(value, Sum) else {})
        case Leaf():
            names = [field.name for field in text.attributes(type(value))]
            return {"name": value.name} | {name: _data(getattr(value, name)) for name in names}
        case Length():
            return str(value)
        case tuple():
            return [_data(item) for item in value]
    return value


def _schedule(data: Any) -> Schedule:
    match data:
        case {"name": "scale", "factor": factor, "part": part}:
            return scale(factor, _schedule(part))
        case {"name": str(name), "parts": [_, *_] as parts, **rest} if name in COMBINATORS:
            offset = [rest["offset"]] if "offset" in rest else []
            return COMBINATORS[name](*map(_schedule, parts), *offset)
        case {"name": str(name), **fields}:
            return make(name, [], {str(key): item for key, item in fields.items()})
    raise ScheduleError("this JSON does not describe a schedule", received=data)
