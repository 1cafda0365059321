"""Transformers: its schedules."""

from surefoot.schedules.like.transformers import *  # noqa: F403
from surefoot.schedules.like.transformers import __all__ as __all__
