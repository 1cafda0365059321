"""optax: its schedules."""

from surefoot.schedules.like.optax import *  # noqa: F403
from surefoot.schedules.like.optax import __all__ as __all__
