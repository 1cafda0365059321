"""What can be read from a task itself: kind of model, its size, the data, the loss."""

from __future__ import annotations

from typing import Any

from surefoot.advice.answers import Answers
from surefoot.core.task import Task

SHARE_OF_ZEROS = 0.9  # of the inputs: from there on they count as sparse


def seen(task: Task) -> Answers:
    """The answers that a task gives by itself.

    >>> from surefoot.tasks import load
    >>> found = seen(load("digits"))
    >>> found.task, found.model, found.samples, found.parameters
    ('classification', 'mlp', 1079, 4810)
    """
    from surefoot.tasks import prepare
    from surefoot.training import initial_model

    ready = prepare(task)
    model = initial_model(ready, 0)
    return Answers(
        task=_task(task, ready, model),
        samples=len(ready.train),
        epochs=ready.epochs,
        batch_size=ready.batch_size,
        model=_kind(model),
        parameters=sum(p.numel() for p in model.parameters()),
        sparse=_sparse(ready),
    )


def _task(task: Task, ready: Any, model: Any) -> str | None:
    """Tokens that are looked up make it language; a loss that Surefoot knows tells classification from regression."""
    from torch import nn

    from surefoot.tasks.tree import leaves

    inputs, _ = next(ready.train.parts(1000))
    whole = any(not each.is_floating_point() and each.ndim > 1 for each in leaves(inputs))
    if whole and any(isinstance(each, nn.Embedding | nn.EmbeddingBag) for each in model.modules()):
        return "language"
    return {"cross_entropy": "classification", "mse": "regression"}.get(task.loss if isinstance(task.loss, str) else "")


def _kind(model: Any) -> str | None:
    from torch import nn

    kinds = {type(module) for module in model.modules()}
    for name, layers in (
        ("transformer", (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)),
        ("rnn", (nn.RNNBase, nn.RNNCellBase)),
        ("cnn", (nn.Conv1d, nn.Conv2d, nn.Conv3d)),
    ):
        if any(issubclass(kind, layers) for kind in kinds):
            return name
    if any("attention" in kind.__name__.lower() for kind in kinds):
        return "transformer"
    linear = sum(isinstance(module, nn.Linear | nn.Bilinear | nn.LazyLinear) for module in model.modules())
    if linear == 0:
        return None
    return "linear" if linear == 1 else "mlp"


def _sparse(ready: Any) -> bool | None:
    from surefoot.tasks.tree import leaves

    inputs = [each for each in leaves(next(ready.train.parts(1000))[0]) if each.is_floating_point()]
    zeros = sum(int((each == 0).sum()) for each in inputs)
    return zeros >= SHARE_OF_ZEROS * sum(each.numel() for each in inputs) if inputs else None
