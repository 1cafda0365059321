"""Data that is read while it is needed: the numbers of the same data in memory, with little of it at a time."""

import gc
import random
import threading
import weakref

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, default_collate, get_worker_info
from training.test_trainers import RECIPES, Double, ran

from surefoot import training
from surefoot.core.errors import DataError
from surefoot.core.record import Losses, Saved
from surefoot.core.run import Run
from surefoot.core.task import Task
from surefoot.core.units import Clock
from surefoot.tasks import prepare, read
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.on_demand import OnDemand
from surefoot.tasks.stream import Stream
from surefoot.training import Entry, Plan, Saving, bind
from surefoot.training.checkpoint import Checkpoint
from surefoot.training.fused import FusedTrainer
from surefoot.training.loop import LoopTrainer
from surefoot.training.parcel import pack, unpack
from surefoot.training.place import Work
from surefoot.training.trainer import Updates, order

N = 700
DRAW = torch.Generator().manual_seed(0)
X = torch.randn(N, 6, generator=DRAW, dtype=torch.float64)
Y = (X @ torch.randn(6, 3, generator=DRAW, dtype=torch.float64)).argmax(1)
HELD = (X[:50] + 0.1, Y[:50])


class Rows(Dataset):
    """Counts what was read of it, and how many of its samples there are at the same time."""

    def __init__(self, x=X, y=Y):
        self.x, self.y = x, y
        self.read, self.alive, self.most = [], 0, 0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, number):
        sample = self.x[number].clone()
        self.read.append(number)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(sample, self.gone)
        return sample, int(self.y[number])

    def gone(self):
        self.alive -= 1


class Flow(IterableDataset):
    def __init__(self, x=X, y=Y):
        self.x, self.y, self.begun = x, y, 0

    def __iter__(self):
        self.begun += 1
        yield from zip(self.x, self.y, strict=True)


def task_of(data, **given):
    defaults = {"name": "made", "model": lambda: Double(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))}
    defaults |= {"loss": "cross_entropy", "batch_size": 32, "epochs": 2}
    return prepare(Task(train=data, **defaults | given))


def same(first, second):
    for what in ("losses", "seen", "finished"):
        mine, theirs = first[what], second[what]
        if what == "finished":
            mine, theirs = ({run: event.final for run, event in each.items()} for each in (mine, theirs))
        assert mine == theirs


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_the_numbers_are_those_of_the_data_in_memory(trainer):
    """Bit for bit, with samples held out; and never more than some pieces of the data are there."""
    rows = Rows()
    test = (X[:40] * 2, Y[:40])
    lazy, held = task_of(rows, in_memory=False, test=test), task_of(Rows(), in_memory=True, test=test)
    assert isinstance(lazy.train, OnDemand)
    assert isinstance(held.train, InMemory)
    assert (lazy.fingerprint, lazy.content()) == (held.fingerprint, held.content())
    rows.read.clear()
    same(ran(lazy, trainer=trainer), ran(held, trainer=trainer))
    gc.collect()
    assert rows.alive == 0
    assert rows.most <= 256


def test_rows_of_one_seed_share_what_is_read():
    """Two epochs of four rows: every sample is read twice for each seed, in the order of the seed."""
    rows = Rows()
    task = task_of(rows, validation=HELD)
    lazy = task_of(rows, validation=HELD, in_memory=False)
    entries = [
        Entry(Run(i, r, s), bind(r, Clock(task.steps, task.steps_per_epoch)))
        for i, (r, s) in enumerate((r, s) for s in (0, 1) for r in RECIPES[:2])
    ]
    for kind in (LoopTrainer, FusedTrainer):
        trainer = kind(lazy, [entry.row() for entry in entries])
        rows.read.clear()
        samples = {seed: order(lazy, seed, 0)[:64].view(2, 32) for seed in (0, 1)}
        trainer.advance(Updates(0, samples, [entry.row().hyper for entry in entries]))
        expected = [number for i in range(2) for seed in (0, 1) for number in samples[seed][i].tolist()]
        assert rows.read == expected


