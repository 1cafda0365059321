"""What a task declares, made ready to be tried: device, model, loss, metrics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from surefoot.core.errors import TaskError, did_you_mean
from surefoot.core.task import Metric, Task
from surefoot.tasks.forms import fixed_randomness, told

Loss = Callable[[Any, Any], Tensor]

_LOSSES: dict[str, Loss] = {"cross_entropy": functional.cross_entropy, "mse": functional.mse_loss}


def accuracy(outputs: Any, targets: Any) -> Tensor:
    """The share of samples whose largest output is the target class: mean(argmax_c outputs[n, c] = targets[n]).

    Parameters: `outputs` `[N, classes]`; `targets` `[N]`, class indices. Raises TaskError for other shapes.

    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(0.5000)
    """
    if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
        raise TaskError(
            "accuracy needs one tensor of outputs and one of targets",
            received=f"{told(outputs)} and {told(targets)}",
            remedy="give a Metric with a function that takes what it needs from them",
        )
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
    with fixed_randomness(), blamed_on(f"the model of task {task.name!r} cannot be built"):
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


@contextmanager
def blamed_on(what: str, remedy: str = "") -> Iterator[None]:
    """Within, whatever the user's code raises becomes a TaskError that says so."""
    try:
        yield
    except TaskError:
        raise
    except Exception as wrong:  # the user's own code ran: whatever it raised is the cause
        raise TaskError(f"{what}: {type(wrong).__name__}: {wrong}", remedy=remedy) from wrong
