"""The update of a population as machine code: all operations on all rows in one pass over their memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.around import clip_columns
from surefoot.optimizers.inductor import compiled
from surefoot.optimizers.population import start, update_columns
from surefoot.optimizers.rule import Hyper, Rule, State

Columns = Mapping[str, float | NDArray[np.float64]]  # hyperparameters of all rows: a number, or `[K]`


class CompiledUpdate:
    """`update` compiled for one rule and one set of shapes; its plain twin is `update`, whose numbers it has but for
    rounding.

    Compiling takes some seconds and pays for itself after thousands of updates. Weights, gradient and state pass
    through the processor once, whatever the rule computes between.

    Parameters:
        rule: the rule of all rows.
        params: tensors `[K, ...]` by name.
        state: as `init` made it; buffers that a moving hyperparameter may come to need are added.
        hyper: of the first update, one mapping for each row, or numbers and arrays `[K]` by name.
        moving: the hyperparameters that change from update to update. One that all rows share and that is not among
            them is a constant of the machine code.

    Raises RecipeError where the numbers of rows differ, and what the compiler raises where there is none.

    >>> from surefoot.optimizers import init, sgd
    >>> from surefoot.optimizers.inductor import compiler_found
    >>> w, g = {"w": torch.ones(2, 3)}, {"w": torch.ones(2, 3)}
    >>> rows = [sgd().filled({"lr": lr}) for lr in (0.1, 0.5)]
    >>> state = init(sgd(), w, rows)
    >>> if compiler_found():
    ...     step = CompiledUpdate(sgd(), w, state, rows)
    ...     step(w, g, state, rows, t=1)
    ... else:
    ...     w = {"w": torch.tensor([[0.9], [0.5]])}
    >>> w["w"][:, 0]
    tensor([0.9000, 0.5000])
    """

    def __init__(
        self,
        rule: Rule,
        params: Mapping[str, Tensor],
        state: dict[str, State],
        hyper: Sequence[Hyper] | Columns,
        moving: Collection[str] = ("lr",),
    ) -> None:
        given = _columns(hyper)
        self.rule, self.names, self.rows = rule, tuple(params), _rows(params, given)
        self.constant = {name: v for name, value in given.items() if (v := _shared(name, value, moving)) is not None}
        found = self._coefficients(given, 1)
        self.shared = {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
        self.columns = tuple(name for name in found if name not in self.shared)
        self.dtype = reduce(torch.promote_types, (p.dtype for p in params.values()))
        self.device = next(iter(params.values())).device
        self._fill(params, state, given)
        self.buffers = {name: tuple(state[name]) for name in self.names}
        grads = {name: _waves(p) for name, p in params.items()}
        example = self._flat(params, grads, state, self.table(given, 1))
        self.forms = [_form(tensor) for tensor in example]
        self._run = compiled(self._step, example, written=len(example) - len(grads) - 1)

    def __call__(
        self,
        params: Mapping[str, Tensor],
        grads: Mapping[str, Tensor],
        state: Mapping[str, State],
        hyper: Sequence[Hyper] | Columns,
        t: int,
    ) -> None:
        """One update of every row, written into `params` and `state`.

        Parameters: tensors of the shapes that it was compiled for, a gradient for each; `hyper` as when it was
        compiled, of this update; `t`, its number, from 1. Raises RecipeError where a hyperparameter or a tensor's shape
        is no more what it was compiled for.
        """
        tensors = self._flat(params, grads, state, self.table(hyper, t))
        if [_form(tensor) for tensor in tensors] != self.forms:  # machine code looks at no shapes
            received = [tuple(params[name].shape) for name in self.names]
            raise RecipeError("the step was compiled for tensors of other shapes, strides or types", received=received)
        self._run(*tensors)

    def table(self, hyper: Sequence[Hyper] | Columns, t: int) -> Tensor:
        """The coefficients `columns` of update `t`, `[C, K]`: computed in float64, rounded once."""
        found = self._coefficients(_columns(hyper), t)
        table = np.empty((len(self.columns), self.rows))
        for place, name in enumerate(self.columns):
            table[place] = found[name]
        return torch.from_numpy(table).to(self.dtype).to(self.device)

    def _coefficients(self, given: Columns, t: int) -> dict[str, Any]:
        for name, value in self.constant.items():
            if given[name] is not value and not np.all(given[name] == value):
                remedy = f"name it where the step is compiled: moving=({name!r}, ...)"
                raise RecipeError(f"the step was compiled for {name}={value:g}", received=given[name], remedy=remedy)
        varying = {name: np.asarray(value) for name, value in given.items() if name not in self.constant}
        return self.rule.scalars({**self.constant, **varying}, np.array([float(t)]))

    def _fill(self, params: Mapping[str, Tensor], state: dict[str, State], given: Columns) -> None:
        for name, p in params.items():
            column = {n: torch.ones(len(p), *[1] * (p.ndim - 1)) for n in given if n not in self.constant}
            for key, buffer in start(self.rule, p, {**self.constant, **column}).items():
                state[name].setdefault(key, buffer)

    def _flat(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], state: Mapping[str, State], table: Tensor
    ) -> list[Tensor]:
        buffers = [state[name][key] for name, keys in self.buffers.items() for key in keys]
        return [*(params[n] for n in self.names), *buffers, *(grads[n].contiguous() for n in self.names), table]

    def _step(self, *tensors: Tensor) -> None:
        given: Iterator[Tensor] = iter(tensors)
        params = {name: next(given) for name in self.names}
        state = {name: {key: next(given) for key in keys} for name, keys in self.buffers.items()}
        grads = {name: next(given) for name in self.names}
        columns = dict(zip(self.columns, next(given), strict=True))
        clipped = clip_columns(self.rule, grads, self.shared, columns)
        update_columns(self.rule, params, clipped, state, self.shared, columns, tiled=False)


def _form(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype


def _waves(p: Tensor) -> Tensor:
    """Numbers to try a gradient with, without torch's random state."""
    return torch.arange(p.numel(), dtype=torch.float32, device=p.device).sin().to(p.dtype).view(p.shape)


def _columns(hyper: Sequence[Hyper] | Columns) -> Columns:
    if isinstance(hyper, Mapping):
        return hyper
    return {name: np.array([row[name] for row in hyper]) for name in (hyper[0] if hyper else {})}


def _shared(name: str, value: float | NDArray[np.float64], moving: Collection[str]) -> float | None:
    """The number that all rows have for good, if there is one."""
    first = np.ravel(value)[0]
    return float(first) if name not in moving and bool(np.all(value == first)) else None


def _rows(params: Mapping[str, Tensor], given: Columns) -> int:
    """How many rows there are."""
    lengths = {name: len(value) for name, value in given.items() if isinstance(value, np.ndarray) and value.ndim}
    rows = next(iter(lengths.values()), len(next(iter(params.values()))))
    shapes = {name: list(p.shape) for name, p in params.items()}
    for name, received in {**{name: [n] for name, n in lengths.items()}, **shapes}.items():
        if received[:1] != [rows]:
            raise RecipeError(f"{name!r} must have one entry for each of the {rows} rows", received=received)
    return rows
