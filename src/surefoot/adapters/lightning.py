"""Schedules in Lightning: what `configure_optimizers` returns, and a callback for reactive pieces."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from surefoot.adapters.observing import show
from surefoot.adapters.torch import Scheduler

__all__ = ["Observe", "configure"]


def configure(optimizer: Optimizer, scheduler: Scheduler) -> dict[str, Any]:
    """What `configure_optimizers` returns, so that Lightning steps the scheduler after each update.

    Lightning's default is once an epoch.

    >>> import torch
    >>> from surefoot.schedules import cosine
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> configure(optimizer, Scheduler(optimizer, cosine(), steps=100))["lr_scheduler"]["interval"]
    'step'
    """
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Observe(Callback):
    """Shows what was measured in validation to reactive pieces.

    Parameters: `prefix`, which validation metrics begin with ("val_"): "val_loss" is shown as "loss" too, the name that
    plateau watches unless told otherwise.
    """

    def __init__(self, prefix: str = "val_") -> None:
        self.prefix = prefix

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        for config in trainer.lr_scheduler_configs:
            show(config.scheduler, trainer.callback_metrics, self.prefix)
