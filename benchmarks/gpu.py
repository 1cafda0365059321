"""Milliseconds per row and step on a GPU: the fused trainer, the loops that users write, and the card's floor.

    python benchmarks/gpu.py [--rows 1,16,64,256] [--models mlp,conv,transformer] [--rounds 5] [--device cuda]

Random data, batches of 128, Adam with a rate of its own for each row; in one process and in turn, round by round,
medians with the lowest and the highest: (a) a plain loop, one model with `torch.optim` fused; (b) the same with the
model under `torch.compile` (with CUDA graphs on a GPU); (c) the fused trainer, interpreted; (d) as a CUDA graph;
(e) compiled; (f) compiled, as a CUDA graph; (g) the floor: the model's multiplications at the rate of a large product
in float32, and Adam's 28 bytes a weight at the rate at which two large arrays are added. Compiling is not part of it,
and is told beside. Without a GPU it says so and measures nothing; `--device cpu` tries it out.
"""

import argparse
import datetime
import platform
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from measure import spread
from tabulate import tabulate
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from surefoot.core.recipe import Recipe
from surefoot.core.record import Note
from surefoot.core.run import Run
from surefoot.core.task import Task
from surefoot.core.units import Clock
from surefoot.tasks import Prepared, prepare
from surefoot.training import Compiler, Entry, bind
from surefoot.training.cuda_graph import Graphs
from surefoot.training.fused import FusedTrainer
from surefoot.training.layout import layout_of
from surefoot.training.place import computing
from surefoot.training.trainer import Updates, order

BATCH, SAMPLES, CLASSES, WORDS, LENGTH = 128, 8192, 10, 256, 32
STRETCH, LIMIT = 0.3, 400.0  # seconds that a thing is measured for in a round; after which nothing new is begun
NAMES = [
    ("a", "(a) plain loop"),
    ("b", "(b) torch.compile loop"),
    ("c", "(c) fused"),
    ("d", "(d) fused, graph"),
    ("e", "(e) fused, compiled"),
    ("f", "(f) fused, compiled, graph"),
    ("g", "(g) floor"),
]

Stretch = Callable[[], float]  # seconds per row and step


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 64)
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True) for _ in range(2))
        )
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(x)).mean(1))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, CLASSES)),
    "conv": lambda: nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, CLASSES)),
    ),
    "transformer": Transformer,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", default="1,16,64,256")
    options.add_argument("--models", default=",".join(MODELS))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--device", default="cuda")
    given = options.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("not measured: no GPU here")
        return
    began, table, said = time.perf_counter(), [], []
    for name in given.models.split(","):
        task = made(name, device)
        for count in map(int, given.rows.split(",")):
            if time.perf_counter() - began > LIMIT:
                said.append(f"{name}, {count} rows: left out, it took too long before")
                continue
            print(f"{name}, {count} rows, {time.perf_counter() - began:.0f} s", file=sys.stderr)
            with computing(torch.get_num_threads()):
                table.append([f"{name}, {count} rows", *measured(task, count, given.rounds, said)])
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(f"{datetime.date.today()}, {machine}, torch {torch.__version__}; batches of {BATCH}; ms per row and step")
    print(tabulate(table, headers=["", *(name for _, name in NAMES)], disable_numparse=True))
    print("\n".join(said))


def measured(task: Prepared, count: int, rounds: int, said: list[str]) -> list[str]:
    ways: dict[str, Stretch] = {"a": loop(task, fast=False), "b": loop(task, fast=True)}
    for name, compiled, graph in (("c", False, False), ("d", False, True), ("e", True, False), ("f", True, True)):
        if graph and task.device.type != "cuda":
            continue
        try:
            ways[name] = fused(task, count, compiled=compiled, graph=graph, said=said)
        except Exception as failure:  # the others are measured all the same
            said.append(f"{task.name}, {count} rows, ({name}): {type(failure).__name__}: {str(failure)[:200]}")
    ways["g"] = floor(task)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for one in range(rounds + 1):
        for name, way in ways.items():
            took = 1000 * way()
            if one or rounds == 1:  # the first round warms up
                times[name].append(took)
    return [spread(times[name]) if name in times else "" for name, _ in NAMES]


