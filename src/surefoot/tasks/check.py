"""Everything of a task that can be tried before training: device, model, loss, metrics."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from surefoot.core.errors import DataError, TaskError, did_you_mean
from surefoot.core.task import Metric, Task
from surefoot.tasks.data import Notes, Splits, short
from surefoot.tasks.read import fixed_randomness
from surefoot.tasks.split import Split

Loss = Callable[[Any, Any], Tensor]

_LOSSES: dict[str, Loss] = {"cross_entropy": functional.cross_entropy, "mse": functional.mse_loss}
_SAMPLE = 1000  # samples that metrics are first tried on


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of samples whose largest output is the target class: mean(argmax_c outputs[n, c] = targets[n]).

    Parameters: `outputs` `[N, classes]`; `targets` `[N]`, class indices. Raises TaskError for other shapes.

    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(0.5000)
    """
    if outputs.ndim < 2 or outputs.shape[:1] + outputs.shape[2:] != targets.shape:
        raise TaskError(
            "accuracy needs outputs [N, classes] and targets [N]",
            received=f"{tuple(outputs.shape)} and {tuple(targets.shape)}",
        )
    return (outputs.argmax(1) == targets).float().mean()


_METRICS = {"accuracy": Metric("accuracy", accuracy, "max")}


def usable(name: str) -> torch.device:
    """The device, which has been made to hold a number. Raises TaskError."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError):
        there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        remedy = "use one of: " + ", ".join(kind for kind, here in there.items() if here)
        raise TaskError("this device cannot be used here", received=str(name), remedy=remedy) from None
    return device


def loss_of(task: Task) -> Loss:
    """The loss as a function (outputs, targets) → mean over the batch."""
    return _LOSSES[task.loss] if isinstance(task.loss, str) else task.loss


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """The metrics, names resolved. Raises TaskError for an unknown name and for a name used twice."""
    wanted = task.metrics
    if wanted is None:
        wanted = ["accuracy"] if task.loss == "cross_entropy" else []
    found: dict[str, Metric] = {}
    for item in [wanted] if isinstance(wanted, str | Metric) else wanted:
        metric = _METRICS.get(item) if isinstance(item, str) else item
        if metric is None:
            remedy = did_you_mean(str(item), _METRICS) + "; or give a Metric"
            raise TaskError("unknown metric", received=item, remedy=remedy)
        if not isinstance(metric, Metric):
            raise TaskError("a metric is a name or a Metric", received=type(metric).__name__)
        if metric.name in (*found, "loss"):
            raise TaskError("two metrics have one name; the loss is always 'loss'", received=metric.name)
        found[metric.name] = metric
    return tuple(found.values())


def fresh_model(task: Task) -> nn.Module:
    """A module from the task's factory. Raises TaskError where it makes none, or not a fresh one each time."""
    with fixed_randomness(), _blamed_on(f"the model of task {task.name!r} cannot be built"):
        model, second = task.model(), task.model()
    if not isinstance(model, nn.Module):
        remedy = "return a torch.nn.Module"
        raise TaskError("model() must make a torch.nn.Module", received=type(model).__name__, remedy=remedy)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise TaskError("the model has no parameters to train", received=type(model).__name__)
    if any(nn.parameter.is_lazy(parameter) for parameter in parameters):
        remedy = "give every layer its sizes (Linear, not LazyLinear)"
        raise TaskError("the model has parameters without a size", received=type(model).__name__, remedy=remedy)
    if {id(parameter) for parameter in parameters} & {id(parameter) for parameter in second.parameters()}:
        remedy = "build the module inside the function, so that every run starts afresh"
        raise TaskError("model() gives the same parameters every time", received=type(model).__name__, remedy=remedy)
    return model


