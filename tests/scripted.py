"""A study of two tiles that trains by script: what it says is a function of run and step, and it can be continued."""

import json
import os
import sqlite3
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from made import facts

from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Finished, Losses, Note, Observation, Observed, Progress, Saved
from surefoot.core.run import Run

MEMORY = Path(":memory:")
LOOK, SAVE, STRIDE = 10, 15, 5  # updates between two observations, two checkpoints, two words about losses
KNOWN = facts(seeds=(0, 1), epochs=4)  # 40 steps
RUNS = [
    Run(index, Recipe(name, "sgd", 0.1), seed, f"key {index}")
    for index, (name, seed) in enumerate((name, seed) for name in ("calm", "wild") for seed in (0, 1))
]
TILES = [[0, 2], [1, 3]]
LOST = {2: 23, 3: 35}  # the step at which a run diverges


def tile(store, number, start=0, checkpoint=None):
    """What a trainer says about a tile from `start` on."""
    import torch  # here, so that processes that only write records start quickly

    alive = TILES[number]
    if checkpoint is not None:
        tensors, about = store.checkpoints.read(checkpoint)
        kept = json.loads(about)
        assert (kept["tile"], kept["step"]) == (number, start)
        assert tensors["weights"].tolist() == [float(start)] * 3
        alive = kept["alive"]
    for step in range(start, KNOWN.steps, STRIDE):
        for run in list(alive):
            end = min(step + STRIDE, LOST.get(run, KNOWN.steps))
            if end > step:
                yield Losses(run, step, losses(run, step, end))
            if end < step + STRIDE:
                yield Diverged(run, end)
                yield Finished(run, 0.5)
                alive = [other for other in alive if other != run]
        now = step + STRIDE
        if now % LOOK == 0:
            for run in alive:
                yield Observed(run, observation(run, now))
        yield Progress(now, KNOWN.steps, len(alive), 2, "scripted")
        if store.checkpoints is not None and now % SAVE == 0 and now < KNOWN.steps:
            about = json.dumps({"tile": number, "step": now, "alive": alive})
            yield Saved(number, now, store.checkpoints.write({"weights": torch.full((3,), float(now))}, about))
    for run in alive:
        yield Finished(run, 1.5, {"accuracy": 0.25})
    yield Progress(KNOWN.steps, KNOWN.steps, 0, 2, "scripted")


def losses(run, start, stop):
    return np.arange(start, stop) + 1000.0 * run


def observation(run, step):
    return Observation(step, {"loss": 1 / (step + run), "accuracy": step / 100, "train_loss": 0.5})


def train(store, *, hook=lambda event: None):
    """Begin a study or go on with the one there is, as a command does; its number."""
    found = store.find([run.key for run in RUNS])
    if found and found[0].status == "done":
        return found[0].id
    study = found[0].id if found else store.begin("compare", KNOWN, {}, RUNS)
    left = store.reopen(study) if found else None
    if left is None or left.plan is None:
        store.plan(study, {"tiles": TILES, "trainer": "scripted"})
        stages = dict.fromkeys(range(len(TILES)), (0, None))
    else:
        assert left.plan == {"tiles": TILES, "trainer": "scripted"}
        assert left.stages.keys() | left.finished == {0, 1}
        stages = left.stages
    sink, status = store.sink(study), "failed"
    try:
        sink(Note("told once"))
        for event in alternately([tile(store, number, *stage) for number, stage in stages.items()]):
            hook(event)
            sink(event)
        status = "done"
    finally:
        store.finish(study, status, 2.0, "scripted")
    return study


def alternately(streams):
    """What several processes say, one word each in turn."""
    while streams:
        for stream in list(streams):
            try:
                yield next(stream)
            except StopIteration:
                streams.remove(stream)


def said(study):
    """What a study says that must not depend on how it came about: all but the times."""
    runs = [
        (run.run, run.status, run.diverged, run.observations, run.losses.tolist(), dict(run.final))
        for run in study.runs
    ]
    return study.status, study.notes, study.trainer, runs


@contextmanager
def interposed(at):
    """Call `at(what, when)` around every write: each statement of SQL, each call that makes a checkpoint's file.

    `when` is "before", "after", and for the file also "half": half is written, and stays so where `at` says "stay".
    """

    class Connection(sqlite3.Connection):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            super().execute("PRAGMA synchronous = OFF")  # here nobody waits for the disk

        def execute(self, statement, *given):
            if statement.startswith("SELECT") or (statement.startswith("PRAGMA") and "=" not in statement):
                return super().execute(statement, *given)
            statement = "PRAGMA synchronous = OFF" if "synchronous" in statement else statement
            return around(super().execute)(statement, *given)

        def executescript(self, script):
            return around(super().executescript)(script)

    def around(call):
        def called(*given):
            at(f"{call.__name__} {given[0]}", "before")
            found = call(*given)
            at(f"{call.__name__} {given[0]}", "after")
            return found

        return called

    def fsync(number):
        pass

    import safetensors.torch

    save = safetensors.torch.save_file

    def save_file(tensors, path, metadata):
        at("save_file", "before")
        save(tensors, path, metadata)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        if at("save_file", "half") != "stay":
            Path(path).write_bytes(whole)
            at("save_file", "after")

    with (
        mock.patch("sqlite3.connect", partial(sqlite3.connect, factory=Connection)),
        mock.patch("os.fsync", around(fsync)),
        mock.patch("os.replace", around(os.replace)),
        mock.patch("safetensors.torch.save_file", save_file),
    ):
        yield
