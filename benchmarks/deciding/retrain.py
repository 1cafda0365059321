"""What a choice is worth: trained anew by the plain loop, on seeds that nobody chose with; measured on test data."""

import json
import math
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import attrs

from deciding.setting import Choice, Setting

SEEDS = range(1000, 1005)


class Retrained:
    """Values by choice and seed, kept in a file of JSON lines, so that nothing is trained twice."""

    def __init__(self, path: Path, setting: Setting, seeds: Iterable[int] = SEEDS) -> None:
        self.path, self.setting, self.seeds = path, setting, list(seeds)
        self.known: dict[str, float] = {}
        if path.exists():
            self.known = dict(json.loads(line) for line in path.read_text().splitlines())

    def add(self, choices: Iterable[Choice]) -> None:
        """Train what is not known yet, in two processes of one thread."""
        wanted = [(choice, seed) for choice in choices for seed in self.seeds]
        absent = {self._key(choice, seed): (choice, seed) for choice, seed in wanted}
        absent = {key: value for key, value in absent.items() if key not in self.known}
        if not absent:
            return
        pool = ProcessPoolExecutor(2, get_context("spawn"), _start, (self.setting,))
        with pool, self.path.open("a") as file:
            for key, value in zip(absent, pool.map(_value, *zip(*absent.values(), strict=True)), strict=True):
                self.known[key] = value
                print(json.dumps([key, value]), file=file, flush=True)

    def mean(self, choice: Choice) -> float:
        """Over the seeds; the worst there is where a run diverged."""
        mean = fmean(self.known[self._key(choice, seed)] for seed in self.seeds)
        return mean if math.isfinite(mean) else float("-inf" if self.setting.goal == "max" else "inf")

    def _key(self, choice: Choice, seed: int) -> str:
        setting = self.setting
        return json.dumps([setting.task, setting.epochs, setting.batch_size, *attrs.astuple(choice), seed])


def _start(setting: Setting) -> None:
    global _loop  # a worker's: its data is read once
    from deciding.loop import Loop

    _loop = Loop(setting)


def _value(choice: Choice, seed: int) -> float:
    models = list(_loop.run(choice, seed))
    whole = len(models) == _loop.setting.epochs
    return _loop.value(models[-1], _loop.test) if whole else float("nan")
