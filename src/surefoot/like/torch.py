"""torch: its schedulers, and its optimizers, which load torch when first used."""
# ruff: noqa: F403, F405 (the names are those of the parts)

from typing import TYPE_CHECKING, Any

from surefoot.schedules.like import torch as schedules
from surefoot.schedules.like.torch import *

if TYPE_CHECKING:
    from surefoot.optimizers.like.torch import *

__all__ = [
    *schedules.__all__,
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"sf.like.torch has no {name!r}; it has: {', '.join(__all__)}")
    from surefoot.optimizers.like import torch as optimizers

    return getattr(optimizers, name)
