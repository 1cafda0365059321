"""A tile at one moment: all that its further numbers depend on, as tensors and a line of text.

The states of reactive schedules are not in it: they are replayed from what was observed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from attrs import frozen
from torch import Tensor

from surefoot.core.record import Observation
from surefoot.training.trainer import Trainer

LOSSES = "losses since the last look"


@frozen(eq=False)
class Checkpoint:
    """Rows after `step` updates.

    Parameters: `live`, of each row in the trainer's order the runs that it is, by index; `seconds`, the runs' share of
    the time so far, in that order; `losses`, of each row since its last observation; `rows`, the trainer's snapshot.
    """

    step: int
    live: tuple[tuple[int, ...], ...]
    seconds: tuple[float, ...]
    losses: Sequence[Sequence[float]]
    rows: Mapping[str, Tensor]

    @property
    def runs(self) -> tuple[int, ...]:
        """The runs that go on."""
        return tuple(run for row in self.live for run in row)

    def held(self) -> "zip[tuple[tuple[int, ...], Sequence[float]]]":
        """Of each row its runs and its losses."""
        return zip(self.live, self.losses, strict=True)

    def parts(self) -> tuple[dict[str, Tensor], str]:
        """Tensors and text, to be written to a file."""
        about = {"step": self.step, "live": self.live, "seconds": self.seconds}
        losses = torch.tensor([list(row) for row in self.losses], dtype=torch.float64)
        return {**self.rows, LOSSES: losses}, json.dumps(about)

    def row(self, run: int) -> dict[str, Tensor]:
        """What is kept of the row of a run."""
        start = f"{next(k for k, runs in enumerate(self.live) if run in runs)} "
        return {name.removeprefix(start): tensor for name, tensor in self.rows.items() if name.startswith(start)}

    @classmethod
    def joined(cls, parts: "Sequence[tuple[Checkpoint, int, Sequence[int]]]") -> "Checkpoint":
        """Rows of several checkpoints of one step: of each a checkpoint, a run that is in it, and the runs that go on
        from there."""
        rows = {f"{k} {n}": t for k, (kept, run, _) in enumerate(parts) for n, t in kept.row(run).items()}
        losses = [next(losses for runs, losses in kept.held() if run in runs) for kept, run, _ in parts]
        seconds = [kept.seconds[kept.runs.index(run)] for kept, run, _ in parts]
        live = tuple(tuple(runs) for _, _, runs in parts)
        # What was trained is charged to the run that trained it.
        charged = {run: spent for spent, (_, run, _) in zip(seconds, parts, strict=True)}
        return cls(parts[0][0].step, live, tuple(charged.get(run, 0.0) for runs in live for run in runs), losses, rows)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], about: str) -> "Checkpoint":
        """The checkpoint that was written as these parts."""
        read, rows = json.loads(about), dict(tensors)
        losses = rows.pop(LOSSES).tolist()
        live = tuple(tuple(row) for row in read["live"])
        return cls(read["step"], live, tuple(read["seconds"]), losses, rows)


class Save(Protocol):
    """Keeps the parts of a checkpoint; the name that they can be found under."""

    def __call__(self, tensors: Mapping[str, Tensor], about: str, /) -> str: ...


class Look(Protocol):
    """Whoever wants to see the rows themselves, not only records of them."""

    def __call__(self, run: int, best: bool, trainer: Trainer, row: int, observation: Observation, /) -> None:
        """Called after every look at a run, before it is recorded: `best`, whether it is the best so far; `row`, which
        of the trainer's rows it is; `observation`, what was seen."""
        ...


@frozen(eq=False)
class Saving:
    """Where checkpoints go, after how many seconds at the earliest the next is written, and who else looks."""

    save: Save
    every: float
    look: Look | None = None
