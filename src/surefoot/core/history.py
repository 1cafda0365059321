"""What a finished (or interrupted) study left behind: all that analysis and reports read."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from surefoot.core.record import Observation
from surefoot.core.run import Run
from surefoot.core.task import Goal

Status = Literal["planned", "running", "paused", "done", "diverged", "interrupted", "failed"]


@frozen(eq=False)
class History:
    """One run as recorded."""

    run: Run
    status: Status
    observations: tuple[Observation, ...]
    losses: Any = field(repr=False)  # float32 array, one an update
    diverged: int | None = None  # the step at which it was not finite any more
    seconds: float = 0.0  # its share of the time its population took
    final: Mapping[str, float] = field(factory=dict)  # on the test set, where one is only reported


@frozen(kw_only=True)
class Facts:
    """What was trained on what: the part of a study that is the same for all its runs."""

    task: str
    source: str  # how to name the task again: a built-in name, a path, or "" for one made in Python
    about: str
    watched: Literal["validation", "test"]
    rank: str  # the metric that ranks recipes
    goal: Goal
    metrics: tuple[str, ...]
    samples: Mapping[str, int]  # by split
    parameters: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    last_batch: str
    device: str
    fingerprint: str
    seeds: tuple[int, ...]
    trainer: str  # the one asked for
    target: float | None = None
    command: str = ""
    accumulate: int = 1
    precision: str = "full"
    patience: int | None = None
    search: str = ""  # JSON: what a search was asked to find

    @property
    def steps(self) -> int:
        """The horizon in updates."""
        return self.epochs * self.steps_per_epoch


@frozen(eq=False)
class Study:
    """A study as recorded."""

    id: int
    kind: str
    created: str  # ISO 8601, local time with its offset
    status: Status
    facts: Facts
    environment: Mapping[str, str]
    runs: tuple[History, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    trainer: str = ""  # the one that was used

    def recipes(self) -> list[tuple[str, list[History]]]:
        """The runs of each recipe, in the order the recipes were given."""
        groups: dict[str, list[History]] = {}
        for run in self.runs:
            groups.setdefault(run.run.recipe.name, []).append(run)
        return list(groups.items())
