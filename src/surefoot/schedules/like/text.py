"""Presets as text: `torch.StepLR(step_size=10, gamma=0.5)`. Nothing is executed but the presets that it names."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from surefoot.core import text
from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.schedules import form
from surefoot.schedules.schedule import Schedule

LIBRARIES = ("keras", "optax", "timm", "torch", "transformers")


def parse(expression: str) -> Schedule:
    """The schedule that a preset gives, with the original's arguments; presets nest, and combine as schedules do.

    Raises ScheduleError for text that names no preset, and for arguments that the original does not have.

    >>> parse("torch.StepLR(step_size=10, gamma=0.5)")
    step(10, factor=0.5)
    """
    made = _build(text.read(expression, ScheduleError))
    if not isinstance(made, Schedule):
        raise ScheduleError("this is not a schedule", received=expression, remedy="write torch.StepLR(step_size=10)")
    return made


def presets(library: str) -> list[str]:
    """The names of a library's presets."""
    return list(import_module(f"surefoot.schedules.like.{library}").__all__)


def _build(node: text.Node) -> Any:
    match node:
        case text.Operation(symbol=symbol, left=left, right=right):
            return form.combine(symbol, _build(left), _build(right))
        case text.Call(name=name, args=args, kwargs=kwargs):
            return _make(name, [_build(arg) for arg in args], {key: _build(arg) for key, arg in kwargs.items()})
        case list():
            return [_build(item) for item in node]
    return node


def _make(name: str, args: list[Any], kwargs: dict[str, Any]) -> Schedule:
    library, dot, original = name.rpartition(".")
    if not dot:
        return form.make(name, args, kwargs)
    if library not in LIBRARIES:
        raise ScheduleError(f"there are no presets of {library!r}", remedy=did_you_mean(library, LIBRARIES))
    known = presets(library)
    if original not in known:
        raise ScheduleError(f"{library} has no preset {original!r}", remedy=did_you_mean(original, known))
    preset = getattr(import_module(f"surefoot.schedules.like.{library}"), original)
    try:
        inspect.signature(preset).bind(*args, **kwargs)
    except TypeError as wrong:
        remedy = f"its arguments: {', '.join(inspect.signature(preset).parameters)}"
        raise ScheduleError(f"{name}: {wrong}", remedy=remedy) from None
    try:
        made: Schedule = preset(*args, **kwargs)
    except ScheduleError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as wrong:
        raise ScheduleError(f"{name} cannot be made of these arguments: {wrong}", received=args or kwargs) from None
    return made