def made(name: str, device: torch.device) -> Prepared:
    generator = torch.Generator().manual_seed(0)
    shape = {"mlp": (784,), "conv": (1, 28, 28)}.get(name)
    x = torch.rand(SAMPLES, *shape, generator=generator) if shape else torch.randint(0, WORDS, (SAMPLES, LENGTH))
    y = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    how = {"loss": "cross_entropy", "batch_size": BATCH, "epochs": 10, "last_batch": "drop", "device": str(device)}
    return prepare(Task(name=name, model=MODELS[name], train=(x, y), validation=(x[:64], y[:64]), **how))


def loop(task: Prepared, *, fast: bool) -> Stretch:
    """One model after another is as fast, a row and step, as one alone."""
    torch.manual_seed(0)
    module = task.model().to(task.device)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    how = "reduce-overhead" if task.device.type == "cuda" else "default"
    model = torch.compile(module, mode=how) if fast else module
    x, y = task.train.x, task.train.y
    shuffled = torch.randperm(len(y), device=task.device)

    def steps(n: int) -> None:
        for i in range(n):
            index = shuffled[i % (len(y) // BATCH) * BATCH :][:BATCH]
            loss = F.cross_entropy(model(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return stretch(steps, task.device, 1)


def fused(task: Prepared, count: int, *, compiled: bool, graph: bool, said: list[str]) -> Stretch:
    clock = Clock(task.steps, task.steps_per_epoch, task.batch_size)
    recipes = [Recipe(f"{k}", "adam", 1e-3 * (1 + k / count), "warmup('5%') >> cosine()") for k in range(count)]
    entries = [Entry(Run(k, recipe, k % 3), bind(recipe, clock)) for k, recipe in enumerate(recipes)]
    rows = [entry.row() for entry in entries]
    compiler = Compiler(lambda event: told(event, said)) if compiled else None
    trainer = FusedTrainer(task, rows, layout_of(rows), compiler, min(3, count))
    if graph:
        graphs, chosen = Graphs(lambda event: told(event, said)), trainer._chosen
        trainer._chosen = lambda given: graphs.of(chosen(given), trainer.held(), given)  # type: ignore[method-assign]
    orders = {seed: order(task, seed, 0) for seed in range(min(3, count))}

    def steps(n: int) -> None:
        samples = {seed: o[: n * BATCH].view(n, BATCH) for seed, o in orders.items()}
        moves = [entry.policy.moves(0, n, entry.policy.start()) for entry in entries]
        trainer.advance(Updates(0, samples, moves))

    timed = stretch(steps, task.device, count)
    if compiler:
        said.append(f"{task.name}, {count} rows: compiling took {compiler.seconds:.1f} s")
    return timed


def told(event: object, said: list[str]) -> None:
    if isinstance(event, Note):
        said.append(event.text)


def floor(task: Prepared) -> Stretch:
    """Multiplications and bytes of a row and step, at the rates that large ones reach here."""
    model = task.model().to(task.device)
    x, y = task.train.take(torch.arange(BATCH, device=task.device))
    with FlopCounterMode(display=False) as counted:
        F.cross_entropy(model(x), y).backward()
    size = 4096 if task.device.type == "cuda" else 512
    a, b = (torch.rand(size, size, device=task.device) for _ in range(2))
    u, v = (torch.rand(size * size * 4, device=task.device) for _ in range(2))
    multiply = stretch(lambda n: [a @ b for _ in range(n)], task.device, 1)
    add = stretch(lambda n: [u.add_(v) for _ in range(n)], task.device, 1)
    flops = counted.get_total_flops() / (2 * size**3)
    moved = 28 * sum(p.numel() for p in model.parameters()) / (12 * len(u))
    return lambda: multiply() * flops + add() * moved


def stretch(steps: Callable[[int], object], device: torch.device, rows: int) -> Stretch:
    """Warms up, finds how many steps fill a stretch, and gives what measures one."""
    steps(3)
    once = clocked(partial(steps, 3), device) / 3
    n = max(3, min(SAMPLES // BATCH, int(STRETCH / once)))
    repeats = max(1, min(20, int(STRETCH / (n * once))))
    return lambda: clocked(lambda: [steps(n) for _ in range(repeats)], device) / (n * repeats * rows)


def clocked(work: Callable[[], object], device: torch.device) -> float:
    settle(device)
    began = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - began


def settle(device: torch.device) -> None:
    """Waits until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
