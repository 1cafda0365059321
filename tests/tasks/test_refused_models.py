"""Models, losses, metrics and settings that cannot be trained: refused before training, and why."""

import re

import pytest
import torch
from torch import nn
from training.test_trainers import ran

from surefoot.core.errors import DataError, TaskError
from surefoot.core.recipe import Recipe
from surefoot.core.task import Metric, Task
from surefoot.tasks import prepare

X = torch.linspace(-1, 1, 300).reshape(100, 3)
Y = torch.arange(100) % 4


def linear():
    return nn.Linear(3, 4)


def test_no_test_set_to_watch(refused):
    assert "has no test data to watch" in str(refused(TaskError, watch="test"))
    assert "watch must be 'validation' or 'test'; received 'train'" in str(refused(TaskError, watch="train"))


def test_a_batch_larger_than_the_data(refused):
    message = str(refused(TaskError, batch_size=81))
    assert "larger than the 80 training samples; received 81. Give a batch size of at most 80" in message


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta", None, ""])
def test_a_device_that_is_not_there(refused, device):
    message = str(refused(TaskError, device=device))
    assert f"this device cannot be used here; received {str(device)!r}. Use one of: cpu" in message


def test_overrides_are_checked_as_the_tasks_own():
    task = Task(name="t", model=linear, loss="cross_entropy", train=(X, Y))
    for override in ({"batch_size": 0}, {"epochs": -1}, {"epochs": 1.5}, {"device": "nowhere"}, {"accumulate": 33}):
        with pytest.raises(TaskError):
            prepare(task, **override)


SHARED = nn.Linear(3, 4)


class Frozen(nn.Linear):
    def __init__(self):
        super().__init__(3, 4)
        self.requires_grad_(False)


