"""A trial of a task before training: its model, loss and metrics on a few samples."""

import inspect
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from surefoot.core.errors import DataError, TaskError
from surefoot.core.task import Metric, Task
from surefoot.tasks import tree
from surefoot.tasks.check import Loss, blamed_on
from surefoot.tasks.data import Notes, Splits
from surefoot.tasks.forms import fixed_randomness, told
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.split import Split
from surefoot.tasks.tree import Tree

_SUM = "the loss doubles when the batch does: it looks like a sum, where the mean over the batch is expected"
_SAMPLE = 1000  # samples that metrics are first tried on


def trial(
    task: Task,
    model: nn.Module,
    loss: Loss,
    metrics: tuple[Metric, ...],
    parts: Splits,
    watched: str,
    classes: Mapping[str, tuple[int, int]],
) -> Notes:
    """Try a new model as training will use it: in eval mode with the metrics, in train mode with the loss.

    Parameters: `classes`, the lowest and highest target of each split, where targets are class indices.
    Returns what to tell about it. Raises TaskError for a model, loss or metric that fails, DataError for targets that
    do not fit the outputs.
    """
    device = next(model.parameters()).device
    with fixed_randomness(device):
        few = InMemory(*parts["train"].take(torch.arange(min(2, len(parts["train"])), device=device)))
        outputs = _outputs(task, model.eval(), few)
        _try_targets(task, outputs, few.y, classes)
        _try_metrics(task, model, metrics, parts[watched])
        notes = _try_loss(task, model.train(), loss, parts["train"])
        with blamed_on(f"the loss of task {task.name!r} fails in eval mode on {told(outputs)}, {told(few.y)} targets"):
            float(loss(outputs, few.y))
        return notes


def _try_targets(task: Task, outputs: Tree, targets: Tree, found: Mapping[str, tuple[int, int]]) -> None:
    if not isinstance(task.loss, str):
        return
    if not isinstance(outputs, Tensor):
        raise TaskError(
            f"{task.loss} needs one tensor as outputs, and the model gives something else",
            received=told(outputs),
            remedy=f"give a loss function that takes what it needs: lambda outputs, targets: {task.loss}(..., targets)",
        )
    wanted, shape = targets.shape[1:], tuple(outputs.shape[1:])
    if task.loss == "mse" and shape != wanted:
        # Torch would broadcast [N, 1] against [N] to [N, N] and train on nonsense.
        received = f"outputs {shape} and targets {tuple(wanted)} a sample"
        raise DataError("mse needs outputs and targets of one shape", received=received, remedy="reshape the targets")
    if task.loss != "cross_entropy":
        return
    if outputs.ndim < 2 or outputs.shape[2:] != wanted:
        received = f"outputs {shape} and targets {tuple(wanted)} a sample"
        remedy = "give one class index a sample: y.argmax(1) for one-hot targets, y.squeeze(1) for targets [N, 1]"
        raise DataError("cross_entropy needs outputs [N, classes] and targets [N]", received=received, remedy=remedy)
    classes = outputs.shape[1]
    for name, (low, high) in found.items():
        if low < 0 or high >= classes:
            raise DataError(
                f"the {name} targets go outside the model's {classes} classes, 0 to {classes - 1}",
                received=f"{low} to {high}",
                remedy=f"give the model {high + 1} outputs" if low >= 0 else "count the classes from 0",
            )


def _try_metrics(task: Task, model: nn.Module, metrics: tuple[Metric, ...], watched: Split) -> None:
    if not metrics:
        return
    # Spread over the whole split, for data sorted by class; a metric that needs more than a sample then gets it all.
    device = next(model.parameters()).device
    some = torch.linspace(0, len(watched) - 1, min(len(watched), _SAMPLE)).long().to(device)
    sample = InMemory(*watched.take(some))
    outputs = _outputs(task, model, sample)
    for metric in metrics:
        try:
            _number(metric, outputs, sample.y)
        except TaskError:
            if len(sample) == len(watched):
                raise
            _number(metric, _outputs(task, model, watched), watched.y)


def _number(metric: Metric, outputs: Tensor, targets: Tensor) -> None:
    given = f"it is given what the model returns in eval mode, {told(outputs)}, and the targets, {told(targets)}"
    with blamed_on(f"the metric {metric.name!r} fails on the new model", given):
        value = metric.of(outputs, targets)
    what = f"the metric {metric.name!r} must give one finite number, for a new model too"
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        received = told(value) if isinstance(value, Tensor) else type(value).__name__
        raise TaskError(what, received=received) from None
    # A model whose outputs are not finite diverges at once: that is a result.
    if not math.isfinite(number) and all(bool(tensor.isfinite().all()) for tensor in tree.leaves(outputs)):
        raise TaskError(what, received=str(value))


