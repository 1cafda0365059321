"""Surefoot: choose a learning rate, a schedule and an optimizer by evidence.

>>> import surefoot as sf
>>> curve = (0.1 * (sf.warmup("5%") >> sf.cosine())).bind(steps=10_000)
>>> curve(500)
0.1
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot import optimizers, schedules
    from surefoot.core.errors import SurefootError, UsageError
    from surefoot.core.recipe import Recipe
    from surefoot.core.record import Observation
    from surefoot.core.task import Metric, Task
    from surefoot.optimizers import like
    from surefoot.report import Comparison
    from surefoot.schedules import (
        Curve,
        Schedule,
        constant,
        cosine,
        cyclical,
        exponential,
        from_json,
        inverse_time,
        linear,
        multistep,
        natural_exponential,
        one_cycle,
        one_cycle_momentum,
        parse,
        piecewise,
        plateau,
        polynomial,
        step,
        strategy,
        to_json,
        warmup,
    )
    from surefoot.studies import compare

_SCHEDULES = (
    "Curve", "Schedule", "constant", "cosine", "cyclical", "exponential", "from_json", "inverse_time", "linear",
    "multistep", "natural_exponential", "one_cycle", "one_cycle_momentum", "parse", "piecewise", "plateau",
    "polynomial", "step", "strategy", "to_json", "warmup",
)  # fmt: skip

# Where each public name lives: loaded when it is first used, so that importing surefoot costs no torch.
_HOMES = dict.fromkeys(_SCHEDULES, "surefoot.schedules") | {
    "Comparison": "surefoot.report",
    "Metric": "surefoot.core.task",
    "Observation": "surefoot.core.record",
    "Recipe": "surefoot.core.recipe",
    "SurefootError": "surefoot.core.errors",
    "Task": "surefoot.core.task",
    "UsageError": "surefoot.core.errors",
    "compare": "surefoot.studies",
    "like": "surefoot.optimizers",
}

__all__ = [
    "Comparison",
    "Curve",
    "Metric",
    "Observation",
    "Recipe",
    "Schedule",
    "SurefootError",
    "Task",
    "UsageError",
    "compare",
    "constant",
    "cosine",
    "cyclical",
    "exponential",
    "from_json",
    "inverse_time",
    "like",
    "linear",
    "multistep",
    "natural_exponential",
    "one_cycle",
    "one_cycle_momentum",
    "optimizers",
    "parse",
    "piecewise",
    "plateau",
    "polynomial",
    "schedules",
    "step",
    "strategy",
    "to_json",
    "warmup",
]


def __getattr__(name: str) -> Any:
    if name in ("optimizers", "schedules"):
        return import_module(f"surefoot.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'surefoot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
