"""The one training loop of all competitors but Surefoot, and of the retraining: plain torch.

Tensors in memory, indexed batches, fused optimizers, rates from a table, no synchronisation in a step.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor, nn

import surefoot as sf
from deciding.setting import Choice, Setting
from surefoot.core.task import Metric
from surefoot.tasks import check, load

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, fused=True),
    "sgd(momentum=0.9)": partial(torch.optim.SGD, momentum=0.9, fused=True),
    "adam": partial(torch.optim.Adam, fused=True),
}
PART = 2048  # samples measured at a time


class Loop:
    """A task's data, read once, and runs on it."""

    def __init__(self, setting: Setting) -> None:
        torch.set_num_threads(1)
        task = load(setting.task, data=setting.data)
        self.setting, self.model = setting, task.model
        self.loss, (self.metric, *_) = check.loss_of(task), ranking(task)
        self.train, self.validation, self.test = task.train, task.validation, task.test

    def run(self, choice: Choice, seed: int) -> Iterator[nn.Module]:
        """The model after every epoch of training, until its loss is no number any more."""
        torch.manual_seed(seed)
        (x, y), model = self.train, self.model()
        optimizer = OPTIMIZERS[choice.optimizer](model.parameters(), lr=choice.lr)
        (group,) = optimizer.param_groups
        per_epoch = -(-len(x) // self.setting.batch_size)
        rates = iter((choice.lr * shape(choice.schedule, self.setting.epochs, per_epoch)).tolist())
        for _ in range(self.setting.epochs):
            model.train()
            for index in torch.randperm(len(x)).split(self.setting.batch_size):
                group["lr"] = next(rates)
                loss = self.loss(model(x.index_select(0, index)), y.index_select(0, index))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if not loss.isfinite():
                return
            yield model

    def value(self, model: nn.Module, samples: tuple[Tensor, Tensor] | None = None) -> float:
        """The task's first metric, on the validation data unless others are given."""
        x, y = samples or self.validation
        model.eval()
        with torch.inference_mode():
            return float(self.metric.of(torch.cat([model(part) for part in x.split(PART)]), y))


def ranking(task: sf.Task) -> tuple[Metric, ...]:
    """The metrics of a task, its loss where it has none."""
    return check.metrics_of(task) or (Metric("loss", check.loss_of(task), "min"),)


@cache
def shape(schedule: str, epochs: int, per_epoch: int) -> np.ndarray:
    """A schedule's value at every update."""
    return sf.parse(schedule).bind(steps=epochs * per_epoch, steps_per_epoch=per_epoch).values()