def _try_loss(task: Task, model: nn.Module, loss: Loss, train: Split) -> Notes:
    rest = len(train) % task.batch_size if task.last_batch == "keep" else 0
    # Some layers refuse a batch of one, hours into a run.
    size = 1 if any(_least(count, task.accumulate) == 1 for count in (task.batch_size, rest)) else 2
    x, targets = train.take(torch.arange(min(size, len(train)), device=next(model.parameters()).device))
    with torch.enable_grad():
        outputs = _forward(task, model, x)
        if isinstance(task.loss, str) and not isinstance(outputs, Tensor):
            raise TaskError(
                f"{task.loss} needs one tensor as outputs, and in train mode the model gives something else",
                received=told(outputs),
                remedy="give a loss function that takes what it needs",
            )
        told_of = f"{told(outputs)} outputs, {told(targets)} targets"
        with blamed_on(f"the loss of task {task.name!r} fails on {told_of}"), _in_precision(task, x):
            value = loss(outputs, targets)
    if not isinstance(value, Tensor) or value.ndim > 0:
        received = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise TaskError("the loss must be one number, a scalar tensor", received=received, remedy="return the mean")
    if not value.requires_grad:
        raise TaskError("the loss has no gradient", remedy="compute it from the outputs with torch")
    if _are_samples(outputs, size):
        with blamed_on(f"the loss of task {task.name!r} fails on {told_of}"), _in_precision(task, x):
            twice = loss(tree.cat([outputs, outputs]), tree.cat([targets, targets]))
        if value.item() != 0 and math.isclose(twice.item(), 2 * value.item(), rel_tol=1e-4):
            return (_SUM,)
    return ()


def _least(count: int, parts: int) -> int:
    """The samples of the smallest part, where so many are cut into `parts` as `torch.chunk` does."""
    size = -(-count // parts)
    return min(size, count - size * ((count - 1) // size)) if count else 0


def _in_precision(task: Task, x: Tree) -> AbstractContextManager[object]:
    device = tree.leaves(x)[0].device.type
    return torch.autocast(device, dtype=torch.bfloat16) if task.precision == "bf16" else nullcontext()


def _outputs(task: Task, model: nn.Module, split: Split) -> Tree:
    with torch.no_grad():
        outputs = tree.cat([_forward(task, model, x) for x, _ in split.parts(max(task.batch_size, 2))])
    # What autocast narrows is widened before it is measured.
    narrow = torch.bfloat16 if task.precision == "bf16" else None
    return tree.mapped(lambda leaf: leaf.float() if leaf.dtype == narrow else leaf, outputs)


def _forward(task: Task, model: nn.Module, x: Tree) -> Tree:
    mode, count = "train" if model.training else "eval", tree.length(x)
    alone = count == 1 and model.training
    remedy = "the last batch of an epoch has one sample: set last_batch='drop', or another batch size" if alone else ""
    if alone and task.accumulate > 1:
        remedy = f"accumulate={task.accumulate} leaves parts of one sample: give fewer parts, or another batch size"
    with (
        blamed_on(
            f"the model of task {task.name!r} fails in {mode} mode on inputs {told(x)}", remedy or _called(model, x)
        ),
        _in_precision(task, x),
    ):
        outputs = tree.call(model, x)
    # What is measured is put together from parts; what is trained on goes to the loss as it is.
    if not tree.leaves(outputs) or not (model.training or _are_samples(outputs, count)):
        raise TaskError(
            f"the model must give tensors [{count}, ...] for {count} inputs, with the samples first",
            received=told(outputs),
            remedy="return only what the loss and the metrics need",
        )
    return outputs


def _are_samples(outputs: Tree, count: int) -> bool:
    return all(tensor.shape[:1] == (count,) for tensor in tree.leaves(outputs))


def _called(model: nn.Module, x: Tree) -> str:
    """What to say of a call that failed because of its form."""
    args, kwargs = tree.arguments(x)
    try:
        takes = inspect.signature(model.forward)
        takes.bind(*args, **kwargs)
    except TypeError:
        how = f"by the names {', '.join(map(str, x))}" if isinstance(x, Mapping) else f"with {len(args)} arguments"
        return f"give inputs that fit: the model is called {how}, and its forward takes {takes}"
    except ValueError:  # it has no signature
        pass
    return ""
