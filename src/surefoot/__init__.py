"""Surefoot: choose a learning rate, a schedule and an optimizer by evidence.

>>> import surefoot as sf
>>> curve = (0.1 * (sf.warmup("5%") >> sf.cosine())).bind(steps=10_000)
>>> curve(500)
0.1
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot import adapters as adapters
    from surefoot import like as like
    from surefoot import optimizers as optimizers
    from surefoot import schedules as schedules
    from surefoot.adapters.from_torch import from_torch as from_torch
    from surefoot.advice import Advice as Advice
    from surefoot.advice import advise as advise
    from surefoot.core.errors import SurefootError as SurefootError
    from surefoot.core.errors import UsageError as UsageError
    from surefoot.core.recipe import Recipe as Recipe
    from surefoot.core.record import Observation as Observation
    from surefoot.core.task import Metric as Metric
    from surefoot.core.task import Task as Task
    from surefoot.lessons import learn as learn
    from surefoot.report import Comparison as Comparison
    from surefoot.schedules import *  # noqa: F403
    from surefoot.studies import compare as compare
    from surefoot.studies import find as find
    from surefoot.studies import plan as plan
    from surefoot.studies import train as train
    from surefoot.studies import tune as tune

# Everything is loaded when it is first used, so that importing surefoot costs no torch, and next to nothing.
_PARTS = ("adapters", "like", "optimizers", "schedules")
_HOMES = {
    "Advice": "surefoot.advice",
    "Comparison": "surefoot.report",
    "Metric": "surefoot.core.task",
    "Observation": "surefoot.core.record",
    "Recipe": "surefoot.core.recipe",
    "SurefootError": "surefoot.core.errors",
    "Task": "surefoot.core.task",
    "UsageError": "surefoot.core.errors",
    "advise": "surefoot.advice",
    "compare": "surefoot.studies",
    "find": "surefoot.studies",
    "from_torch": "surefoot.adapters.from_torch",
    "learn": "surefoot.lessons",
    "plan": "surefoot.studies",
    "train": "surefoot.studies",
    "tune": "surefoot.studies",
}


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"surefoot.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    known = import_module("surefoot.schedules").__all__  # every shape and combination is public
    if name == "__all__":
        return sorted({*_PARTS, *_HOMES, *known})
    if name in known:
        return getattr(import_module("surefoot.schedules"), name)
    raise AttributeError(f"module 'surefoot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
