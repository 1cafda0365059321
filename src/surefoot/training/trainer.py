"""The contract of a trainer: rows in lockstep, each with its own weights, hyperparameters and randomness."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.keys import seed_of
from surefoot.tasks import Prepared, Split
from surefoot.tasks.tree import Tree

Moves = Mapping[str, float | NDArray[np.float64]]  # hyperparameters of n updates: a number, or `[n]` where it moves


@frozen(eq=False)
class Row:
    """A live run as a trainer sees it."""

    rule: Any  # optimizers.Rule
    hyper: Mapping[str, float]  # before the first update
    seed: int
    moving: frozenset[str] = frozenset()  # the hyperparameters that do not stay as they are

    @property
    def family(self) -> tuple[object, ...]:
        """What rows must have in common to be updated together."""
        return self.rule.structure, tuple(sorted(self.hyper))


@frozen(eq=False)
class Updates:
    """Consecutive updates to be made: the samples of every seed and the hyperparameters of every row."""

    start: int  # updates made before
    samples: Mapping[int, Tensor]  # seed → sample indices [n, B]
    hyper: Sequence[Moves]  # [K]

    def __len__(self) -> int:
        return len(next(iter(self.samples.values())))

    def at(self, row: int, i: int) -> dict[str, float]:
        """The hyperparameters of a row in update `i` of these."""
        moves = self.hyper[row].items()
        return {name: float(value[i]) if isinstance(value, np.ndarray) else value for name, value in moves}


class Trainer(Protocol):
    """Trains K rows; keeps nothing but their weights, buffers and optimizer states."""

    name: str

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        """Make the updates; the training losses `[n, K]`, each before its update."""
        ...

    def outputs(self, split: Split) -> Sequence[Tree]:
        """Each row's outputs on a split, in evaluation mode: what the model returns, leaves `[N, ...]`."""
        ...

    def take(self, rows: Sequence[int]) -> None:
        """Go on with these rows, named in ascending order: one that is not named is dropped, one that is named twice
        forks. No other row's numbers change."""
        ...

    def snapshot(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """All that these rows' further numbers depend on: of the k-th of them under names that begin with `k` and a
        space; what is of none of them under others."""
        ...

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Go on from a snapshot of a trainer that was made for the same rows; or from rows put together from several,
        where there is nothing in it that is of no row."""
        ...


def initial_model(task: Prepared, seed: int) -> torch.nn.Module:
    """The task's model with the weights of a seed, on its device; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "weights"))
        return task.model().to(task.device)


def order(task: Prepared, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch of a seed takes the training samples: shuffled, or the data's own if it has one."""
    if task.train.in_order:
        return torch.arange(len(task.train), device=task.device)
    generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
    return torch.randperm(len(task.train), generator=generator).to(task.device)
