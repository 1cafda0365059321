"""Schedules in the Trainer of Transformers: a callback for reactive pieces.

The scheduler itself is given as it is: `Trainer(..., optimizers=(optimizer, scheduler))`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from surefoot.adapters.observing import show

__all__ = ["Observe"]


class Observe(TrainerCallback):
    """Shows what was measured in evaluation to reactive pieces: "eval_loss" as "loss" too, which plateau watches."""

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **others: Any
    ) -> None:
        show(others.get("lr_scheduler"), metrics or {}, "eval_")
