"""Milliseconds per row and step: the fused trainer and the loop, in turn, on the same task.

    python benchmarks/trainers.py [--epochs N] [--repeats N]

Prints the median over the repeats, with the lowest and the highest. The rival is the loop trainer: plain `torch.optim`,
one model after another, on the same threads.
"""

import argparse
import time

import torch
from measure import spread
from tabulate import tabulate

from surefoot.core.run import Run
from surefoot.core.units import Clock
from surefoot.studies import load_recipes
from surefoot.tasks import load, prepare
from surefoot.training import Entry, Wanted, bind, choose, train


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    task = prepare(load("digits"), epochs=given.epochs)
    clock = Clock(task.steps, task.steps_per_epoch, task.batch_size)
    recipes = load_recipes("classic").recipes
    table = []
    for seeds in (1, 3, 10):
        runs = [Run(i, recipe, seed) for i, (recipe, seed) in enumerate((r, s) for r in recipes for s in range(seeds))]
        entries = [Entry(run, bind(run.recipe, clock)) for run in runs]
        plans = {
            name: choose(task, entries, silent, Wanted(name, "here", compiled=False)) for name in ("fused", "loop")
        }
        taken: dict[str, list[float]] = {"fused": [], "loop": []}
        for repeat in range(given.repeats + 1):
            for trainer, times in taken.items():
                assert plans[trainer].trainer == trainer
                began = time.perf_counter()
                train(task, entries, plans[trainer], silent)
                if repeat:  # the first round warms up
                    times.append(1000 * (time.perf_counter() - began) / (len(runs) * task.steps))
        ratios = [slow / fast for slow, fast in zip(taken["loop"], taken["fused"], strict=True)]
        table.append([len(runs), *(spread(times) for times in taken.values()), spread(ratios)])
    print(f"digits, 64-64-10, batch 32, the classic set; {torch.get_num_threads()} threads; ms per row and step")
    print(tabulate(table, headers=["rows", "fused", "loop", "loop / fused, paired"], disable_numparse=True))


def silent(event: object) -> None:
    """Nobody listens."""


if __name__ == "__main__":
    main()
