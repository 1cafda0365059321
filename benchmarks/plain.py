"""The rival: the training loop that a careful user writes, with `torch.optim`.

Data in memory, indexed batches, fused optimizers, no synchronisation in a step. Used by `steps.py` and `whole.py`; it
imports nothing of Surefoot.

    python benchmarks/plain.py --whole --data DIR       the source experiment, nine runs, one after another
    python benchmarks/plain.py --rates FILE --data DIR  the runs whose rates a file has, one after another
    python benchmarks/plain.py --serve adam 32          times a number of steps for every line that it reads
"""

import argparse
import gzip
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIXELS, HIDDEN, CLASSES = 784, 128, 10


def idx(path: Path) -> Tensor:
    """The array of an uncompressed or gzipped IDX file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    shape = np.frombuffer(raw, ">i4", raw[3], 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape).copy())


def images(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Pixels `[N, 784]` from 0 to 1, and labels `[N]`."""
    x, y = (idx(next(folder.glob(f"{part}-{what}-ubyte*"))) for what in ("images-idx3", "labels-idx1"))
    return x.reshape(len(x), -1).float() / 255, y.long()


def model() -> nn.Module:
    made = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    for layer in (made[0], made[2]):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return made


def optimizer(kind: str, module: nn.Module, lr: float) -> torch.optim.Optimizer:
    if kind == "adam":
        return torch.optim.Adam(module.parameters(), lr=lr, eps=1e-7, fused=True)
    if kind in ("adagrad", "rmsprop"):  # torch has no fused RMSprop
        return {"adagrad": torch.optim.Adagrad, "rmsprop": torch.optim.RMSprop}[kind](module.parameters(), lr=lr)
    return torch.optim.SGD(module.parameters(), lr=lr, fused=True)


class Loop:
    """One run; `steps(n)` makes n updates."""

    def __init__(self, kind: str, batch: int, x: Tensor, y: Tensor, seed: int = 0, lr: float = 1e-3) -> None:
        torch.manual_seed(seed)
        self.x, self.y, self.batch, self.model = x, y, batch, model()
        self.optimizer = optimizer(kind, self.model, lr)
        self.order, self.at = torch.randperm(len(x)), 0

    def step(self) -> None:
        if self.at + self.batch > len(self.order):
            self.order, self.at = torch.randperm(len(self.x)), 0
        index = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        loss = F.cross_entropy(self.model(self.x[index]), self.y[index])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def steps(self, n: int) -> None:
        for _ in range(n):
            self.step()


POLICIES: list[tuple[str, float, Callable[[int], float]]] = [
    ("sgd", 0.01, lambda epoch: 0.01),
    ("sgd", 0.1, lambda epoch: 0.1 * math.exp(-0.1 * epoch)),
    ("adam", 0.001, lambda epoch: 0.001),
]


def whole(folder: Path, seeds: int, epochs: int) -> None:
    """The source experiment: three policies, ten epochs, batches of 32, watched on the test set after every epoch."""
    (x, y), (x_test, y_test) = images(folder, "train"), images(folder, "t10k")
    for seed in range(seeds):
        for kind, peak, rate in POLICIES:
            run, seen = Loop(kind, 32, x, y, seed, peak), []
            for epoch in range(epochs):
                for group in run.optimizer.param_groups:
                    group["lr"] = rate(epoch)
                run.steps(len(x) // 32)
                with torch.no_grad():
                    outputs = run.model(x_test)
                    loss, right = F.cross_entropy(outputs, y_test), (outputs.argmax(1) == y_test).float().mean()
                    seen.append((float(loss), float(right)))
            print(kind, peak, seed, f"{seen[-1][0]:.4f} {seen[-1][1]:.4f}", flush=True)


def tabled(table: Path, folder: Path, seeds: int, epochs: int, part: int | None) -> None:
    """The runs whose rate and momentum of every update stand in a table, watched on held-out data after every epoch.
    `part`: of two, the runs that are its share."""
    x, y = images(folder, "train")
    (x, y), (x_held, y_held) = (x[:-10_000], y[:-10_000]), (x[-10_000:], y[-10_000:])
    runs = [(name, rates, seed) for name, rates in np.load(table).items() for seed in range(seeds)]
    for name, rates, seed in runs if part is None else runs[part::2]:
        run, step = Loop(name.split()[1], 32, x, y, seed, 0.1), 0
        (group,) = run.optimizer.param_groups
        for _ in range(epochs):
            for index in torch.randperm(len(x)).split(32):
                group["lr"] = float(rates[0, step])
                if "momentum" in group:
                    group["momentum"] = float(rates[1, step])
                loss = F.cross_entropy(run.model(x[index]), y[index])
                run.optimizer.zero_grad()
                loss.backward()
                run.optimizer.step()
                step += 1
            with torch.no_grad():
                outputs = run.model(x_held)
                float(F.cross_entropy(outputs, y_held)), float((outputs.argmax(1) == y_held).float().mean())


def serve(kind: str, batch: int) -> None:
    """For every line with a number n, make n updates and print the seconds they took."""
    x, y = torch.rand(60_000, PIXELS), torch.randint(0, CLASSES, (60_000,))
    run = Loop(kind, batch, x, y)
    run.steps(20)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        run.steps(int(line))
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--whole", action="store_true")
    options.add_argument("--rates", type=Path)
    options.add_argument("--part", type=int)
    options.add_argument("--serve", nargs=2, metavar=("KIND", "BATCH"))
    options.add_argument("--data", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=10)
    options.add_argument("--threads", type=int, default=0)
    given = options.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.serve:
        serve(given.serve[0], int(given.serve[1]))
    elif given.rates:
        tabled(given.rates, given.data, given.seeds, given.epochs, given.part)
    else:
        whole(given.data, given.seeds, given.epochs)
