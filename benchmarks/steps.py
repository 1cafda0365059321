"""Milliseconds per row and step, 784-128-10, against the loops that users write and against the machine's floor.

    python benchmarks/steps.py [--rounds N] [--batch 32,128] [--rows 1,4,16,64]

In one process and in turn, round by round, medians with the lowest and the highest:
(a) a plain loop with `torch.optim` (fused), all threads; (b) two such processes of one thread at once; (c) the fused
trainer, compiled, at several numbers of rows and at the tile that it chooses; (d) the floor: the matrix products
alone, and the optimizer's traffic (12 bytes a weight for SGD, 28 for Adam) at the rate at which this machine adds two
arrays of the tile's size. `overhead` is the share of a training's step, recorded to a store on disk, that is not the
compiled step.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from attrs import evolve
from measure import ratio, seconds, spread
from plain import CLASSES, HIDDEN, PIXELS, Loop
from tabulate import tabulate

from surefoot.core.history import Facts
from surefoot.core.recipe import Recipe
from surefoot.core.run import Run
from surefoot.core.task import Task
from surefoot.core.units import Clock
from surefoot.store import Store
from surefoot.tasks import Prepared, prepare
from surefoot.tasks.mlp import mlp
from surefoot.training import Compiler, Entry, Plan, Saving, bind, train
from surefoot.training.fused import FusedTrainer
from surefoot.training.layout import layout_of
from surefoot.training.lockstep import STRIDE
from surefoot.training.memory import keep_freed_memory, rows_that_fit
from surefoot.training.trainer import Updates, order

CHUNK = STRIDE
BYTES = {"sgd": 12, "adam": 28}  # of memory traffic for a weight and an update, at least
WEIGHTS = PIXELS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES
SHAPES = [(PIXELS, HIDDEN), (HIDDEN, CLASSES)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--batch", default="32,128")
    options.add_argument("--rows", default="1,4,16,64")
    given = options.parse_args()
    keep_freed_memory()
    table = []
    for batch in map(int, given.batch.split(",")):
        for kind in ("sgd", "adam"):
            table += measured(kind, batch, [int(rows) for rows in given.rows.split(",")], given.rounds)
    print(f"784-128-10, 60 000 samples, float32, {torch.get_num_threads()} threads; ms per row and step")
    print(tabulate(table, headers=["", "ms", "(a) / it", "(b) / it", "it / (d)"], disable_numparse=True))


def measured(kind: str, batch: int, rows: list[int], rounds: int) -> list[list[str]]:
    task = made(batch)
    x, y = task.train.x, task.train.y
    loop = Loop(kind, batch, x, y)
    pair = [Server(kind, batch) for _ in range(2)]
    tile = rows_that_fit(task, [entry.row() for entry in entries(task, kind, 64)])
    fused = {count: Fused(task, kind, count) for count in sorted({*rows, tile})}
    floor = Floor(kind, batch, tile)
    times: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        times.setdefault(name, []).append(1000 * value)

    loop.steps(50)
    for _ in range(rounds):
        note("a", seconds(lambda: loop.steps(300)) / 300)
        for server in pair:
            server.go(300)
        note("b", max(server.took() for server in pair) / 600)
        for count, one in fused.items():
            note(f"c {count}", one.step() / count)
        note("d", floor.step() / tile)
    for server in pair:
        server.process.kill()
    names = {"a": "(a) plain loop", "b": "(b) two loops of one thread", "d": "(d) floor"}
    names |= {f"c {count}": f"(c) {count} rows{', the tile' if count == tile else ''}" for count in fused}
    lines = []
    for name, values in times.items():
        against = [ratio(times[other], values) if name[0] == "c" else "" for other in "ab"]
        above = ratio(values, times["d"]) if name[0] == "c" else ""
        lines.append([f"{kind} {batch} {names[name]}", spread(values), *against, above])
    shares, recording = overhead(task, kind, tile, fused[tile])
    lines.append([f"{kind} {batch} overhead at the tile, %", spread(shares), "", "", ""])
    return [*lines, [f"{kind} {batch} of it recording, %", spread(recording), "", "", ""]]


def made(batch: int) -> Prepared:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(60_000, PIXELS, generator=generator), torch.randint(0, CLASSES, (60_000,), generator=generator)
    shape = {"model": lambda: mlp(PIXELS, HIDDEN, CLASSES), "loss": "cross_entropy", "batch_size": batch, "epochs": 1}
    return prepare(Task(name="784-128-10", train=(x, y), validation=(x[:64], y[:64]), last_batch="drop", **shape))


def entries(task: Prepared, kind: str, count: int) -> list[Entry]:
    """Rows with rates of their own and a schedule that moves, over three seeds."""
    clock = Clock(task.steps, task.steps_per_epoch, task.batch_size)
    recipes = [Recipe(f"{kind} {k}", kind, 1e-3 * (1 + k / 100), "warmup('5%') >> cosine()") for k in range(count)]
    return [Entry(Run(k, recipe, k % 3), bind(recipe, clock)) for k, recipe in enumerate(recipes)]


class Fused:
    """The fused trainer at a number of rows, compiled."""

    def __init__(self, task: Prepared, kind: str, count: int) -> None:
        self.entries, self.task = entries(task, kind, count), task
        self.rows = [entry.row() for entry in self.entries]
        self.compiler = Compiler(lambda event: None)
        self.trainer = FusedTrainer(task, self.rows, layout_of(self.rows), self.compiler, 3)
        self.start, self.order = 0, {seed: order(task, seed, 0) for seed in range(3)}
        self.step()
        assert not self.compiler.failed

    def step(self) -> float:
        """Seconds of an update, over three stretches of as many as an engine asks for."""
        return statistics.mean(self._stretch() for _ in range(3))

    def _stretch(self) -> float:
        size = self.task.batch_size
        at = range(self.start, self.start + CHUNK)
        samples = {seed: torch.stack([o[i * size : (i + 1) * size] for i in at]) for seed, o in self.order.items()}
        moves = [entry.policy.moves(self.start, self.start + CHUNK, entry.policy.start()) for entry in self.entries]
        updates = Updates(self.start, samples, moves)
        self.start = (self.start + CHUNK) % (self.task.steps - CHUNK)
        return seconds(lambda: self.trainer.advance(updates)) / CHUNK


def overhead(task: Prepared, kind: str, count: int, fused: Fused) -> tuple[list[float], list[float]]:
    """The percentage of a training of three epochs, recorded to a store on disk, that is not the compiled step; and the
    percentage that is recording."""
    longer = evolve(task, epochs=3)  # a trial and an initial model are made once for a tile, however long it trains
    found = entries(longer, kind, count)
    plan = Plan("fused", "here", True, torch.get_num_threads(), count, [range(count)])
    facts = Facts(
        task=task.name, source="", about="", watched="validation", rank="loss", goal="min", metrics=(), samples={},
        parameters=WEIGHTS, batch_size=task.batch_size, epochs=3, steps_per_epoch=task.steps_per_epoch,
        last_batch="drop", device="cpu", fingerprint="", seeds=(0, 1, 2), trainer="fused",
    )  # fmt: skip
    (key,) = fused.compiler.steps
    step, shares, recording = Timed(fused.compiler.steps[key]), [], []
    fused.compiler.steps[key] = step
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "surefoot.sqlite") as store:
            study = store.begin("compare", facts, {}, [entry.run for entry in found])
            store.plan(study, plan.to_json())
            sink, saving = Timed(store.sink(study)), Saving(store.checkpoints.write, 30.0)
            step.seconds = 0.0
            whole = seconds(partial(train, longer, found, plan, sink, saving=saving, compiler=fused.compiler))
            shares.append(100 * (1 - step.seconds / whole))
            recording.append(100 * sink.seconds / whole)
    return shares, recording


class Timed:
    """A function and the seconds spent in it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        result = self.function(*arguments)
        self.seconds += time.perf_counter() - began
        return result