def float_type(model: nn.Module) -> torch.dtype | None:
    """The type of the model's floating parameters, None where it has none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), None)


def trial(task: Task, model: nn.Module, loss: Loss, metrics: tuple[Metric, ...], parts: Splits, watched: str) -> Notes:
    """Try a new model as training will use it: in eval mode with the metrics, in train mode with the loss.

    Returns what to tell about it. Raises TaskError for a model, loss or metric that fails, DataError for targets that
    do not fit the outputs.
    """
    with fixed_randomness(parts["train"].x.device):
        _try_targets(task, _outputs(task, model.eval(), parts["train"].x[:2]), parts)
        _try_metrics(task, model, metrics, parts[watched])
        return _try_loss(task, model.train(), loss, parts["train"])


def _try_targets(task: Task, outputs: Tensor, parts: Splits) -> None:
    wanted, shape = parts["train"].y.shape[1:], tuple(outputs.shape[1:])
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
    for name, split in parts.items():
        low, high = int(split.y.min()), int(split.y.max())
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
    some = torch.linspace(0, len(watched) - 1, min(len(watched), _SAMPLE)).long().to(watched.x.device)
    sample = Split(watched.x[some], watched.y[some])
    outputs = _outputs(task, model, sample.x)
    for metric in metrics:
        try:
            _number(metric, outputs, sample.y)
        except TaskError:
            if len(sample) == len(watched):
                raise
            _number(metric, _outputs(task, model, watched.x), watched.y)


def _number(metric: Metric, outputs: Tensor, targets: Tensor) -> None:
    with _blamed_on(f"the metric {metric.name!r} fails on the new model"):
        value = metric.of(outputs, targets)
    try:
        number, received = float(value), str(value)
    except (TypeError, ValueError, RuntimeError):
        number, received = math.nan, _told(value) if isinstance(value, Tensor) else type(value).__name__
    if not math.isfinite(number):
        what = f"the metric {metric.name!r} must give one finite number, for a new model too"
        raise TaskError(what, received=received)


def _try_loss(task: Task, model: nn.Module, loss: Loss, train: Split) -> Notes:
    rest = len(train) % task.batch_size if task.last_batch == "keep" else 0
    size = 1 if rest == 1 or task.batch_size == 1 else 2  # some layers refuse a batch of one, hours into a run
    with torch.enable_grad():
        outputs, targets = _forward(task, model, train.x[:size]), train.y[:size]
        with _blamed_on(f"the loss of task {task.name!r} fails on {_told(outputs)} outputs, {_told(targets)} targets"):
            value = loss(outputs, targets)
            twice = loss(torch.cat([outputs, outputs]), torch.cat([targets, targets]))
    if not isinstance(value, Tensor) or value.ndim > 0:
        received = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise TaskError("the loss must be one number, a scalar tensor", received=received, remedy="return the mean")
    if not value.requires_grad:
        raise TaskError("the loss has no gradient", remedy="compute it from the outputs with torch")
    if value.item() != 0 and math.isclose(twice.item(), 2 * value.item(), rel_tol=1e-4):
        return ("the loss doubles when the batch does: it looks like a sum, where the mean over the batch is expected",)
    return ()


def _outputs(task: Task, model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([_forward(task, model, part) for part in torch.split(x, max(task.batch_size, 2))])


def _forward(task: Task, model: nn.Module, x: Tensor) -> Tensor:
    mode = "train" if model.training else "eval"
    alone = len(x) == 1 and model.training
    remedy = "the last batch of an epoch has one sample: set last_batch='drop', or another batch size" if alone else ""
    with _blamed_on(f"the model of task {task.name!r} fails in {mode} mode on inputs {_told(x)}", remedy):
        outputs = model(x)
    if not isinstance(outputs, Tensor) or outputs.shape[:1] != x.shape[:1]:
        received = _told(outputs) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise TaskError(f"the model must give one tensor [{len(x)}, ...] for {len(x)} inputs", received=received)
    return outputs


def _told(tensor: Tensor) -> str:
    return f"{short(tensor.dtype)} {tuple(tensor.shape)}"


@contextmanager
def _blamed_on(what: str, remedy: str = "") -> Iterator[None]:
    try:
        yield
    except TaskError:
        raise
    except Exception as wrong:  # the user's own code ran: whatever it raised is the cause
        raise TaskError(f"{what}: {type(wrong).__name__}: {wrong}", remedy=remedy) from wrong
