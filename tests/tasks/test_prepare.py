"""Tasks that are fine: what `prepare` makes of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, default_collate, get_worker_info

from surefoot.core.task import Metric, Task
from surefoot.tasks import load, prepare
from surefoot.tasks.data import splits

X = torch.linspace(-1, 1, 300).reshape(100, 3)
Y = torch.arange(100) % 4


def classify(**changes):
    given = {"name": "t", "model": lambda: nn.Linear(3, 4), "loss": "cross_entropy", "train": (X, Y), "batch_size": 8}
    return Task(**(given | changes))


def same(first, second):
    return torch.equal(first.x, second.x) and torch.equal(first.y, second.y)


def test_a_task_with_three_splits():
    ready = prepare(load("digits"))
    assert (len(ready.train), len(ready.watched), len(ready.test)) == (1079, 359, 359)
    assert (ready.name, ready.batch_size, ready.epochs, ready.device.type) == ("digits", 32, 15, "cpu")
    assert (ready.steps_per_epoch, ready.steps) == (34, 510)
    assert [metric.name for metric in ready.metrics] == ["accuracy"]
    assert (ready.rank.name, ready.rank.goal, ready.watched_name) == ("accuracy", "max", "validation")
    assert ready.notes == ()
    outputs = torch.eye(10)[ready.train.y[:4]]
    assert ready.rank.of(outputs, ready.train.y[:4]) == 1
    assert ready.loss(outputs, ready.train.y[:4]).item() == pytest.approx(math.log(math.e + 9) - 1)


def test_overrides():
    ready = prepare(classify(), batch_size=16, epochs=3, device="cpu")
    assert (ready.batch_size, ready.epochs, ready.steps_per_epoch, ready.steps) == (16, 3, 5, 15)


def test_how_it_is_trained_is_part_of_a_key_where_it_is_not_as_ever():
    plain, given = prepare(classify()), {"accumulate": 4, "precision": "bf16", "patience": 2}
    assert (plain.accumulate, plain.precision, plain.patience) == (1, "full", None)
    assert not given.keys() & plain.content().keys()
    for ready in (prepare(classify(), **given), prepare(classify(**given))):
        assert ready.content() == plain.content() | given


class Rows(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index].numpy(), int(self.y[index])


FROZEN = "samples of the Dataset were read once and kept in memory; random transforms are frozen"


@pytest.mark.parametrize(
    "data",
    [
        [X, Y],
        (X.numpy(), Y.numpy()),
        (X.numpy().astype(">f4"), Y.numpy().astype(np.int16)),
        (X.double(), Y.to(torch.uint8)),
        (np.broadcast_to(X.numpy(), (1, 100, 3))[0], Y),
        (X.clone().requires_grad_(), Y),
        TensorDataset(X, Y),
        Rows(X, Y),
        Subset(Rows(torch.cat([X, X]), torch.cat([Y, Y])), range(100, 200)),
        DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True),
        DataLoader(Rows(X, Y), batch_size=8),
        DataLoader(TensorDataset(Y, X), batch_size=8, collate_fn=lambda rows: default_collate(rows)[::-1]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_every_form_of_the_same_data_gives_the_same_splits(data):
    ready, plain = prepare(classify(train=data, validation=(X, Y))), prepare(classify(validation=(X, Y)))
    assert same(ready.train, plain.train)
    assert (ready.train.x.dtype, ready.train.y.dtype) == (torch.float32, torch.long)
    assert not ready.train.x.requires_grad
    assert ready.fingerprint == plain.fingerprint
    assert (FROZEN in ready.notes) == isinstance(data, Dataset | DataLoader)


def test_anything_with_a_length_and_items_is_a_dataset():
    class Table:
        def __len__(self):
            return 100

        def __getitem__(self, index):
            return {"input": X[index], "label": int(Y[index])}

    class ByName(nn.Linear):
        def forward(self, input):
            return super().forward(input)

    ready = prepare(classify(model=lambda: ByName(3, 4), train=Table()))
    assert set(ready.train.x) == {"input"}
    assert FROZEN in ready.notes


def test_datasets_larger_than_one_reading_keep_their_order():
    x = torch.arange(1500.0).reshape(500, 3)
    ready = prepare(classify(train=TensorDataset(x, torch.arange(500) % 4), validation=(X, Y)))
    assert torch.equal(ready.train.x, x)


class InWorker(Rows):
    def __getitem__(self, index):
        return self.x[index], int(get_worker_info() is not None)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loaders_workers_do_the_reading(workers):
    loader = DataLoader(InWorker(X, Y), batch_size=8, num_workers=workers)
    assert prepare(classify(train=loader)).train.y.unique().tolist() == [workers]


class Noisy(Rows):
    def __getitem__(self, index):
        return self.x[index] + torch.rand(3), self.y[index]


def test_random_transforms_are_frozen_alike_every_time_and_leave_the_generator_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = prepare(classify(train=Noisy(X, Y)))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    second = prepare(classify(train=Noisy(X, Y)))
    assert first.fingerprint == second.fingerprint
    assert len(first.train.x.unique()) > 100


def test_the_batch_size_of_a_loader_is_not_used_and_that_is_said():
    loader = DataLoader(TensorDataset(X, Y), batch_size=25)
    ready = prepare(classify(train=loader))
    assert ready.batch_size == 8
    assert "the batch size is 8; the DataLoader's own, 25, is not used" in ready.notes
    assert not any("DataLoader" in note for note in prepare(classify(train=loader), batch_size=25).notes)


@given(count=st.integers(2, 400), share=st.floats(0.01, 0.6))
@settings(deadline=None, max_examples=50)
def test_held_out_samples_are_a_fixed_share_and_nothing_is_lost(count, share):
    x = torch.arange(count)
    task = Task(name="t", model=nn.Identity, loss="mse", train=(x, x * 2), validation_share=share)
    parts, notes = splits(task, "validation")
    again, _ = splits(task, "validation")
    held = len(parts["validation"])
    assert held == max(1, round(count * share))
    assert torch.equal(torch.cat([parts["train"].x, parts["validation"].x]).sort().values, x)
    assert all(torch.equal(part.y, part.x * 2) for part in parts.values())
    assert all(same(parts[name], again[name]) for name in parts)
    assert notes == (f"validation: {held} samples held out of the training data by a fixed shuffle",)


def test_the_held_out_part_is_shuffled():
    assert not torch.equal(prepare(classify()).watched.y, Y[-20:])


def test_watching_the_test_set_trains_on_everything_else():
    test = (X[:10] + 5, Y[:10])
    given = prepare(classify(train=(X[:80], Y[:80]), validation=(X[80:], Y[80:]), test=test), watch="test")
    assert torch.equal(given.train.x, X)
    assert torch.equal(given.watched.x, test[0])
    assert (given.watched_name, given.test) == ("test", None)
    assert given.notes == ("curves are on the test set", "the 20 validation samples are part of the training data")
    assert prepare(classify(test=test), watch="test").notes == ("curves are on the test set",)
    assert torch.equal(prepare(classify(test=test)).test.x, test[0])


@given(count=st.integers(1, 100), batch=st.integers(1, 100), epochs=st.integers(1, 9), drop=st.booleans())
@settings(deadline=None, max_examples=25)
def test_steps_are_those_of_a_data_loader(count, batch, epochs, drop):
    batch = min(batch, count)
    data = (X[:count], Y[:count])
    last = "drop" if drop else "keep"
    ready = prepare(classify(train=data, validation=(X, Y), batch_size=batch, epochs=epochs, last_batch=last))
    loader = DataLoader(TensorDataset(*data), batch_size=batch, drop_last=drop)
    assert ready.steps_per_epoch == len(loader)
    assert ready.steps == epochs * len(loader)


def test_the_models_own_type_is_given_to_the_data():
    def model():
        return nn.Linear(3, 1).double()

    ready = prepare(classify(model=model, loss="mse", train=(X, Y[:, None])))
    assert (ready.train.x.dtype, ready.train.y.dtype) == (torch.float64, torch.float64)
    assert "inputs converted from float32 to float64" in ready.notes
    assert "targets converted from int64 to float64" in ready.notes


def test_whole_number_inputs_stay_whole_for_an_embedding():
    def model():
        return nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 4))

    ready = prepare(classify(model=model, train=(torch.arange(300).reshape(100, 3) % 10, Y)))
    assert ready.train.x.dtype == torch.long


def test_dense_classes_and_a_loss_of_ones_own():
    dense = {"model": lambda: nn.Conv1d(1, 4, 1), "train": (X[:, None], (X > 0).long())}
    assert prepare(classify(**dense)).rank.of(torch.eye(4).expand(2, 4, 4), torch.arange(4).expand(2, 4)) == 1
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    ready = prepare(classify(loss=smooth))
    assert (ready.loss, ready.metrics, ready.rank.name, ready.rank.goal) == (smooth, (), "loss", "min")
    assert ready.rank.of is smooth


def test_metrics_rank_by_the_first():
    error = Metric("error", lambda outputs, targets: 1 - (outputs.argmax(1) == targets).float().mean(), "min")
    ready = prepare(classify(metrics=[error, "accuracy"]))
    assert ready.rank is error
    assert [metric.name for metric in ready.metrics] == ["error", "accuracy"]
    assert prepare(classify(metrics=[])).rank.name == "loss"
    assert prepare(classify(metrics="accuracy")).rank.name == "accuracy"


def test_a_metric_that_needs_the_whole_split_gets_it():
    def rare(outputs, targets):
        positives = targets == 3
        return outputs[positives, 3].mean()  # not a number where the class is absent

    y = torch.zeros(3000, dtype=torch.long)
    y[1] = 3
    ready = prepare(classify(validation=(torch.ones(3000, 3), y), metrics=[Metric("rare", rare)]))
    assert ready.rank.name == "rare"


def test_a_loss_that_looks_like_a_sum_is_told():
    ready = prepare(classify(loss=nn.CrossEntropyLoss(reduction="sum")))
    assert any("looks like a sum" in note for note in ready.notes)


def test_nothing_is_drawn_from_the_callers_generator_even_without_gradients():
    def model():
        return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))

    torch.manual_seed(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        prepare(classify(model=model))
    assert torch.equal(torch.get_rng_state(), state)
