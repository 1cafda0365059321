"""How a batch goes through a model: in what type, and in how many portions."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.tasks import Prepared
from surefoot.tasks.tree import Tree, call, leaves, mapped
from surefoot.training.randomness import keyed

ODD = 0x9E3779B1  # sets the random numbers of portions apart


def in_precision(task: Prepared) -> AbstractContextManager[object]:
    """Within, forward passes are computed as the task says: in the model's own type, or in bfloat16 where that is safe
    (`torch.autocast`)."""
    if task.precision == "full":
        return nullcontext()
    return torch.autocast(task.device.type, dtype=torch.bfloat16)


def measured(task: Prepared, outputs: Tree) -> Tree:
    """Outputs as losses and metrics take them: what autocast has narrowed is widened again."""
    if task.precision == "full":
        return outputs
    return mapped(lambda tensor: tensor.float() if tensor.dtype == torch.bfloat16 else tensor, outputs)


def portions(task: Prepared, x: Tree, y: Tree, dim: int = 0) -> Iterator[tuple[float, int, Tree, Tree]]:
    """A batch in `task.accumulate` portions or fewer: its share of the batch, its number, inputs and targets.

    The mean loss is Σ share · (mean loss of the portion). `dim`: the axis of the samples.
    """
    count = leaves(x)[0].shape[dim]
    size = -(-count // task.accumulate)
    if size == count:
        yield 1.0, 0, x, y
        return
    for number, start in enumerate(range(0, count, size)):
        length = min(size, count - start)
        part_x, part_y = (mapped(lambda t, s=start, n=length: t.narrow(dim, s, n), tree) for tree in (x, y))  # type: ignore[misc]
        yield length / count, number, part_x, part_y


def backward(task: Prepared, model: nn.Module, x: Tree, y: Tree, noise: Tensor) -> Tensor:
    """The loss of a batch; its gradients are added to the model's."""
    losses: list[Tensor] = []
    for share, number, some_x, some_y in portions(task, x, y):
        with keyed(noise_of(noise, number)), in_precision(task):
            loss: Any = task.loss(call(model, some_x), some_y)
        loss = loss if share == 1 else share * loss
        loss.backward()
        losses.append(loss.detach())
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def noise_of(noise: Tensor, portion: int) -> Tensor:
    """The key of a portion's random numbers; that of the update for the first."""
    return noise + portion * ODD if portion else noise
