"""Keras 3: its schedules and callbacks, and its optimizers, which load torch when first used."""
# ruff: noqa: F403, F405 (the names are those of the parts)

from typing import TYPE_CHECKING, Any

from surefoot.schedules.like import keras as schedules
from surefoot.schedules.like.keras import *

if TYPE_CHECKING:
    from surefoot.optimizers.like.keras import *

__all__ = [
    *schedules.__all__,
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
    "ScheduleFreeAdamW",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"sf.like.keras has no {name!r}; it has: {', '.join(__all__)}")
    from surefoot.optimizers.like import keras as optimizers

    return getattr(optimizers, name)