class Floor:
    """The products of forward and backward for a tile, and the optimizer's traffic."""

    def __init__(self, kind: str, batch: int, tile: int) -> None:
        self.products = []
        for n, (fan_in, fan_out) in enumerate(SHAPES):
            x, w = torch.rand(tile, batch, fan_in), torch.rand(tile, fan_out, fan_in)
            g = torch.rand(tile, batch, fan_out)
            self.products += [(x, w.transpose(1, 2)), (g.transpose(1, 2), x)]
            if n:  # the first layer's inputs need no gradient
                self.products.append((g, w))
        self.a, self.b, self.c = (torch.rand(tile * WEIGHTS) for _ in range(3))
        self.bytes = BYTES[kind] * tile * WEIGHTS

    def step(self) -> float:
        """Seconds of an update of the whole tile."""
        multiply = seconds(lambda: [self._multiply() for _ in range(3 * CHUNK)]) / (3 * CHUNK)
        add = seconds(lambda: [torch.add(self.a, self.b, out=self.c) for _ in range(3 * CHUNK)]) / (3 * CHUNK)
        return multiply + add * self.bytes / (12 * len(self.a))

    def _multiply(self) -> None:
        for a, b in self.products:
            torch.bmm(a, b)


class Server:
    """A plain loop of one thread in a process of its own."""

    def __init__(self, kind: str, batch: int) -> None:
        script = str(Path(__file__).with_name("plain.py"))
        command = [sys.executable, script, "--serve", kind, str(batch), "--threads", "1"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.process.stdout.readline()  # it is ready

    def go(self, steps: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def took(self) -> float:
        assert self.process.stdout
        return float(self.process.stdout.readline())


if __name__ == "__main__":
    main()
