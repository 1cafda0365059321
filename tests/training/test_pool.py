"""Processes train what one process would; one that dies costs nothing but time, and none stays."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from attrs import evolve, frozen
from torch import nn

from surefoot.core.errors import TaskError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Failed, Finished, Losses, Note, Observation, Observed, Progress, Saved
from surefoot.core.run import Run
from surefoot.core.task import Metric, Task
from surefoot.core.units import Clock
from surefoot.tasks import load, prepare
from surefoot.training import Entry, Plan, Saving, bind, train
from surefoot.training.checkpoint import Checkpoint
from surefoot.training.parcel import DATA, REST, pack, unpack
from surefoot.training.place import Work
from surefoot.training.scratch import scratch
from surefoot.training.told import Told
from surefoot.training.tree import bundled

RECIPES = [  # the first one's rate halves after every epoch but the first: it depends on how many were seen
    Recipe("plateau", "sgd(momentum=0.9)", 0.05, "plateau(0.5, patience=0, threshold=1e9, threshold_mode='abs')"),
    Recipe("adam", "adam(weight_decay=0.01)", 0.01, "warmup('30%') >> cosine()"),
]
WILD = Recipe("wild", "sgd(weight_decay=1e30)", 1e30)


@pytest.fixture(autouse=True, params=["spawned", "forked"])
def way(request, monkeypatch):
    """Both ways in which processes begin; what is about packing marks itself as of new programs."""
    if request.param == "spawned":
        monkeypatch.setattr("surefoot.training.pool.can_fork", lambda task: False)
    elif request.node.get_closest_marker("spawned"):
        pytest.skip("nothing is packed for a copy of this process")


def model():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3)).double()


def task_of(model=model, **options):
    """Nine updates an epoch, six epochs."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(90, 6, generator=generator, dtype=torch.float64)
    y = (x @ torch.randn(6, 3, generator=generator, dtype=torch.float64)).argmax(1)
    given = {"loss": "cross_entropy", "train": (x, y), "test": (x[:20], y[:20]), "batch_size": 8, "epochs": 6}
    return prepare(Task(name="made", model=model, **given | options))


def entries_of(task, recipes=RECIPES, seeds=(0, 1)):
    runs = [Run(i, r, s) for i, (r, s) in enumerate((r, s) for r in recipes for s in seeds)]
    return [Entry(run, bind(run.recipe, Clock(task.steps, task.steps_per_epoch))) for run in runs]


def ran(task, place, recipes=RECIPES, seeds=(0, 1), tiles=None, trainer="loop", past=None, **options):
    """Everything that training says."""
    events, here = [], threading.current_thread()

    def sink(event):
        assert threading.current_thread() is here
        events.append(event)

    entries = entries_of(task, recipes, seeds)
    entries = [evolve(entry, past=(past or {}).get(entry.run.index, ())) for entry in entries]
    tiles = [[[k] for k in tile] for tile in tiles or [[k] for k in range(len(entries))]]
    train(task, entries, Plan(trainer, place, False, 1, len(tiles[0]), tiles), sink, **options)
    return events


def numbers(events):
    """What was told of each run, in order, without what differs between two trainings: time and chunks."""
    told = {}
    for event in events:
        match event:
            case Losses(run=run, start=start, values=values):
                told.setdefault(run, []).extend(enumerate(values.tolist(), start))
            case Observed(run=run, observation=seen):
                told.setdefault(run, []).append((seen.step, dict(seen.values)))
            case Diverged(run=run, step=step):
                told.setdefault(run, []).append(("diverged", step))
            case Finished(run=run, final=final):
                told.setdefault(run, []).append(("finished", dict(final)))
            case Failed(run=run):
                told.setdefault(run, []).append(("failed",))
    return told


def notes(events):
    return [event.text for event in events if isinstance(event, Note)]


