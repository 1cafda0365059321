"""Schedules as text and as JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from surefoot.core import text
from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.core.units import Length
from surefoot.schedules.algebra import Extreme, Product, Scale, Sum, maximum, minimum, product, scale, total
from surefoot.schedules.compositions import COMPOSITIONS
from surefoot.schedules.named import NAMED, Named
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Resolvable
from surefoot.schedules.time import Then, then

VERSION = 2  # of the JSON form; version 1 knew fewer schedules and is read too
COMBINATIONS: dict[str, Callable[..., Schedule]] = {
    "then": then,
    "product": product,
    "sum": total,
    "minimum": minimum,
    "maximum": maximum,
}


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
    version = data.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ScheduleError(
            f"this schedule has form version {version!r}; this Surefoot reads versions 1 to {VERSION}",
            remedy="install the version of Surefoot that wrote it",
        )
    try:
        return _schedule(data.get("schedule"))
    except RecursionError:
        raise ScheduleError("this JSON is nested too deeply for a schedule") from None


def _build(node: text.Node) -> Any:
    match node:
        case text.Operation(symbol=symbol, left=left, right=right):
            return combine(symbol, _build(left), _build(right))
        case text.Call(name=name, args=args, kwargs=kwargs):
            return make(name, [_build(a) for a in args], {k: _build(v) for k, v in kwargs.items()})
        case list():
            return [_build(item) for item in node]
    return node


def combine(symbol: str, left: Any, right: Any) -> Schedule:
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


def make(name: str, args: list[Any], kwargs: dict[str, Any]) -> Schedule:
    """A schedule by its name. Raises ScheduleError for unknown names and arguments."""
    if name in ("minimum", "maximum") and not kwargs:
        return COMBINATIONS[name](*args)
    made_by: Callable[..., Schedule] | None = NAMED.get(name) or COMPOSITIONS.get(name)
    if made_by is None:
        known = [*NAMED, *COMPOSITIONS, "minimum", "maximum"]
        raise ScheduleError(f"unknown schedule {name!r}", remedy=did_you_mean(name, known))
    signature = inspect.signature(made_by)
    for argument in kwargs:
        if argument not in signature.parameters:
            remedy = did_you_mean(argument, signature.parameters)
            raise ScheduleError(f"{name} has no argument {argument!r}", remedy=remedy)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as wrong:  # a missing or surplus argument: Python says which
        raise ScheduleError(f"{name}: {wrong}", remedy=f"write {name}{_written(signature)}") from None
    return made_by(*args, **kwargs)


def _written(signature: inspect.Signature) -> str:
    return "(" + ", ".join(signature.parameters) + ")"


def _data(value: Any) -> Any:
    match value:
        case Scale(factor=factor, part=part):
            return {"name": "scale", "factor": factor, "part": _data(part)}
        case Then() | Product():
            return {"name": type(value).__name__.lower(), "parts": [_data(part) for part in value.parts]}
        case Sum(parts=parts, offset=number):
            return {"name": "sum", "parts": [_data(part) for part in parts], "offset": number}
        case Extreme(parts=parts, bound=number):
            return {"name": value.name, "parts": [_data(part) for part in parts], "offset": number}
        case Named():
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
        case {"name": str(name), "parts": [_, *_] as parts, **rest} if name in COMBINATIONS:
            number = [] if rest.get("offset") is None else [rest["offset"]]
            return COMBINATIONS[name](*map(_schedule, parts), *number)
        case {"name": str(name), **fields}:
            return make(name, [], {str(key): _field(item) for key, item in fields.items()})
    raise ScheduleError("this JSON does not describe a schedule", received=data)


def _field(item: Any) -> Any:
    if isinstance(item, dict):
        return _schedule(item)
    return [_field(each) for each in item] if isinstance(item, list) else item
