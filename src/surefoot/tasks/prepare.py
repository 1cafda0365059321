"""From a task's declaration to checked tensors: what a trainer needs to know, and nothing that can still be wrong."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen

from surefoot.core.errors import TaskError
from surefoot.core.task import Metric, Precision, Task
from surefoot.tasks.split import Split, Watch

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@frozen(eq=False, kw_only=True)
class Prepared:
    """A task that has been checked and can be trained.

    Parameters:
        name: the task's.
        model: a function without arguments that makes a fresh module, on the CPU.
        loss: (outputs, targets) → the mean over the batch, a scalar tensor.
        metrics: all resolved; `rank` is the one that ranks recipes: the first, or the loss itself, named "loss".
        train, watched: what is trained on, and what curves are drawn on and choices made by: the split `watched_name`.
        test: only reported; None where there is none or where it is the one watched.
        batch_size, epochs, device, last_batch, accumulate, precision, patience: as in `Task`.
        steps_per_epoch, steps: optimizer updates in an epoch, and in all (the horizon).
        fingerprint: a hash of the data as it is trained on: role, type, shape and bytes of every split.
        notes: what a person should be told about how the task was read.
    """

    name: str
    model: Callable[[], "torch.nn.Module"]
    loss: Callable[[Any, Any], "Tensor"]
    metrics: tuple[Metric, ...]
    rank: Metric
    train: Split
    watched: Split
    watched_name: Watch
    test: Split | None
    batch_size: int
    epochs: int
    device: "torch.device"
    last_batch: Literal["keep", "drop"]
    steps_per_epoch: int
    fingerprint: str
    notes: tuple[str, ...]
    accumulate: int = 1
    precision: Precision = "full"
    patience: int | None = None

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def content(self) -> dict[str, Any]:
        """What a run's numbers depend on beside its recipe and seed: what its key is made of.

        A model and a loss count by their structure and name; two that differ in nothing else are taken for the same.
        """
        import torch

        with torch.random.fork_rng(devices=[]):  # making a model draws its weights
            model = self.model()
        weights = {name: [list(value.shape), str(value.dtype)] for name, value in model.state_dict().items()}
        # What is as it always was leaves no trace, so that keys of earlier versions stay what they are.
        later = {
            "accumulate": (self.accumulate, 1),
            "precision": (self.precision, "full"),
            "patience": (self.patience, None),
        }
        return {
            "data": self.fingerprint,
            "model": [str(model), weights],
            "loss": getattr(self.loss, "__qualname__", str(type(self.loss))),
            "batches": [self.batch_size, self.last_batch],
            "horizon": [self.epochs, self.steps_per_epoch],
            "device": str(self.device),
            **{name: value for name, (value, default) in later.items() if value != default},
        }


def prepare(
    task: Task,
    *,
    batch_size: int | None = None,
    epochs: int | None = None,
    device: str | None = None,
    accumulate: int | None = None,
    precision: Precision | None = None,
    patience: int | None = None,
    watch: Watch = "validation",
) -> Prepared:
    """Read a task's data, try its model, loss and metrics once, and refuse what could not be trained.

    Nothing is trained and torch's random state is left as it was. With N samples and batches of B, an epoch has
    ⌈N/B⌉ steps, or ⌊N/B⌋ where the last batch is dropped.

    Parameters: `batch_size`, `epochs`, `device`, `accumulate`, `precision`, `patience` override the task's; `watch`,
    the data that curves are drawn on: "validation" holds out a part of the training data where the task has none;
    "test" trains on train and validation together, as for an experiment that is only reported.
    Raises TaskError for a model, loss or metric that fails, DataError for data that does not fit; where the task's own
    code raised, its exception is the cause.

    >>> import torch
    >>> x = torch.arange(300.0).reshape(100, 3)
    >>> task = Task(name="plane", model=lambda: torch.nn.Linear(3, 1), loss="mse", train=(x, x.sum(1, keepdim=True)))
    >>> ready = prepare(task, epochs=2)
    >>> len(ready.train), len(ready.watched), ready.steps, ready.rank.name, ready.rank.goal
    (80, 20, 6, 'loss', 'min')
    >>> ready.notes
    ('validation: 20 samples held out of the training data by a fixed shuffle',)
    """
    # Torch is imported only here, so that naming the built-in tasks does not cost its start-up.
    from surefoot.tasks import check, data, trial
    from surefoot.tasks.fit import Fit

    given: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs, "device": device}
    given |= {"accumulate": accumulate, "precision": precision, "patience": patience}
    task = evolve(task, **{name: value for name, value in given.items() if value is not None})
    if watch not in ("validation", "test"):
        raise TaskError("watch must be 'validation' or 'test'", received=watch)
    place = check.usable(task.device)
    model = check.fresh_model(task)
    parts, read_notes = data.splits(task, watch)
    loss_name = task.loss if isinstance(task.loss, str) else ""
    splits, scan, fit_notes = data.fitted(parts, Fit(loss_name, check.float_type(model), place))
    if task.batch_size > len(splits["train"]):
        raise TaskError(
            f"the batch size is larger than the {len(splits['train'])} training samples",
            received=task.batch_size,
            remedy=f"give a batch size of at most {len(splits['train'])}",
        )
    loss, metrics = check.loss_of(task), check.metrics_of(task)
    trial_notes = trial.trial(task, model.to(place), loss, metrics, splits, watch, scan.classes)
    full, rest = divmod(len(splits["train"]), task.batch_size)
    return Prepared(
        name=task.name,
        model=task.model,
        loss=loss,
        metrics=metrics,
        rank=metrics[0] if metrics else Metric("loss", loss, "min"),
        train=splits["train"],
        watched=splits[watch],
        watched_name=watch,
        test=splits.get("test") if watch == "validation" else None,
        batch_size=task.batch_size,
        epochs=task.epochs,
        device=place,
        last_batch=task.last_batch,
        steps_per_epoch=full + (rest > 0 and task.last_batch == "keep"),
        fingerprint=scan.fingerprint,
        notes=(*read_notes, *fit_notes, *trial_notes),
        accumulate=task.accumulate,
        precision=task.precision,
        patience=task.patience,
    )
