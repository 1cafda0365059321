"""Showing a trainer's validation metrics to reactive schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surefoot.adapters.torch import Scheduler


def show(scheduler: Any, metrics: Mapping[str, Any], prefix: str) -> None:
    """Shows metrics to a scheduler, if it is one of Surefoot's: by their names, and by what follows the prefix."""
    inner = getattr(scheduler, "scheduler", scheduler)  # in Accelerate's wrapping
    if isinstance(inner, Scheduler):
        validated = {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
        inner.observe(**{**metrics, **validated})
