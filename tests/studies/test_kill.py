"""`kill -9` at any moment, then --resume: the numbers of a study that nothing disturbed, and little work done twice."""

import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from itertools import pairwise

import pytest
from sittings import Server, ask, is_sound, numbers

from surefoot.store import FILE
from surefoot.training.compiler import compiler_found

TASK = """
import torch
import surefoot as sf


def model():
    layers = [torch.nn.Linear(6, WIDTH), torch.nn.BatchNorm1d(WIDTH), torch.nn.ReLU(), torch.nn.Dropout(0.3)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 3)).double()


def task():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(600, 6, generator=g, dtype=torch.float64)
    y = x[:, :3].argmax(1)
    return sf.Task(name="small", model=model, loss="cross_entropy", train=(x[:400], y[:400]), test=(x[400:], y[400:]),
                   batch_size=24)
"""
RECIPES = """
- {name: plateau, optimizer: sgd(momentum=0.9), lr: 0.3, schedule: "plateau(factor=0.5, patience=1)"}
- {name: adam, optimizer: adam, lr: 0.01, schedule: "warmup('10%') >> cosine()"}
- {name: wild, optimizer: sgd(weight_decay=1e30), lr: 1.0e+30}
- {name: later, optimizer: sgd(weight_decay=1.0), lr: 0.001, schedule: "exponential(10, every='10%')"}
"""
COMMAND = ("compare", "small.py", "--recipes", "small.yaml", "--seeds", "2", "--checkpoint-every", "0.1")
WAYS = {
    "loop": ("--trainer", "loop", "--place", "here", "--epochs", "40"),
    "fused": ("--trainer", "fused", "--place", "here", "--no-compile", "--tile", "3", "--epochs", "25"),
    "pool": ("--trainer", "loop", "--place", "pool", "--epochs", "200"),
}
KILLS = {"loop": 16, "fused": 12, "pool": 4}  # while it trains


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(TORCHINDUCTOR_CACHE_DIR=str(tmp_path_factory.mktemp("compiled")))
    yield server
    server.close()


@pytest.fixture
def here(tmp_path):
    (tmp_path / "small.py").write_text(TASK.replace("WIDTH", "24"))
    (tmp_path / "small.yaml").write_text(RECIPES)
    return tmp_path


class Study:
    """A study in a folder of its own, in as many sittings as it takes."""

    def __init__(self, server, here, name, *options):
        self.server, self.here, self.folder = server, here, here / name
        self.arguments = (*COMMAND, *options, "--resume", "--out", name)
        self.left = []  # after each kill
        self.kills = 0

    def begin(self):
        return self.server.begin(self.here, *self.arguments)

    def whole(self):
        """Train all that is left; the seconds that it took."""
        sitting, began = self.begin(), time.monotonic()
        assert sitting.end() == 0, sitting.said
        self.check_note(sitting)
        return time.monotonic() - began

    def killed(self, until, seconds=0.0):
        """A sitting that is killed so long after a condition holds, if it is not over before: all its processes, or
        only the first, in turn."""
        group = len(self.left) % 2 == 0
        sitting = self.begin()
        if sitting.until(lambda: until(self, sitting)):
            time.sleep(seconds)
        sitting.kill(group=group)
        self.over(sitting)

    def over(self, sitting):
        """A sitting that was killed is over."""
        code = sitting.end()
        assert code in (0, -signal.SIGKILL), sitting.said
        self.check_note(sitting)
        self.left.append(left(self.folder))
        self.kills += code != 0

    def check_note(self, sitting):
        """What a sitting says it goes on from is what the one before has left."""
        if "resumed" not in sitting.said:
            return
        tiles, _ = self.left[-1]
        steps = sorted({stop for status, stop in tiles.values() if status != "done" and stop})
        finished = f"{sum(status == 'done' for status, _ in tiles.values())} of {len(tiles)} tiles were finished"
        going_on = f"go on from step {', '.join(map(str, steps))}\n" if steps else "finished\n"
        line = next(line for line in sitting.said.splitlines(keepends=True) if "resumed" in line)
        assert (finished in line and line.endswith(going_on)) if tiles else "nothing had been trained" in line


