"""How soon different ways of choosing get to a good recipe.

    python benchmarks/decide.py [--task NAME] [--rounds N] [--out DIR] [--only NAME] ...

In turn, round by round, whole processes on the same two cores: a full grid in two plain processes; Optuna (TPE and
Hyperband) and Ray Tune (ASHA), two workers each, until they have had the grid's time or 120 runs; `surefoot tune`, with
its compiler's cache empty. {SGD, momentum, Adam} × {constant, step, exponential, cosine, one cycle} × rates from 1e-4
to 3 (`deciding/space.yaml`). What each held for best at every moment is trained anew by one plain loop on five seeds
that nobody chose with, and measured on the test data: that against wall time is the picture, `decide-TASK.png`.

Kind to the rivals: the leader is the one with the best latest value of any run, over or not; the grid's order is
random, so that it is a random search too; they read the tensors without the checks that Surefoot makes.
"""

import argparse
import json
import os
import random
import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import attrs
from deciding.competitors import LIBRARIES, NAMES, Ran, rival, surefoot
from deciding.picture import draw
from deciding.results import HEADERS, reach, rows, verdicts
from deciding.retrain import Retrained
from deciding.setting import TASKS, Setting, Space
from tabulate import tabulate


def main() -> None:
    given = parsed(sys.argv[1:])
    if hasattr(os, "sched_setaffinity"):  # two cores for each, wherever there are more
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    changed = {name: getattr(given, name) for name in ("epochs", "batch_size", "rates", "trials", "data")}
    setting = attrs.evolve(TASKS[given.task], **{name: value for name, value in changed.items() if value is not None})
    given.out.mkdir(parents=True, exist_ok=True)
    records = Records(given.out / f"decide-{given.task}.json", setting, keep=bool(given.only))
    for turn in range(given.rounds):
        for name in order([name for name in given.only or NAMES if here(name)], turn, given.grids):
            records.add(one(name, attrs.evolve(setting, seed=turn), given, turn, records))
    retrained = Retrained(given.out / "retrained.jsonl", setting)
    retrained.add({choice: None for ran in records.all for _, choice in ran.incumbents})
    tell(setting, records, retrained, given.out)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--task", choices=TASKS, default="fashion-mnist")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--grids", type=int, default=1, help="in how many of the rounds the grid is run")
    options.add_argument("--only", action="append", choices=NAMES, help="run these; the others' records stay")
    options.add_argument("--limit", type=float, help="seconds for Optuna and Ray, instead of the grid's")
    options.add_argument("--trials", type=int, help="of Optuna and Ray, at most (120)")
    options.add_argument("--rates", type=int, help="of the grid (8)")
    options.add_argument("--epochs", type=int)
    options.add_argument("--batch-size", type=int)
    options.add_argument("--data", help="the folder of the task's files")
    options.add_argument("--surefoot", default=str(Path(sys.executable).with_name("surefoot")), help="its command")
    options.add_argument("--tune", default="", help="more options for surefoot tune; {round} stands for 0, 1, ...")
    options.add_argument("--out", type=Path, default=Path("surefoot-runs/decide"))
    return options.parse_args(arguments)


def order(names: Sequence[str], turn: int, grids: int) -> list[str]:
    """Of a round: shuffled; the grid stands first in the first, since its time is the others' limit."""
    wanted = [name for name in NAMES if name in names and (name != "grid" or turn < grids)]
    mixed = random.Random(turn).sample(wanted, len(wanted))
    return mixed if turn else sorted(mixed, key=lambda name: name != "grid")


def here(name: str) -> bool:
    """Whether what it needs is installed; else it says so."""
    found = name not in LIBRARIES or find_spec(LIBRARIES[name]) is not None
    if not found:
        print(f"not measured: {name} is not installed here (pip install optuna 'ray[tune]')")
    return found


class Records:
    """What ran, in a file, which is begun anew unless it is to be kept and of the same setting: then what is run again
    replaces what there was."""

    def __init__(self, path: Path, setting: Setting, keep: bool) -> None:
        self.path, self.setting = path, attrs.asdict(setting)
        stored = json.loads(path.read_text()) if path.exists() else {}
        keep = keep and stored.get("setting") == self.setting
        self.all = [Ran.read(each) for each in stored["ran"]] if keep else []

    def add(self, ran: Ran) -> None:
        self.all = [old for old in self.all if (old.name, old.round) != (ran.name, ran.round)] + [ran]
        self.path.write_text(json.dumps({"setting": self.setting, "ran": [attrs.asdict(each) for each in self.all]}))

    def of(self, name: str) -> list[Ran]:
        return sorted((ran for ran in self.all if ran.name == name), key=lambda ran: ran.round)


def one(name: str, setting: Setting, given: argparse.Namespace, turn: int, records: Records) -> Ran:
    """One competitor in one round, in a folder of its own that is gone afterwards."""
    print(f"round {turn + 1}, {name}: ", end="", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if name == "Surefoot":
            more = shlex.split(given.tune.format(round=turn))
            ran = surefoot(shlex.split(given.surefoot), more, setting, Path(folder), turn)
        else:
            allowed = None if name == "grid" else given.limit or grids_time(records)
            ran = rival(name, setting, allowed, Path(folder), turn)
    print(f"{ran.seconds:.1f} s", file=sys.stderr, flush=True)
    return ran


def grids_time(records: Records) -> float:
    found = [ran.seconds for ran in records.of("grid")]
    if not found:
        raise SystemExit("no grid was run whose time the others could be given: run it first, or give --limit SECONDS")
    return median(found)


def tell(setting: Setting, records: Records, retrained: Retrained, out: Path) -> None:
    by_name = {name: records.of(name) for name in NAMES}
    if not by_name["grid"]:
        print("no grid was run: there is nothing to measure the others against")
        return
    wanted = reach(setting, by_name["grid"], retrained.mean)
    grid = f"{len(Space.read().grid(setting.rates, 0))} configurations"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", *LIBRARIES.values()) if find_spec(name))
    print(f"{setting.task}: {setting.epochs} epochs, batches of {setting.batch_size}; {libraries}")
    print(f"{setting.metric}, test, mean of {len(retrained.seeds)} fresh seeds: the best that a grid of {grid} held")
    print(f"is {wanted.best:.4f}, within reach is {wanted.aim:.4f}; below, median [lowest, highest] of the rounds")
    print(tabulate(rows(by_name, wanted, retrained.mean), headers=HEADERS, disable_numparse=True))
    print("\n".join(verdicts(by_name, wanted, retrained.mean)))
    picture = out / f"decide-{setting.task}.png"
    draw(picture, setting, by_name, wanted, retrained.mean)
    print(f"picture: {picture}")


if __name__ == "__main__":
    main()
