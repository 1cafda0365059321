"""Keras 3: its schedules and callbacks, and its optimizers, which load torch when first used."""

from typing import TYPE_CHECKING, Any

from surefoot.schedules.like import keras as schedules
from surefoot.schedules.like.keras import *  # noqa: F403

if TYPE_CHECKING:
    from surefoot.optimizers.like.keras import *  # noqa: F403

__all__ = [*schedules.__all__, "SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]  # noqa: F405


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"sf.like.keras has no {name!r}; it has: {', '.join(__all__)}")
    from surefoot.optimizers.like import keras as optimizers

    return getattr(optimizers, name)
