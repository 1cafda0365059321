"""timm: its schedulers."""

from surefoot.schedules.like.timm import *  # noqa: F403
from surefoot.schedules.like.timm import __all__ as __all__