@frozen
class Folder:
    """Keeps checkpoints as files, each under a name of its own."""

    path: Path

    def save(self, tensors, about):
        name = f"{time.monotonic_ns()}-{os.getpid()}"
        torch.save((tensors, about), self.path / name)
        return name

    def read(self, name):
        return Checkpoint.of(*torch.load(self.path / name, weights_only=True))


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Temporary files of the pool: none is left, and no process either."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.glob("surefoot-*")) == []
    assert psutil.Process().children() == []


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_the_numbers_are_those_of_one_process_from_the_start_and_from_a_checkpoint(tmp_path, trainer, monkeypatch):
    """Bit for bit. Tile 0 goes on from a checkpoint that has seen some epochs: its plateau remembers them."""
    task, folder = task_of(), Folder(tmp_path)
    tiles = None if trainer == "loop" else [[0, 1, 2], [3, 4, 5]]
    given = {"recipes": [*RECIPES, WILD], "tiles": tiles, "trainer": trainer}
    monkeypatch.setattr("surefoot.training.lockstep.SHARE", 0)  # a checkpoint after every look
    whole = ran(task, "here", saving=Saving(folder.save, 0.0), **given)
    every = [event for event in whole if isinstance(event, Saved) and event.tile == 0]
    saved = every[len(every) // 2]
    assert task.steps_per_epoch < saved.step < task.steps
    before = whole[: whole.index(saved)]
    past = {run: [e.observation for e in before if isinstance(e, Observed) and e.run == run] for run in range(6)}
    start = folder.read(saved.checkpoint)
    rest = ran(task, "here", past=past, starts={0: start}, **given)
    pooled = ran(task, "pool", past=past, starts={0: start}, **given)
    assert numbers(pooled) == numbers(rest)
    assert numbers(pooled)[0] == numbers(whole)[0][-len(numbers(pooled)[0]) :]
    assert len(numbers(pooled)[0]) < len(numbers(whole)[0])
    assert {event.run for event in pooled if isinstance(event, Diverged)} == {4, 5}
    assert notes(pooled) == []
    last = [event for event in pooled if isinstance(event, Progress)][-1]
    assert (last.done, last.alive, last.rows) == (last.total, 4, 6)


@pytest.mark.parametrize(("trainer", "kept"), [("loop", True), ("fused", False)])
def test_a_killed_process_costs_no_number_and_nothing_is_told_twice(tmp_path, trainer, kept):
    """The first process to look for the fifth time is killed, before it has told what it saw."""
    marker, folder, parent = tmp_path / "killed", Folder(tmp_path / "checkpoints"), os.getpid()
    folder.path.mkdir()
    looks = []

    def deadly(outputs, targets):
        looks.append(1)
        time.sleep(0.01)
        if len(looks) == 5 * rows and os.getpid() != parent:
            with contextlib.suppress(FileExistsError):
                marker.touch(exist_ok=False)  # only one process of all can make it
                os.kill(os.getpid(), signal.SIGKILL)
        return float((outputs.argmax(1) == targets).double().mean())

    tiles, rows = (None, 1) if trainer == "loop" else ([[0, 1], [2, 3]], 2)
    task = task_of(metrics=[Metric("accuracy", deadly)])
    looks.clear()
    saving = Saving(folder.save, 0.0) if kept else None
    pooled = ran(task, "pool", tiles=tiles, trainer=trainer, saving=saving)
    assert marker.exists()
    assert numbers(pooled) == numbers(ran(task, "here", tiles=tiles, trainer=trainer))
    (note,) = notes(pooled)
    assert "its process died (SIGKILL" in note
    assert note.startswith(("plateau, seed", "adam, seed"))
    assert ("and 1 more" in note) == (trainer == "fused")
    step = int(note.rpartition(" ")[2])
    saved = {event.step for event in pooled if isinstance(event, Saved)}
    assert step in saved if kept else (step, saved) == (0, set())
    assert all(folder.read(name.name) for name in folder.path.iterdir())


def test_a_tile_that_kills_its_processes_is_given_up_and_the_others_go_on():
    def deadly(outputs, targets):
        if outputs.abs().max() > 1e3:
            if os.fork() == 0:  # holds the pipe open for a while: that must not keep anyone waiting
                time.sleep(30)
            os._exit(3)
        return nn.functional.cross_entropy(outputs, targets)

    explosive = Recipe("explosive", "sgd", 1.0, "constant(1e-9, over='1ep') >> constant(1e9)")
    task, recipes = task_of(loss=deadly), [explosive, *RECIPES]
    pooled = ran(task, "pool", recipes, seeds=(0,))
    ours, theirs = numbers(pooled), numbers(ran(task, "here", RECIPES, seeds=(0,)))
    assert (ours[1], ours[2]) == (theirs[0], theirs[1])
    assert [entry[0] for entry in ours[0]] == [*range(9), 9, "failed"]
    reason = "its process died twice after step 0 (exit code 3)"
    assert [event for event in pooled if isinstance(event, Failed)] == [Failed(0, reason)]
    assert notes(pooled) == [
        "explosive, seed 0: its process died (exit code 3); it starts again from step 0",
    ]
    last = [event for event in pooled if isinstance(event, Progress)][-1]
    assert (last.done, last.alive, last.rows) == (last.total, 2, 3)


NEIGHBOUR = """
import torch

class Broken(Exception):
    pass

class Net(torch.nn.Linear):
    def forward(self, x):
        if self.training and self.weight.abs().max() > LIMIT:
            raise Broken("the weights are large")
        return super().forward(x)

LIMIT = float("inf")
"""
TASK = """
import neighbour
import torch
from neighbour import Net
from surefoot import Task

def task():
    x = torch.arange(600.0, dtype=torch.float64).reshape(100, 6) / 600
    return Task(name="file", model=make, loss="mse", train=(x, x[:, :1]))

def make():
    return Net(6, 1).double()
"""


def test_a_task_file_with_a_neighbour_is_sent_and_what_it_raises_comes_back(tmp_path):
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    (tmp_path / "made.py").write_text(TASK)
    task, given = prepare(load(tmp_path / "made.py"), epochs=4), {"recipes": RECIPES[:1], "seeds": (0,)}
    pooled = ran(task, "pool", **given)
    assert notes(pooled) == []
    assert numbers(pooled) == numbers(ran(task, "here", **given))
    neighbour = sys.modules["neighbour"]
    neighbour.LIMIT = 0.0
    with pytest.raises(neighbour.Broken, match="the weights are large") as caught:
        ran(task, "pool", **given)
    assert "in forward" in caught.value.__notes__[0]


class AwkwardError(Exception):
    """Cannot be unpickled: its arguments are not those that it was made of."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


@pytest.mark.parametrize(("found", "told"), [(float("nan"), TaskError), (AwkwardError, RuntimeError)])
def test_what_training_raises_is_raised_here(found, told):
    """A mistake that Surefoot finds as it is; what cannot be sent by its name."""
    looks, parent = [], os.getpid()

    def broken(outputs, targets):
        looks.append(1)
        if os.getpid() == parent or len(looks) < 5:
            return 1.0
        if found is AwkwardError:
            raise AwkwardError("a", "b")
        return found

    task = task_of(metrics=[Metric("broken", broken)])
    looks.clear()
    with pytest.raises(told) as caught:
        ran(task, "pool", RECIPES[:1], seeds=(0,), trainer="fused")
    if told is TaskError:
        assert "metric 'broken' is not finite for 'plateau', seed 0, after step 45" in str(caught.value)
        assert caught.value.remedy
        assert not hasattr(caught.value, "__notes__")
    else:
        assert str(caught.value) == "AwkwardError: a b"
        assert "in broken" in caught.value.__notes__[0]


class OnlyHere:
    """Is pickled, but cannot be unpickled in another process."""

    def __reduce__(self):
        return _only_in, (os.getpid(),)


def _only_in(process):
    assert os.getpid() == process, "not here"
    return OnlyHere()


@pytest.mark.spawned
@pytest.mark.parametrize(("burden", "why"), [(threading.Lock, "cannot pickle '_thread.lock'"), (OnlyHere, "not here")])
def test_a_task_that_cannot_be_sent_is_trained_here(burden, why):
    burden = burden()
    task = task_of(lambda: model() if burden else None)
    pooled = ran(task, "pool", RECIPES[:1], trainer="fused")
    (note,) = notes(pooled)
    assert "the task cannot be sent to other processes" in note
    assert why in note
    assert numbers(pooled) == numbers(ran(task, "here", RECIPES[:1], trainer="fused"))


# Without a guard: a process that ran this file again would begin a pool of its own.
SCRIPT = """
import os, signal, sys, time
import torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
sys.path.insert(0, sys.argv[1])
from training.test_pool import RECIPES, entries_of, task_of
from surefoot.core.record import Losses
from surefoot.training import Plan, train

print("begun", flush=True)

calls, told, parent, stuck = [], [], os.getpid(), sys.argv[2] == "stuck"

def slow(outputs, targets):
    calls.append(1)
    if len(calls) > 20 and os.getpid() != parent and stuck:
        time.sleep(1000)
    return torch.nn.functional.cross_entropy(outputs, targets)

def sink(event):
    if isinstance(event, Losses) and not told:
        told.append(print("losses", flush=True))

task = task_of(loss=slow, epochs=10_000)
train(task, entries_of(task), Plan("fused", "pool", False, 1, 1, [[[0]], [[1]], [[2]], [[3]]]), sink)
"""


@pytest.mark.parametrize(("how", "state"), [("SIGTERM", "busy"), ("SIGINT", "stuck"), ("SIGKILL", "stuck")])
def test_no_process_outlives_the_one_that_began_it(tmp_path, temporary, how, state):
    (tmp_path / "script.py").write_text(SCRIPT)
    script = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(Path(__file__).parent.parent), state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert script.stdout.readline() == "begun\n"
    assert script.stdout.readline() == "losses\n"
    workers = psutil.Process(script.pid).children()
    assert len(workers) == min(4, len(os.sched_getaffinity(0)))
    number = signal.Signals[how]
    if how == "SIGKILL":
        script.kill()
    else:
        for worker in workers:
            worker.send_signal(number)
        assert psutil.wait_procs(workers, timeout=1)[0] == []
        os.killpg(script.pid, number)  # as a terminal or a scheduler does
    out, err = script.communicate(timeout=60)
    assert "begun" not in out
    _gone, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    assert err.count("Traceback") == err.count("KeyboardInterrupt") == (how == "SIGINT")


def test_the_data_are_written_once_and_mapped(tmp_path):
    x = torch.randn(100_000, 6)
    task = prepare(Task(name="large", model=lambda: nn.Linear(6, 1), loss="mse", train=(x, x[:, :1].clone())))
    torch.set_float32_matmul_precision("high")
    try:
        pack(Work(task, Plan("loop", "pool", False, 1, 1, []), (), []), tmp_path)
        torch.set_float32_matmul_precision("highest")
        read = unpack(tmp_path).task
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    size = sum(t.nbytes for split in (task.train, task.watched) for t in (split.x, split.y))
    assert (tmp_path / DATA).stat().st_size < 1.1 * size
    assert (tmp_path / REST).stat().st_size < 20_000
    for ours, theirs in ((read.train, task.train), (read.watched, task.watched)):
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.y, theirs.y)
    assert read.test is None
    assert str(tmp_path / DATA) in {mapped.path for mapped in psutil.Process().memory_maps()}


def test_what_was_told_is_not_told_again():
    heard = []
    told = Told(heard.append)
    seen = Observation(4, {"loss": 1.0})
    first = [Losses(0, 2, np.arange(2.0, 6.0)), Observed(0, seen), Diverged(1, 3), Finished(1, 0.5)]
    again = [Losses(0, 2, np.arange(2.0, 4.0)), *first, Losses(0, 4, np.arange(4.0, 9.0)), Saved(0, 9, "a")]
    for event in [*first, *again]:
        told(event)
    assert all(ours is theirs for ours, theirs in zip(heard, first, strict=False))
    rest, saved = heard[4:]
    assert (rest.start, rest.values.tolist()) == (6, [6.0, 7.0, 8.0])
    assert saved is again[-1]


def test_what_a_killed_process_left_behind_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("surefoot.training.scratch.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, other = tmp_path / "surefoot-left", tmp_path / "surefoot-other"
    for folder in (left, other):
        folder.mkdir()
        (folder / "data.pt").write_text("data")
    (left / "lock").touch()  # of a process that is gone; the other folder is not known to be ours
    with scratch() as first, scratch() as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()
    assert [path.name for path in tmp_path.glob("surefoot-*")] == ["surefoot-other"]


def test_runs_that_share_a_row_come_back_from_the_pool_with_the_numbers_of_separate_runs():
    task = task_of()
    same = [Recipe(name, "sgd(momentum=0.9)", 0.05, text) for name, text in TRUNK.items()]
    found = {}
    for share in (True, False):
        events = []
        entries = entries_of(task, same, (0, 1))
        bundles = [bundle for bundle, _ in bundled(entries, share=share)]
        train(task, entries, Plan("loop", "pool", False, 1, 1, [[bundle] for bundle in bundles]), events.append)
        found[share] = numbers(events), len(bundles)
    assert found[True][0] == found[False][0]
    assert (found[True][1], found[False][1]) == (2, 6)


TRUNK = {"long": "constant()", "step": "multistep(['60%'], factor=0.1)", "falling": "linear()"}
