"""What all competitors are told: the task, how long a run is, and where to search."""

import json
import random
import sys
import time
from itertools import product
from pathlib import Path
from typing import Self

import attrs
import numpy as np
import yaml

SPACE = Path(__file__).with_name("space.yaml")


@attrs.frozen
class Choice:
    """An optimizer and a schedule by their texts, and the peak rate."""

    optimizer: str
    lr: float
    schedule: str


@attrs.frozen
class Setting:
    """A task and how it is searched.

    Parameters: `epochs` and `batch_size` of a run; `rates` of the grid; `metric` that ranks, and its `goal`; `data`,
    the folder of the task's files; `seed` of the round; `trials`, at most; `until`, when to stop, in the seconds of
    `time.time`; `folder`, to write in; `worker`, 0 or 1 of two processes that share the work.
    """

    task: str
    epochs: int
    batch_size: int
    rates: int
    metric: str = "accuracy"
    goal: str = "max"
    data: str | None = None
    seed: int = 0
    trials: int = 120
    until: float | None = None
    folder: str = "."
    worker: int = 0

    @classmethod
    def given(cls) -> Self:
        """As the first argument of a competitor's process has it."""
        return cls(**json.loads(sys.argv[1]))

    def text(self) -> str:
        return json.dumps(attrs.asdict(self))

    def left(self) -> float | None:
        """Seconds until the end, None without one."""
        return None if self.until is None else max(0.0, self.until - time.time())


# Runs of char-lm take ten seconds: a grid of eight rates would take ten minutes, so that it has four.
TASKS = {
    "fashion-mnist": Setting("fashion-mnist", epochs=5, batch_size=128, rates=8),
    "digits": Setting("digits", epochs=15, batch_size=32, rates=8),
    "char-lm": Setting("char-lm", epochs=2, batch_size=16, rates=4, metric="bits per character", goal="min"),
    "diabetes": Setting("diabetes", epochs=30, batch_size=16, rates=8, metric="R²"),
}


@attrs.frozen
class Space:
    """What there is to choose from."""

    optimizers: list[str]
    schedules: list[str]
    lr: list[float]

    @classmethod
    def read(cls) -> Self:
        return cls(**yaml.safe_load(SPACE.read_text()))

    def grid(self, rates: int, seed: int) -> list[Choice]:
        """Every optimizer with every schedule at `rates` rates, geometrically spaced, in an order of the seed's."""
        lr = np.geomspace(*self.lr, rates).tolist()
        every = [Choice(*each) for each in product(self.optimizers, lr, self.schedules)]
        return random.Random(seed).sample(every, len(every))


def report(trial: str, value: float, choice: Choice) -> None:
    """Tell the harness, which notes when the line arrives, the latest validation value of a trial."""
    print(json.dumps({"trial": trial, "value": value, **attrs.asdict(choice)}), flush=True)