def test_a_file_of_numbers_is_mapped(tmp_path):
    for name, tensor in (("x", X), ("y", Y)):
        np.save(tmp_path / f"{name}.npy", tensor.numpy())
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    mapped = task_of((x, y), in_memory=False)
    assert isinstance(mapped.train, OnDemand)
    assert isinstance(task_of((x, y)).train, InMemory)
    plain = task_of((X, Y))
    assert mapped.fingerprint == plain.fingerprint
    same(ran(mapped, RECIPES[:2], trainer="loop"), ran(plain, RECIPES[:2], trainer="loop"))
    dicts = task_of({"x": x, "labels": y}, in_memory=False).train
    inputs, targets = dicts.take(torch.tensor([[3], [1]]))
    assert torch.equal(inputs["x"], X[dicts.index[[3, 1]]][:, None])
    assert torch.equal(targets, Y[dicts.index[[3, 1]]][:, None])


class InWorker(Rows):
    def __getitem__(self, number):
        assert get_worker_info() is not None
        return self.x[number], self.y[number]


def test_a_loaders_workers_and_its_collate_function_do_the_reading():
    def collate(samples):
        x, y = default_collate(samples)
        return {"x": x * 2, "labels": y}

    loader = DataLoader(InWorker(), batch_size=8, shuffle=True, collate_fn=collate, num_workers=1)
    fetched = read.read(loader, "train", True)[0]
    assert torch.equal(fetched.x["x"], X * 2)
    lazy = read._on_demand(read._Source(loader.dataset, "train", collate, 1), N)
    index = torch.randint(0, N, (5, 2, 8))
    before = torch.get_rng_state()
    for _ in range(2):
        for wanted, (x, y) in zip(index, lazy.batches(index), strict=True):
            assert torch.equal(x["x"], X[wanted] * 2)
            assert torch.equal(y, Y[wanted])
    next(lazy.parts(10))  # what is not read to its end harms no later reading
    assert torch.equal(torch.cat([x["x"] for x, _ in lazy.parts(300)]), X * 2)
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_the_memory_is_read_when_it_is_needed(monkeypatch):
    monkeypatch.setattr(read, "_room", lambda: N * 56)
    assert isinstance(task_of(Rows(), validation=HELD).train, InMemory)
    monkeypatch.setattr(read, "_room", lambda: N * 56 - 1)
    task = task_of(Rows(), validation=HELD)
    assert isinstance(task.train, OnDemand)
    assert "train: 700 samples, about 0.0392 MB, are read from the data when they are needed" in task.notes[0]
    assert isinstance(task_of(Rows(), validation=HELD, in_memory=True).train, InMemory)


def test_tensors_that_are_there_are_taken_as_they_are(monkeypatch):
    monkeypatch.setattr(read, "_room", lambda: 0)
    task = task_of(TensorDataset(X, Y), validation=HELD, in_memory=False)
    assert isinstance(task.train, InMemory)
    assert task.train.x.data_ptr() == X.data_ptr()


class Jittered(Rows):
    def __getitem__(self, number):
        return self.x[number] + torch.rand(6, dtype=torch.float64), self.y[number]


class Unsteady(Rows):
    def __getitem__(self, number):
        return self.x[number] + random.random(), self.y[number]


def test_random_transforms_are_frozen_to_their_sample():
    task = task_of(Jittered(), validation=HELD, in_memory=False)
    before = torch.get_rng_state()
    (alone, _), (together, _) = task.train.take(torch.tensor([7])), task.train.take(torch.tensor([[3, 7], [7, 9]]))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(together[0, 1], alone[0])
    assert torch.equal(together[1, 0], alone[0])
    assert not torch.equal(together[0, 0] - X[3], together[1, 1] - X[9])
    fused, loop = (ran(task, RECIPES[:2], trainer=trainer) for trainer in ("fused", "loop"))
    assert fused["losses"][0] == pytest.approx(loop["losses"][0], rel=1e-9)
    with pytest.raises(DataError, match=r"not the same whenever they are read.*Draw random numbers from torch alone"):
        task_of(Unsteady(), validation=HELD, in_memory=False)


