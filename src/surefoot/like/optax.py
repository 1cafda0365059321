"""optax: its schedules, and its optimizers, which load torch when first used."""
# ruff: noqa: F403, F405 (the names are those of the parts)

from typing import TYPE_CHECKING, Any

from surefoot.schedules.like import optax as schedules
from surefoot.schedules.like.optax import *

if TYPE_CHECKING:
    from surefoot.optimizers.like.optax import *

__all__ = [
    *schedules.__all__,
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "amsgrad",
    "lamb",
    "lion",
    "muon",
    "nadam",
    "nadamw",
    "radam",
    "rmsprop",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "sgd",
    "sign_sgd",
    "signum",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"sf.like.optax has no {name!r}; it has: {', '.join(__all__)}")
    from surefoot.optimizers.like import optax as optimizers

    return getattr(optimizers, name)
