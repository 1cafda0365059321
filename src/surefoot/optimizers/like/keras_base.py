"""What every optimizer of Keras takes beside its own arguments."""

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any, TypeVar

from attrs import evolve

from surefoot.core.errors import RecipeError
from surefoot.optimizers.rule import Rule

R = TypeVar("R", bound=Rule)

BASE: dict[str, Any] = {
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "name": None,
}
ABSENT = {
    "ema_overwrite_frequency": "the average is what a model is measured with, and never overwrites its weights",
    "loss_scale_factor": "losses are not scaled",
    "gradient_accumulation_steps": "gradients are not accumulated: one batch is one update",
}


def preset(make: Callable[..., R]) -> Callable[..., R]:
    """`make` with Keras's common arguments behind its own positional ones, and in its signature."""
    own = inspect.signature(make)
    positional = [p for p in own.parameters.values() if p.kind is not Parameter.KEYWORD_ONLY]
    rest = [p for p in own.parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    base = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=value) for name, value in BASE.items()]
    signature = own.replace(parameters=[*positional, *base, *rest])

    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> R:
        arguments = signature.bind(*args, **kwargs).arguments
        common = BASE | {name: value for name, value in arguments.items() if name in BASE}
        rule = make(**{name: value for name, value in arguments.items() if name not in BASE})
        return evolve(rule, **_around(make.__name__, common))

    made.__signature__ = signature  # type: ignore[attr-defined]
    return made


def _around(name: str, values: dict[str, Any]) -> dict[str, Any]:
    for argument, why in ABSENT.items():
        if values[argument]:
            what = f"{argument} of keras.{name} has no counterpart: {why}"
            raise RecipeError(what, received=values[argument], remedy="leave it out")
    clips = {key: values[key] for key in ("clipnorm", "global_clipnorm", "clipvalue") if values[key]}
    if len(clips) > 1:
        raise RecipeError(f"only one of {', '.join(clips)} can be set, as in Keras", received=clips)
    ema = {"ema": values["ema_momentum"]} if values["use_ema"] else {}
    match list(clips.items()):
        case [("clipnorm", value)]:
            return {"clip_norm": value, "clip": "keras-each", **ema}
        case [("global_clipnorm", value)]:
            return {"clip_norm": value, "clip": "keras", **ema}
        case [("clipvalue", value)]:
            return {"clip_value": value, **ema}
    return ema


def given(number: float | None) -> float:
    """0 for None."""
    return 0.0 if number is None else number
