"""Whole processes: the classic set on Fashion-MNIST, 19 recipes × 3 seeds, from start to end.

    python benchmarks/classic.py [--data DIR] [--epochs N] [--seeds N] [--rounds N]

In turn, round by round: a plain loop over the same runs, with fused optimizers of torch and rates that are read from a
table; the same in two processes of one thread; `surefoot compare`, with its compiler's cache empty; the same without
the stage tree; and that without fusion, as plain loops in its pool. What the tree saves and what fusion saves is the
ratio of the last two pairs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from measure import ratio, seconds, spread
from tabulate import tabulate
from whole import FASHION, ran

from surefoot.core.units import Clock
from surefoot.studies import load_recipes
from surefoot.training import bind

TRAINED, BATCH = 50_000, 32  # samples that are trained on; of an update
WAYS = {
    "surefoot compare": [],
    "without the stage tree": ["--no-share"],
    "without fusion either": ["--no-share", "--trainer", "loop", "--place", "pool"],
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=FASHION)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    if not given.data.is_dir():
        print(f"no Fashion-MNIST in {given.data}: give --data DIR. The classic set is left out")
        return
    took: dict[str, list[float]] = {}
    said: dict[str, str] = {}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            table = write_rates(Path(folder), given.epochs)
            took.setdefault("plain loop", []).append(seconds(partial(ran, plain(table, given))))
            took.setdefault("two plain processes", []).append(seconds(partial(both, table, given)))
            for name, more in WAYS.items():
                cold = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": f"{folder}/{len(took)}"}
                began = time.perf_counter()
                said[name] = ran([*ours(given), *more, "--out", f"{folder}/{name}"], cold)
                took.setdefault(name, []).append(time.perf_counter() - began)
    print(f"classic × {given.seeds} seeds, {given.epochs} epochs, whole processes, the compiler's cache empty; seconds")
    rows = []
    for name, times in took.items():
        rows.append([name, spread(times), *(ratio(took[rival], times) for rival in list(took)[:2])])
    print(tabulate(rows, headers=["", "s", "plain / it", "two plain / it"], disable_numparse=True))
    tree, fusion = (ratio(took[slow], took[fast]) for fast, slow in zip(list(WAYS), list(WAYS)[1:], strict=False))
    print(f"the stage tree: {tree} times faster; fusion: {fusion} times faster")
    for name, text in said.items():
        print("\n".join(f"{name}: {line}" for line in text.splitlines() if "trained by" in line))


def write_rates(folder: Path, epochs: int) -> Path:
    """Rate and momentum of every update of every recipe: a plain loop that looks them up spends nothing on them."""
    per_epoch = -(-TRAINED // BATCH)
    clock = Clock(epochs * per_epoch, per_epoch, BATCH)
    arrays = {}
    for k, recipe in enumerate(load_recipes("classic").recipes):
        policy = bind(recipe, clock)
        moves = policy.moves(0, clock.steps, policy.start())
        found = [np.broadcast_to(moves.get(name, 0.0), clock.steps) for name in ("lr", "momentum")]
        arrays[f"{k} {policy.rule.name}"] = np.stack(found)
    np.savez(folder / "rates.npz", **arrays)
    return folder / "rates.npz"


def plain(table: Path, given: argparse.Namespace, *more: str) -> list[str]:
    script = str(Path(__file__).with_name("plain.py"))
    size = ["--seeds", str(given.seeds), "--epochs", str(given.epochs)]
    return [sys.executable, script, "--rates", str(table), "--data", str(given.data), *size, *more]


def both(table: Path, given: argparse.Namespace) -> None:
    started = [subprocess.Popen([*plain(table, given, "--threads", "1", "--part", str(k))]) for k in range(2)]
    for process in started:
        assert process.wait() == 0


def ours(given: argparse.Namespace) -> list[str]:
    surefoot = str(Path(sys.executable).with_name("surefoot"))
    size = ["--seeds", str(given.seeds), "--epochs", str(given.epochs)]
    return [surefoot, "compare", "fashion-mnist", "--recipes", "classic", "--data", str(given.data), *size]


if __name__ == "__main__":
    main()