def test_watching_the_test_set_joins_what_is_read_and_what_is_held():
    given = {"name": "t", "model": lambda: nn.Linear(6, 3).double(), "loss": "cross_entropy", "test": HELD}
    given |= {"train": Rows(X[:600], Y[:600]), "validation": (X[600:], Y[600:])}
    lazy, held = (prepare(Task(in_memory=in_memory, **given), watch="test") for in_memory in (False, True))
    assert lazy.fingerprint == held.fingerprint
    assert len(lazy.train) == N
    index = torch.tensor([[650, 3], [599, 600]])
    assert torch.equal(lazy.train.take(index)[0], X[index])
    assert torch.equal(lazy.train.y, Y)
    same(ran(lazy, RECIPES[:1], trainer="loop"), ran(held, RECIPES[:1], trainer="loop"))


class Failing(Rows):
    def __getitem__(self, number):
        return self.x[number][: 5 if number == 500 else 6], self.y[number]


class Late(Rows):
    def __getitem__(self, number):
        return self.x[number] / (number != 600), self.y[number]


def uneven(rows):
    return torch.zeros(len(rows), 7 if len(rows) == 188 else 6).double(), Y[: len(rows)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Failing(), "the samples of the train data cannot be read into one tensor: RuntimeError"),
        (Late(), "hold values that are not finite.*in sample 600"),
        (Rows(y=Y + 1), "outside the model's 3 classes, 0 to 2; received '1 to 3'"),
        (DataLoader(Rows(), collate_fn=uneven),
         r"not all of one form: .*1, 6.*received .*188, 7.*Pad or cut every sample"),
    ],
)  # fmt: skip
def test_bad_samples_are_found_before_training(data, said):
    with pytest.raises(DataError, match=said):
        task_of(data, validation=HELD, in_memory=False)


@pytest.mark.parametrize("given", [Flow, lambda: DataLoader(Flow(), batch_size=37)], ids=["dataset", "loader"])
@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_a_stream_is_read_in_its_own_order_in_every_epoch(given, trainer):
    """As the same data in memory would be, if it were not shuffled."""
    task = task_of(given(), validation=HELD)
    assert isinstance(task.train, Stream)
    assert (len(task.train), task.steps_per_epoch) == (N, 22)
    assert "train: a stream of 700 samples, read in its own order, the same in every epoch" in task.notes[-1]

    class Plain(InMemory):
        in_order = True

    plain = task_of((X, Y), validation=HELD)
    object.__setattr__(plain, "train", Plain(X, Y))
    same(ran(task, trainer=trainer), ran(plain, trainer=trainer))


def test_a_stream_may_be_watched_and_is_read_once_an_epoch():
    train, validation = Flow(), Flow(*HELD)
    task = task_of(train, validation=validation)
    train.begun = validation.begun = 0
    entry = Entry(Run(0, RECIPES[0], 0), bind(RECIPES[0], Clock(task.steps, task.steps_per_epoch)))
    training.train(task, [entry], Plan("loop", "here", False, 1, 1, [[[0]]]), lambda event: None)
    assert train.begun == task.epochs - 1  # the first goes on from what was tried
    assert validation.begun <= 2 * task.epochs + 1  # its targets are kept
    whole = task_of((X, Y), validation=HELD)
    assert torch.equal(task.watched.y, whole.watched.y)


class Growing(IterableDataset):
    """Has one sample more, or one less, from its third pass on."""

    def __init__(self, by):
        self.by, self.passes = by, 0

    def __iter__(self):
        self.passes += 1
        yield from list(zip(X, Y, strict=True))[: 600 + (self.by if self.passes > 2 else 0)]


@pytest.mark.parametrize(("by", "said"), [(-1, "it ended after 599 in a later one"), (1, "it goes on in a later one")])
def test_a_stream_of_another_length_is_refused_when_it_is_seen(by, said):
    task = task_of(Growing(by), validation=HELD)
    with pytest.raises(DataError, match=f"had 600 samples in the first; received '{said}'"):
        ran(task, RECIPES[:1], trainer="loop")