def left(folder):
    """The status of each tile and the step it can go on from; and the time that runs of finished tiles took. From a
    copy, so that it is the next sitting that finds the file as it was left."""
    copy = folder.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in (FILE, f"{FILE}-wal"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, copy / name)
    with closing(sqlite3.connect(copy / FILE)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'stages'").fetchall():
            return {}, {}
        tiles = {tile: (status, stop) for tile, status, stop in db.execute("SELECT stage, status, stop FROM stages")}
        query = "SELECT run, runs.seconds FROM runs JOIN stage_runs USING (study, run) JOIN stages USING (study, stage)"
        return tiles, dict(db.execute(f"{query} WHERE stages.status = 'done'"))


def at_once(study, sitting):
    return True


def has_begun(study, sitting):
    return "note: " in sitting.said


def trains():
    """Whether something was recorded since the sitting began."""
    seen = []

    def holds(study, sitting):
        if has_begun(study, sitting):
            seen.extend(ask(study.folder, "SELECT count(*), coalesce(sum(step), 0) FROM observations"))
        return len(seen) > 1 and seen[-1] > seen[-2]

    return holds


def has_trained_all(study, sitting):
    tiles = ask(study.folder, "SELECT status FROM stages")
    return bool(tiles) and all(status == "done" for (status,) in tiles)


def is_done(study, sitting):
    return ask(study.folder, "SELECT status FROM studies") == [("done",)]


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_random_moments(server, here, way):
    undisturbed, study = (Study(server, here, name, *WAYS[way]) for name in ("undisturbed", "killed"))
    start = undisturbed.whole()
    seconds = sum(ask(undisturbed.folder, "SELECT seconds FROM studies")[0])
    draw, kills = random.Random(f"kills {way}"), KILLS[way]
    for k in range(kills):
        study.killed(trains(), seconds / kills * draw.uniform(0, 1.6))
        if k % 4 == 1:
            study.killed(at_once, draw.uniform(0, 0.2))
            study.killed(has_begun, draw.uniform(0, 0.2 if way != "pool" else start - seconds))
    assert study.kills > kills
    study.killed(has_trained_all)
    study.killed(is_done, 0.1)
    study.whole()
    check(study, undisturbed)


@pytest.mark.skipif(not compiler_found(), reason="no C++ compiler (g++ or clang++)")
def test_killed_while_it_compiles_and_where_it_was_compiled(server, here):
    (here / "small.yaml").write_text(RECIPES.replace("- {name: plateau", "# {name: plateau"))  # fewer to be compiled
    way = ("--trainer", "fused", "--place", "here", "--compile", "--tile", "2", "--epochs", "150")
    undisturbed, study = (Study(server, here, name, *way) for name in ("undisturbed", "killed"))
    study.killed(lambda study, sitting: "compiling" in sitting.said, 2.0)
    study.killed(trains(), 0.3)
    study.killed(trains(), 0.2)
    assert study.kills == 3
    study.whole()
    undisturbed.whole()
    assert ask(study.folder, "SELECT trainer FROM studies") == [("fused, compiled",)]
    check(study, undisturbed)


def test_killed_while_it_writes_a_checkpoint(server, here):
    (here / "small.py").write_text(TASK.replace("WIDTH", "3000"))
    way = ("--trainer", "loop", "--place", "here", "--epochs", "40", "--checkpoint-every", "0")
    undisturbed, study = (Study(server, here, name, *way) for name in ("undisturbed", "killed"))
    undisturbed.whole()
    checkpoints = study.folder / f"{FILE}.checkpoints"

    def writes():
        return any(name.endswith(".tmp") for name in (os.listdir(checkpoints) if checkpoints.exists() else ()))

    for nth in range(4):
        sitting, stopped = study.begin(), False
        if nth > 1:  # not the first checkpoint of all
            assert sitting.until(lambda: ask(study.folder, "SELECT stop FROM stages WHERE stop > 0"))
        while not stopped:
            sitting.kill(how=signal.SIGCONT)
            assert sitting.until(writes, pause=0.0)
            sitting.kill(how=signal.SIGSTOP)
            # When a tile is over, its last checkpoint is gone: then the next one's second is waited for.
            stopped = writes() and (nth < 2 or bool(ask(study.folder, "SELECT stop FROM stages WHERE stop > 0")))
        sitting.kill()
        study.over(sitting)
        assert writes()
    study.whole()
    check(study, undisturbed)


def check(study, undisturbed):
    """All is as if nothing had been: the records, what is beside them, and the time that finished tiles took."""
    assert numbers(study.folder) == numbers(undisturbed.folder)
    assert is_sound(study.folder)
    assert study.server.others() == []
    took = dict(ask(study.folder, "SELECT run, seconds FROM runs"))
    assert [status for (status,) in ask(study.folder, "SELECT status FROM studies")] == ["done"]
    for (before, _), (after, _) in pairwise(study.left):
        assert all(after[tile][1] >= stop or after[tile][0] == "done" for tile, (_, stop) in before.items())
    for _, finished in study.left:
        assert {run: took[run] for run in finished} == finished  # never trained again
    assert any(stop for tiles, _ in study.left for _, stop in tiles.values())
