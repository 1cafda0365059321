"""The slots of one kind within a population: their optimizer state, and their coefficients for many updates at once."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from torch import Tensor

from surefoot.optimizers import start as state_of
from surefoot.optimizers import take, update_columns
from surefoot.optimizers.rule import State
from surefoot.training.layout import Kind
from surefoot.training.trainer import Moves


@frozen(eq=False)
class Group:
    """Rows whose rules do the same operations.

    A coefficient is `shared` where it is a number for all rows and steps; it is then part of the compiled step. The
    others, `names`, are columns of a table.
    """

    kind: Kind
    slots: slice
    shared: Mapping[str, float]
    names: tuple[str, ...]
    state: dict[str, State] = field(repr=False)

    def table(self, moves: Sequence[Moves], start: int, n: int) -> NDArray[np.float64]:
        """The coefficients `names` of updates start + 1 … start + n, `[n, C, K]`, in float64."""
        found = _coefficients(self.kind, moves, start, n)
        whole = [np.broadcast_to(found[name], (n, len(moves))) for name in self.names]
        return np.stack(whole, axis=1) if whole else np.empty((n, 0, len(moves)))

    def update(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], state: Mapping[str, State], table: Tensor,
        *, tiled: bool,
    ) -> None:  # fmt: skip
        """One update of these slots of the whole population's `params`; `table`, its coefficients `[C, K]`."""
        mine = {name: grad[self.slots] for name, grad in grads.items()}
        part = {name: params[name][self.slots] for name in mine}
        columns = dict(zip(self.names, table, strict=True))
        update_columns(self.kind.rule, part, mine, state, self.shared, columns, tiled=tiled)

    def tensors(self) -> Iterator[Tensor]:
        """The state's tensors, always in the same order."""
        return (buffer for state in self.state.values() for buffer in state.values())

    def over(self, tensors: Iterator[Tensor]) -> dict[str, State]:
        """The state with these tensors in their places."""
        return {name: {key: next(tensors) for key in state} for name, state in self.state.items()}

    def taking(self, slots: slice, places: Sequence[int]) -> "Group":
        """The group at other slots, each with the state of one of its present places."""
        return evolve(self, slots=slots, state=take(self.state, places), kind=evolve(self.kind, slots=len(places)))


def group_of(kind: Kind, start: int, params: Mapping[str, Tensor], moves: Sequence[Moves]) -> Group:
    """The group at slots `start` … before the first update of `params` `[K, ...]`, the trainable ones."""
    slots = slice(start, start + kind.slots)
    found = _coefficients(kind, moves, 0, 1)
    shared = {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
    state = {}
    for name, p in params.items():
        first = {n: _column([move[n] for move in moves], p) for n in kind.varying}
        state[name] = state_of(kind.rule, p[slots], {**kind.shared, **first})
    return Group(kind, slots, shared, tuple(name for name in found if name not in shared), state)


def _coefficients(kind: Kind, moves: Sequence[Moves], start: int, n: int) -> dict[str, float | NDArray[np.float64]]:
    varying = {name: np.stack([np.broadcast_to(move[name], n) for move in moves], axis=1) for name in kind.varying}
    t = np.arange(start + 1, start + n + 1, dtype=np.float64)[:, None]
    return kind.rule.coefficients({**kind.shared, **varying}, t)


def _column(values: Sequence[float | NDArray[np.float64]], p: Tensor) -> Tensor:
    first = [float(np.ravel(value)[0]) for value in values]
    return torch.tensor(first, dtype=p.dtype, device=p.device).view(-1, *[1] * (p.ndim - 1))