def test_an_empty_stream_and_one_that_raises():
    class Broken(IterableDataset):
        def __iter__(self):
            yield X[0], Y[0]
            raise OSError("the line is down")

    with pytest.raises(DataError, match="the train data is empty"):
        task_of(Flow(X[:0], Y[:0]), validation=HELD)
    with pytest.raises(DataError, match="OSError: the line is down") as refused:
        task_of(Broken(), validation=HELD)
    assert isinstance(refused.value.__cause__, OSError)


def test_a_stream_draws_its_own_random_numbers():
    class Random(IterableDataset):
        def __iter__(self):
            for x, y in zip(X, Y, strict=True):
                yield x + torch.rand(6, dtype=torch.float64), y

    task = task_of(Random(), validation=HELD)
    first = task.train.take(torch.arange(600))[0]
    torch.rand(7)
    again = torch.cat([x for x, _ in task.train.parts(90)])[:600]
    assert torch.equal(first, again)
    assert torch.equal(task.train.take(torch.arange(200, 210))[0], first[200:210])


def test_a_stream_that_fits_the_memory_may_be_kept_there():
    task = task_of(Flow(), in_memory=True)
    assert isinstance(task.train, InMemory)
    assert task.fingerprint == task_of((X, Y)).fingerprint


@pytest.mark.parametrize("data", [Rows, Flow])
def test_training_goes_on_in_the_middle_of_an_epoch(data, tmp_path, monkeypatch):
    """From a checkpoint, in another process's eyes: the task is prepared anew."""
    monkeypatch.setattr("surefoot.training.lockstep.STRIDE", 5)

    def entries(task):
        clock = Clock(task.steps, task.steps_per_epoch)
        return [Entry(Run(i, recipe, 1), bind(recipe, clock)) for i, recipe in enumerate(RECIPES[:2])]

    plan = Plan("loop", "here", False, 1, 2, [[[0], [1]]])
    files = []

    def save(tensors, about):
        files.append(tmp_path / str(len(files)))
        torch.save((tensors, about), files[-1])
        return files[-1].name

    events = []
    task = task_of(data(), validation=HELD, in_memory=False)
    training.train(task, entries(task), plan, events.append, saving=Saving(save, 0.0))
    saved = next(e for e in events if isinstance(e, Saved) and e.step % task.steps_per_epoch)
    start = Checkpoint.of(*torch.load(tmp_path / saved.checkpoint, weights_only=True))
    again = []
    other = task_of(data(), validation=HELD, in_memory=False)
    training.train(other, entries(other), plan, again.append, starts={0: start})
    tail = {(e.run, e.start): e.values.tolist() for e in again if isinstance(e, Losses)}
    whole = {(e.run, e.start): e.values.tolist() for e in events if isinstance(e, Losses)}
    assert tail
    assert tail.items() <= whole.items()
    assert len(tail) < len(whole)


@pytest.mark.parametrize("data", [Rows, Flow])
def test_other_processes_read_the_data_themselves(data, tmp_path):
    task = task_of(data(), validation=HELD, in_memory=False)
    task.train.take(torch.arange(3))
    pack(Work(task, Plan("loop", "here", False, 1, 1, [[[0]]]), (), []), tmp_path)
    sent = unpack(tmp_path).task
    assert type(sent.train) is type(task.train)
    for ours, theirs in ((task.train, sent.train), (task.watched, sent.watched)):
        assert torch.equal(ours.take(torch.arange(9))[0], theirs.take(torch.arange(9))[0])


def test_a_dataset_that_cannot_be_sent_is_named():
    rows = Rows()
    rows.lock = threading.Lock()
    task = task_of(rows, validation=HELD, in_memory=False)
    with pytest.raises(TypeError, match=r"cannot pickle '_thread.lock'"):
        cloudpickle.dumps(task)
