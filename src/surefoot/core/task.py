"""What is trained: a model, its data, a loss, metrics. Plain data; `surefoot.tasks` turns it into tensors."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from attrs import field, frozen

from surefoot.core.errors import TaskError

Goal = Literal["max", "min"]
Precision = Literal["full", "bf16"]


@frozen(eq=False)
class Metric:
    """A number that says how good outputs are.

    Parameters: `name`; `of`, a function (outputs `[N, ...]`, targets `[N, ...]`) → one finite number over the whole
    set; `goal`, whether more ("max") or less ("min") is better. Raises TaskError for another goal.
    """

    name: str
    of: Callable[[Any, Any], Any]
    goal: Goal = "max"

    def __attrs_post_init__(self) -> None:
        if self.goal not in ("max", "min"):
            raise TaskError(f"the goal of metric {self.name!r} must be 'max' or 'min'", received=self.goal)
        if not callable(self.of):
            raise TaskError(f"metric {self.name!r} needs a function", received=type(self.of).__name__)


@frozen(eq=False, kw_only=True)
class Task:
    """A model, its data, a loss and metrics: all that a recipe needs to be tried on it.

    Parameters:
        name: shown in tables and stored.
        model: a function without arguments that makes a fresh `torch.nn.Module`.
        loss: "cross_entropy", "mse", or a function (outputs, targets) → the mean over the batch.
        train: `(inputs, targets)` tensors or arrays with the samples first, a `Dataset`, or a `DataLoader`; see
            docs/tasks.md for all forms. Inputs, targets and outputs may be tuples or dicts of tensors, at any depth: a
            model is called with a tensor, with the members of a tuple, or with those of a dict by name.
        validation: the data to choose on; None holds out the last part of a fixed shuffle of `train`
            (`validation_share`), unless a recipe set asks for curves on the test set.
        test: reported at the end, never chosen on.
        metrics: "accuracy" or `Metric`s; the first ranks recipes (the validation loss, where there is none).
            None means accuracy for "cross_entropy" and nothing more than the loss otherwise.
        batch_size, epochs: samples an update, passes over the training set.
        device: "cpu", "cuda", "cuda:1", "mps".
        last_batch: "keep" trains on the short last batch of an epoch (mean over its own samples, ceil(N/B) steps an
            epoch); "drop" leaves it out (floor(N/B) steps; another part of the data is left out each epoch).
        about: one line for reports.
        in_memory: whether a `Dataset` is read once and kept; False reads every batch when it is needed; None decides by
            the memory that is available.
        accumulate: in how many parts an update's batch is worked through, for the memory's sake; at most batch_size.
        precision: "full" computes in the model's own type; "bf16" autocasts forward and loss to bfloat16, weights and
            updates stay as they are.
        patience: a run ends when the metric that ranks has not improved for so many epochs; None trains to the end.

    Raises TaskError for a value out of range.

    >>> import torch
    >>> x = torch.rand(100, 3)
    >>> task = Task(name="plane", model=lambda: torch.nn.Linear(3, 1), loss="mse", train=(x, x.sum(1, keepdim=True)))
    >>> task.batch_size, task.epochs
    (32, 10)
    """

    name: str
    model: Callable[[], Any]
    loss: str | Callable[[Any, Any], Any]
    train: Any
    validation: Any = None
    test: Any = None
    metrics: Sequence[Metric | str] | None = None
    batch_size: int = field(default=32)
    epochs: int = field(default=10)
    device: str = "cpu"
    last_batch: Literal["keep", "drop"] = "keep"
    validation_share: float = 0.2
    about: str = ""
    in_memory: bool | None = None
    accumulate: int = 1
    precision: Precision = "full"
    patience: int | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("batch_size", "epochs", "accumulate", *(["patience"] if self.patience is not None else [])):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise TaskError(f"{name} of task {self.name!r} must be a whole number above 0", received=value)
        if self.accumulate > self.batch_size:
            raise TaskError(
                f"a batch of {self.batch_size} has not so many parts to accumulate",
                received=self.accumulate,
                remedy=f"give accumulate of at most {self.batch_size}",
            )
        if self.in_memory not in (None, True, False):
            raise TaskError("in_memory must be True, False or None", received=self.in_memory)
        if self.precision not in ("full", "bf16"):
            raise TaskError("precision must be 'full' or 'bf16'", received=self.precision)
        if self.last_batch not in ("keep", "drop"):
            raise TaskError("last_batch must be 'keep' or 'drop'", received=self.last_batch)
        if not 0 < self.validation_share < 1:
            raise TaskError("validation_share must lie between 0 and 1", received=self.validation_share)
        # A module is callable too, but makes outputs, not modules.
        if not callable(self.model) or (hasattr(self.model, "state_dict") and not isinstance(self.model, type)):
            raise TaskError(
                "model must be a function that makes a fresh model",
                received=type(self.model).__name__,
                remedy="write model=lambda: MyModel(...), so that every run starts from its own seed",
            )
        if not callable(self.loss) and self.loss not in ("cross_entropy", "mse"):
            raise TaskError("loss must be 'cross_entropy', 'mse' or a function", received=self.loss)
