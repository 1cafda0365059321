"""The slots of one kind within a population: their optimizer state, and their coefficients for many updates at once."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from torch import Tensor, tensor

from surefoot.optimizers import Rule, clip_columns, evaluated, take, update_columns
from surefoot.optimizers import start as state_of
from surefoot.optimizers.rule import State
from surefoot.optimizers.scopes import Part, parts
from surefoot.training.layout import Kind
from surefoot.training.trainer import Moves

Numbers = Mapping[str, float | NDArray[np.float64]]


@frozen(eq=False)
class Columns:
    """The coefficients of the parameters of one part of a model.

    A coefficient is `shared` where it is a number for all rows and steps; it is then part of the compiled step. The
    others, `names`, are columns of a table.
    """

    part: Part
    shared: Mapping[str, float]
    names: tuple[str, ...]

    @classmethod
    def of(cls, part: Part, kind: Kind, moves: Sequence[Moves]) -> "Columns":
        found = _coefficients(part, kind, moves, 0, 1)
        shared = {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
        return cls(part, shared, tuple(name for name in found if name not in shared))


@frozen(eq=False)
class Group:
    """Rows whose rules do the same operations, on the same parts of the model."""

    kind: Kind
    slots: slice
    columns: tuple[Columns, ...]
    state: dict[str, State] = field(repr=False)

    def table(self, moves: Sequence[Moves], start: int, n: int) -> NDArray[np.float64]:
        """The coefficients of updates start + 1 … start + n that are no constants, `[n, C, K]`, in float64."""
        every = []
        if not moves:
            return np.empty((n, sum(len(each.names) for each in self.columns), 0))
        for each in self.columns:
            found = _coefficients(each.part, self.kind, moves, start, n)
            every += [np.broadcast_to(found[name], (n, len(moves))) for name in each.names]
        return np.stack(every, axis=1) if every else np.empty((n, 0, len(moves)))

    def update(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], state: Mapping[str, State], table: Tensor,
        *, tiled: bool,
    ) -> None:  # fmt: skip
        """One update of these slots of the whole population's `params`; `table`, its coefficients `[C, K]`."""
        if not self.kind.slots:
            return
        left = iter(table)
        given = [{name: next(left) for name in each.names} for each in self.columns]
        mine: Mapping[str, Tensor] = {name: grad[self.slots] for name, grad in grads.items()}
        mine = clip_columns(self.kind.rule, mine, self.columns[0].shared, given[0])  # limits are those of all parts
        for each, columns in zip(self.columns, given, strict=True):
            some = {name: mine[name] for name in each.part.params if name in mine}
            part = {name: params[name][self.slots] for name in some}
            update_columns(self.kind.rule, part, some, state, each.shared, columns, tiled=tiled)

    def evaluated(self, params: Mapping[str, Tensor], moves: Sequence[Moves]) -> Mapping[str, Tensor]:
        """The weights of these slots that their rows are measured with.

        Parameters: `params`, of the whole population; `moves`, the hyperparameters of each slot's last update.
        """
        mine = {name: p[self.slots] for name, p in params.items()}
        if type(self.kind.rule).evaluated is Rule.evaluated and not any("ema" in s for s in self.state.values()):
            return mine
        for part in (each.part for each in self.columns):
            some = {name: mine[name] for name in part.params}
            p = next(iter(some.values()))
            columns = {n: _column([move[n] for move in moves], p).flatten() for n in self.kind.varying}
            values: dict[str, float | Tensor] = {**self.kind.shared, **columns}
            hyper = part.hyper(values)
            shared = {name: value for name, value in hyper.items() if not isinstance(value, Tensor)}
            varying = {name: value for name, value in hyper.items() if isinstance(value, Tensor)}
            mine |= evaluated(self.kind.rule, some, self.state, shared, varying)
        return mine

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
    slots, moves = slice(start, start + kind.slots), moves or [kind.idle]
    split = parts([*kind.shared, *kind.varying], {name: p.ndim - 1 for name, p in params.items()})
    state = {}
    for part in split:
        for name in part.params:
            p = params[name][slots]
            first: dict[str, float | Tensor] = {n: _column([move[n] for move in moves], p) for n in kind.varying}
            state[name] = state_of(kind.rule, p, part.hyper({**kind.shared, **first}))
    ordered = {name: state[name] for name in params}
    return Group(kind, slots, tuple(Columns.of(part, kind, moves) for part in split), ordered)


def _coefficients(part: Part, kind: Kind, moves: Sequence[Moves], start: int, n: int) -> Numbers:
    varying = {name: np.stack([np.broadcast_to(move[name], n) for move in moves], axis=1) for name in kind.varying}
    t = np.arange(start + 1, start + n + 1, dtype=np.float64)[:, None]
    found: Numbers = kind.rule.scalars(part.hyper({**kind.shared, **varying}), t)
    return found


def _column(values: Sequence[float | NDArray[np.float64]], p: Tensor) -> Tensor:
    last = [float(np.ravel(value)[-1]) for value in values]
    return tensor(last, dtype=p.dtype, device=p.device).view(-1, *[1] * (p.ndim - 1))
