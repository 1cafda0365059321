"""Whole processes: the source experiment with three seeds, from a cold compiler cache, against the plain loop.

    python benchmarks/whole.py [--data DIR] [--rounds N]

Nine runs of ten epochs on Fashion-MNIST, from the start of the process to its end, in turn: `surefoot compare
fashion-mnist --recipes source`, with its compiler's cache empty, and `plain.py --whole`, which trains the same nine
one after another. Then what the first one stored: bytes for each recorded number. Then memory: the most that a
process held, beyond what it held before, for populations of 1 to 512 rows.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import ratio, seconds, spread
from tabulate import tabulate

FASHION = Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist has it
MEMORY = """
import sys, threading, time
import psutil, torch
from steps import entries, made
from surefoot.core.record import Note
from surefoot.training import Wanted, choose, train
from attrs import evolve
task = made(32)
few = type(task.train)(task.train.x[:2048], task.train.y[:2048])
task = evolve(task, epochs=1, steps_per_epoch=64, train=few)
found = entries(task, "adam", int(sys.argv[1]))
held, process, over = [], psutil.Process(), threading.Event()

def watch():
    while not over.is_set():
        held.append(process.memory_info().rss)
        time.sleep(0.005)

watcher = threading.Thread(target=watch)
watcher.start()
plan = choose(task, found, lambda event: None, Wanted("fused", "here", compiled=False))
train(task, found, plan, lambda event: None)
over.set()
watcher.join()
print(len(plan.tiles[0]), round((max(held) - held[0]) / 2**20))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=FASHION)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    whole(given.data, given.rounds)
    memory()


def whole(data: Path, rounds: int) -> None:
    if not data.is_dir():
        print(f"no Fashion-MNIST in {data}: give --data DIR. The whole-process comparison is left out")
        return
    rival = [sys.executable, str(Path(__file__).with_name("plain.py")), "--whole", "--data", str(data)]
    surefoot = str(Path(sys.executable).with_name("surefoot"))
    ours = [surefoot, "compare", "fashion-mnist", "--recipes", "source", "--data", str(data)]
    plain, compared, stored, said = [], [], "", ""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain.append(seconds(lambda: ran(rival)))
            cold = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": f"{folder}/compiler"}
            began = time.perf_counter()
            said = ran([*ours, "--out", folder], cold)
            compared.append(time.perf_counter() - began)
            stored = size(Path(folder) / "surefoot.sqlite")
    print("the source experiment × 3 seeds, whole processes, the compiler's cache empty; seconds")
    lines = [["plain loop", spread(plain)], ["surefoot compare", spread(compared)]]
    lines.append(["times faster, paired", ratio(plain, compared)])
    print(tabulate(lines, disable_numparse=True))
    print("\n".join(line for line in said.splitlines() if "trained by" in line))
    print(stored)


def ran(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What the command said, on both its streams."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, env=environment, check=True, **both).stdout


def size(store: Path) -> str:
    """How many bytes a recorded number takes."""
    with sqlite3.connect(store) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((losses,),) = database.execute("SELECT sum(length(seen)) / 4 FROM losses")
        seen = [json.loads(text) for (text,) in database.execute("SELECT seen FROM observations")]
    numbers = losses + sum(map(len, seen))
    return f"stored: {numbers} numbers in {store.stat().st_size} bytes, {store.stat().st_size / numbers:.2f} a number"


def memory() -> None:
    lines = []
    for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        said = ran([sys.executable, "-c", MEMORY, str(rows)], {**os.environ, "PYTHONPATH": path})
        lines.append([rows, *said.split()])
    print("memory of a population, 784-128-10, Adam, batch 32: the most that was resident, beyond that before training")
    print(tabulate(lines, headers=["rows", "rows in a tile", "MB"]))


if __name__ == "__main__":
    main()