class InTraining(nn.Module):
    """A model whose outputs have another form in train mode, as some image models do."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return (self.linear(x), None) if self.training else self.linear(x)


def no_model():
    raise OSError("no weights there")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (no_model, "the model of task 't' cannot be built: OSError: no weights there"),
        (lambda: "net", "model() must make a torch.nn.Module; received 'str'"),
        (lambda: SHARED, "model() gives the same parameters every time; received 'Linear'. Build the module inside"),
        (lambda: nn.Sequential(SHARED, nn.Linear(4, 4)), "gives the same parameters every time"),
        (nn.ReLU, "no parameters to train; received 'ReLU'"),
        (Frozen, "no parameters to train"),
        (lambda: nn.LazyLinear(4), "parameters without a size"),
        (lambda: nn.Linear(5, 4), "fails in eval mode on inputs float32 (2, 3): RuntimeError"),
        (
            lambda: nn.LSTM(3, 4),
            "must give tensors [2, ...] for 2 inputs, with the samples first; received 'tuple of float",
        ),
        (lambda: nn.Sequential(linear(), nn.Flatten(0)), "must give tensors [2, ...]"),
        (InTraining, "in train mode the model gives something else; received 'tuple of float32 (2, 4)'"),
        (lambda: nn.Sequential(linear(), nn.Flatten(0), nn.Unflatten(0, (-1, 1, 4))), None),
    ],
)
def test_models(refused, model, said):
    if said is None:
        assert "cross_entropy needs outputs [N, classes]" in str(refused(DataError, model=model))
    else:
        assert said in str(refused(TaskError, model=model))


class ByName(nn.Linear):
    def forward(self, left, right=None):
        return super().forward(left)


class Branches(ByName):
    """Returns a pair in train mode, and in eval mode its first alone."""

    def forward(self, left, right=None):
        outputs = super().forward(left)
        return (outputs, outputs.mean()) if self.training else outputs


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            {"left": X, "middle": X},
            r"the model is called by the names left, middle, and its forward takes \(left, right",
        ),
        ((X, X, X), r"the model is called with 3 arguments, and its forward takes \(left, right=None\)"),
        ({"right": X}, "the model is called by the names right"),
    ],
)
def test_inputs_that_do_not_fit_the_models_forward(refused, inputs, said):
    message = str(refused(TaskError, model=lambda: ByName(3, 4), train=(inputs, Y)))
    assert re.search(said, message)
    assert "fails in eval mode on inputs " in message


def test_trees_that_a_loss_or_a_metric_cannot_take(refused):
    both = {"model": lambda: Branches(3, 4)}
    assert "in train mode the model gives something else" in str(refused(TaskError, **both))

    def cope(outputs, targets):
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        return nn.functional.cross_entropy(outputs, targets)

    assert prepare(Task(name="t", train=(X, Y), loss=cope, **both)).rank.name == "loss"
    second = Metric("second", lambda outputs, targets: outputs[1].item())
    message = str(refused(TaskError, loss=cope, metrics=[second], **both))
    assert "the metric 'second' fails on the new model: RuntimeError" in message
    assert "It is given what the model returns in eval mode, float32 (20, 4), and the targets, int64 (20,)" in message
    message = str(refused(TaskError, loss=lambda outputs, y: cope(outputs[:1], y) + outputs[1], **both))
    assert "fails in eval mode on float32 (2, 4), int64 (2,) targets" in message
    trees = {"model": lambda: nn.LSTM(3, 4, batch_first=True), "train": (X[:, None], Y)}
    assert "return only what the loss and the metrics need" in str(refused(TaskError, loss=cope, **trees)).lower()
    received = "received 'float32 (20, 4) and tuple of int64 (20,), int64 (20,)'"
    message = str(refused(TaskError, train=(X, (Y, Y)), loss=lambda o, y: cope(o, y[0]), metrics=["accuracy"]))
    assert f"accuracy needs one tensor of outputs and one of targets; {received}. Give a Metric" in message
    assert "cross_entropy needs one tensor of targets" in str(refused(DataError, train=(X, (Y, Y))))


class Nothing(nn.Linear):
    def forward(self, x):
        return super().forward(x) * float("nan")


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_a_model_that_gives_no_number_diverges_at_once(trainer):
    """It is a result, whatever the metrics make of it."""
    spread = Metric("spread", lambda outputs, targets: outputs.std())
    task = prepare(Task(name="t", model=lambda: Nothing(3, 4), loss="cross_entropy", train=(X, Y), metrics=[spread]))
    found = ran(task, [Recipe("adam", "adam", 0.1)], trainer=trainer)
    assert found["diverged"] == {0: 0, 1: 0}
    assert found["losses"] == {0: [], 1: []}


def test_a_task_in_bfloat16_is_tried_in_it():
    """In training the loss gets what autocast gives; what is measured is widened before."""
    seen = set()

    def loss(outputs, targets):
        seen.add((outputs.requires_grad, outputs.dtype))
        return nn.functional.cross_entropy(outputs.float(), targets)

    task = Task(name="t", model=linear, loss=loss, train=(X, Y), precision="bf16")
    assert prepare(task).precision == "bf16"
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}


def test_exceptions_of_the_users_code_are_the_cause(refused):
    assert isinstance(refused(TaskError, model=no_model).__cause__, OSError)
    assert isinstance(refused(TaskError, model=lambda: nn.Linear(5, 4)).__cause__, RuntimeError)


def test_a_last_batch_of_one_that_batch_norm_cannot_take(refused):
    def model():
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    data = {"model": model, "train": (X[:81], Y[:81]), "validation": (X, Y), "batch_size": 16}
    message = str(refused(TaskError, **data))
    assert "fails in train mode on inputs float32 (1, 3): ValueError" in message
    assert "last_batch='drop'" in message
    given = {"name": "t", "loss": "cross_entropy"} | data
    assert prepare(Task(**given, last_batch="drop")).steps_per_epoch == 5


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "fits"), [(16, 8, True), (7, 2, True), (7, 3, False), (4, 4, False)]
)
def test_parts_of_one_sample_that_batch_norm_cannot_take(refused, batch_size, accumulate, fits):
    def model():
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    data = {"model": model, "train": (X, Y), "validation": (X, Y), "batch_size": batch_size, "last_batch": "drop"}
    if fits:
        prepare(Task(name="t", loss="cross_entropy", accumulate=accumulate, **data))
    else:
        assert "leaves parts of one sample: give fewer parts" in str(refused(TaskError, accumulate=accumulate, **data))


def test_mse_is_not_broadcast(refused):
    message = str(refused(DataError, model=lambda: nn.Linear(3, 1), loss="mse", train=(X, X[:, 0])))
    assert "mse needs outputs and targets of one shape; received 'outputs (1,) and targets () a sample'" in message


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda o, y: 1 / 0, "fails on float32 (2, 4) outputs, int64 (2,) targets: ZeroDivisionError"),
        (nn.CrossEntropyLoss(reduction="none"), "must be one number, a scalar tensor; received 'a tensor (2,)'"),
        (lambda o, y: nn.functional.cross_entropy(o, y)[None], "received 'a tensor (1,)'"),
        (lambda o, y: 0.5, "a scalar tensor; received 'float'"),
        (lambda o, y: nn.functional.cross_entropy(o, y).detach(), "the loss has no gradient"),
    ],
)
def test_losses(refused, loss, said):
    assert said in str(refused(TaskError, loss=loss))


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (["acuracy"], "unknown metric; received 'acuracy'. Did you mean 'accuracy'?"),
        ([len], "a metric is a name or a Metric; received 'builtin_function_or_method'"),
        (["accuracy", "accuracy"], "two metrics have one name"),
        ([Metric("loss", lambda o, y: 0.0)], "the loss is always 'loss'"),
        ([Metric("f1", lambda o, y: float("nan"))], "one finite number, for a new model too; received 'nan'"),
        ([Metric("f1", lambda o, y: o.mean() / 0)], "'f1' must give one finite number"),
        ([Metric("f1", lambda o, y: o)], "received 'float32 (20, 4)'"),
        ([Metric("f1", lambda o, y: None)], "received 'NoneType'"),
        ([Metric("f1", lambda o, y: 1 / 0)], "the metric 'f1' fails on the new model: ZeroDivisionError"),
    ],
)
def test_metrics(refused, metrics, said):
    assert said in str(refused(TaskError, metrics=metrics))


def test_accuracy_does_not_compare_what_it_would_broadcast(refused):
    regression = {"model": lambda: nn.Linear(3, 1), "loss": "mse", "train": (X, X[:, :1])}
    message = str(refused(TaskError, metrics=["accuracy"], **regression))
    assert "accuracy needs outputs [N, classes] and targets [N]; received '(20, 1) and (20, 1)'" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": nn.Linear(3, 4)}, "model must be a function that makes a fresh model; received 'Linear'"),
        ({"model": "linear"}, "model must be a function"),
        ({"loss": "mae"}, "loss must be 'cross_entropy', 'mse' or a function; received 'mae'"),
        ({"last_batch": "pad"}, "last_batch must be"),
        ({"validation_share": 1.0}, "validation_share must lie between 0 and 1"),
        ({"accumulate": 0}, "accumulate of task 't' must be a whole number above 0"),
        (
            {"accumulate": 9},
            "a batch of 8 has not so many parts to accumulate; received 9. Give accumulate of at most 8",
        ),
        ({"precision": "fp16"}, "precision must be 'full' or 'bf16'; received 'fp16'"),
        ({"patience": 0}, "patience of task 't' must be a whole number above 0"),
        ({"batch_size": True}, "batch_size of task 't' must be a whole number above 0"),
    ],
)
def test_declarations(refused, changes, said):
    assert said in str(refused(TaskError, **changes))


def test_metric_declarations():
    with pytest.raises(TaskError, match="goal of metric 'm' must be 'max' or 'min'; received 'least'"):
        Metric("m", len, "least")
    with pytest.raises(TaskError, match="metric 'm' needs a function; received 'int'"):
        Metric("m", 3)
