"""A rule lifted to a population: tensors `[K, ...]`, one row a model, each row with its own hyperparameters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.around import average_, clipped
from surefoot.optimizers.ops import Coefficient, used
from surefoot.optimizers.rule import Coefficients, Hyper, Rule, State

# Elements that an operation on a processor works on at once: temporaries beyond some 2 MB fall out of the cache and are
# mapped afresh in each step, which made 16 rows of a million parameters up to 6 times slower.
TILE = 2**19

Tree = TypeVar("Tree", Tensor, dict[str, Tensor], dict[str, State])


def init(rule: Rule, params: Mapping[str, Tensor], hyper: Sequence[Hyper]) -> dict[str, State]:
    """The state of every parameter of every row before the first update.

    Parameters: `params`, tensors `[K, ...]` by name; `hyper`, one mapping for each of the K rows with all that
    `rule.hyper` names (`rule.filled` makes one). Raises RecipeError where the numbers of rows differ.
    """
    along = _Along(hyper, params)
    return {name: start(rule, p, along(p)) for name, p in params.items()}


def start(rule: Rule, p: Tensor, h: Coefficients) -> State:
    """The state of one parameter `[K, ...]` of all rows, and `ema` where weights are averaged.

    Parameters: `h`, hyperparameters: floats, or tensors that broadcast along the rows where these may differ.

    >>> from surefoot.optimizers import adam
    >>> sorted(start(adam(), torch.ones(2, 3), adam(ema=0.9).hyper))
    ['ema', 'exp_avg', 'exp_avg_sq']
    """
    if rule.elementwise:
        state = rule.init(p, h)
    else:
        each = [rule.init(p[k], _of_row(h, k)) for k in range(len(p))]
        state = {key: torch.stack([own[key] for own in each]) for key in each[0]}
    return state | ({"ema": p.clone()} if used(h["ema"]) else {})


def update(
    rule: Rule,
    params: dict[str, Tensor],
    grads: Mapping[str, Tensor],
    state: dict[str, State],
    hyper: Sequence[Hyper],
    t: int,
) -> tuple[dict[str, Tensor], dict[str, State]]:
    """One update of every row, written into `params` and `state`, which are returned; `grads` are left as they are.

    Gradients are clipped before it and weights averaged after it, where a row's hyperparameters say so.

    In float32 and float64 every row gets the numbers, bit for bit, that it would get alone, and on a processor those of
    torch.optim's loop with the same gradients. Narrower types round coefficients that differ between rows to their own.

    Parameters: tensors `[K, ...]` by name, where a parameter without a gradient stays as it is; `hyper`, one mapping
    for each row, of this step; `t`, the number of this update, from 1. Raises RecipeError where the numbers of rows
    differ.

    >>> from surefoot.optimizers import sgd
    >>> w, rates = {"w": torch.ones(2, 3)}, [{"lr": 0.1}, {"lr": 0.5}]
    >>> rows = [sgd().filled(rate) for rate in rates]
    >>> _ = update(sgd(), w, {"w": torch.ones(2, 3)}, init(sgd(), w, rows), rows, t=1)
    >>> w["w"][:, 0]
    tensor([0.9000, 0.5000])
    """
    if t < 1:
        raise RecipeError("updates are counted from 1", received=t)
    rows = [rule.scalars(h, t) for h in hyper]
    along = _Along(rows, params)
    with torch.no_grad():
        for name, g in clipped(rule, grads, rows).items():
            p, s = params[name], state[name]
            if "ema" not in s and any(c["ema"] > 0 for c in rows):
                s["ema"] = p.clone()
            if rule.elementwise:
                for tile in _tiles(p):
                    _update(rule, p, g, s, along(p, tile), tile)
            else:
                _update_each(rule, p, g, s, rows)
    return params, state


def update_columns(
    rule: Rule,
    params: Mapping[str, Tensor],
    grads: Mapping[str, Tensor],
    state: Mapping[str, State],
    shared: Mapping[str, float],
    columns: Mapping[str, Tensor],
    *,
    tiled: bool = True,
) -> None:
    """`update` for coefficients that are at hand: `shared` by all rows, and `columns` `[K]` where they may differ.

    Gradients are taken as they are (`clip_columns` clips them). Nothing here depends on the values of tensors, so that
    it can be traced and compiled. Rows that agree in a column take the operation of rows that differ: the numbers are
    those of `update` but for rounding. `tiled`: in pieces that fit a cache, as an interpreter needs it and a compiler
    does not.
    """
    for name, g in grads.items():
        p = params[name]
        if not rule.elementwise:
            _update_lifted(rule, p, g, state[name], shared, columns)
            continue
        c = _along(p, shared, columns)
        for tile in _tiles(p) if tiled else [slice(None)]:
            part = {key: value[tile] if isinstance(value, Tensor) else value for key, value in c.items()}
            _update(rule, p, g, state[name], part, tile)


def evaluated(
    rule: Rule,
    params: Mapping[str, Tensor],
    state: Mapping[str, State],
    shared: Mapping[str, float],
    columns: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """The weights `[K, ...]` that the rows are measured with: averages where there are any, else `params` themselves.

    Parameters: `shared` and `columns` `[K]`, hyperparameters or coefficients, as `update_columns` takes them.
    """
    with torch.no_grad():
        return {name: rule.evaluated(p, state[name], _along(p, shared, columns)) for name, p in params.items()}


def _along(p: Tensor, shared: Mapping[str, float], columns: Mapping[str, Tensor]) -> dict[str, Coefficient]:
    """Numbers and columns `[K]` as coefficients that broadcast along the rows of `p`."""
    return {**shared, **{key: c.to(p.dtype).view(-1, *[1] * (p.ndim - 1)) for key, c in columns.items()}}


def _update(rule: Rule, p: Tensor, g: Tensor, s: State, c: Coefficients, tile: slice) -> None:
    part = {key: buffer[tile] for key, buffer in s.items()}
    rule.update(p[tile], g[tile], part, c)
    average_(p[tile], part, c)
    for key in part.keys() - s.keys():  # a buffer first needed now
        s[key] = torch.zeros_like(p)
        s[key][tile] = part[key]


def _update_each(rule: Rule, p: Tensor, g: Tensor, s: State, rows: Sequence[Coefficients]) -> None:
    """Row by row, for a rule that looks at more than single numbers."""
    for k, c in enumerate(rows):
        part = {key: buffer[k] for key, buffer in s.items()}
        rule.update(p[k], g[k], part, c)
        average_(p[k], part, c)
        for key in part.keys() - s.keys():
            s[key] = torch.zeros(len(p), *part[key].shape, dtype=part[key].dtype, device=part[key].device)
            s[key][k] = part[key]


def _update_lifted(
    rule: Rule, p: Tensor, g: Tensor, s: State, shared: Mapping[str, float], columns: Mapping[str, Tensor]
) -> None:
    """All rows at once, for a rule that looks at more than single numbers.

    `functionalize` turns operations in place into others, of which vmap knows more.
    """
    names = sorted(s)

    def one(p: Tensor, g: Tensor, buffers: list[Tensor], own: list[Tensor]) -> list[Tensor]:
        p, part = p.clone(), {key: buffer.clone() for key, buffer in zip(names, buffers, strict=True)}
        c: dict[str, Coefficient] = {**shared, **dict(zip(columns, own, strict=True))}
        rule.update(p, g, part, c)
        average_(p, part, c)
        return [p, *(part[key] for key in names)]

    lifted = torch.func.vmap(torch.func.functionalize(one))
    new = lifted(p, g, [s[key] for key in names], [c.to(p.dtype) for c in columns.values()])
    for old, value in zip([p, *(s[key] for key in names)], new, strict=True):
        old.copy_(value)


def _of_row(h: Coefficients, k: int) -> dict[str, Coefficient]:
    return {name: value.flatten()[k] if isinstance(value, Tensor) else value for name, value in h.items()}


def take(tree: Tree, rows: Sequence[int] | Tensor) -> Tree:
    """Copies of the given rows, in that order: leaves rows out, or forks those that are named twice.

    Parameters: `tree`, a tensor `[K, ...]`, or dicts of them (parameters, state); `rows`, indices below K.

    >>> take({"w": torch.tensor([1.0, 2.0, 3.0])}, [2, 0, 0])
    {'w': tensor([3., 1., 1.])}
    """
    if isinstance(tree, Tensor):
        return tree.index_select(0, torch.as_tensor(rows, dtype=torch.long, device=tree.device))
    return cast(Tree, {name: take(branch, rows) for name, branch in tree.items()})


class _Along:
    """Numbers of rows as coefficients: a float where all rows agree, else a tensor that broadcasts along them."""

    def __init__(self, rows: Sequence[Hyper], params: Mapping[str, Tensor]) -> None:
        if not rows:
            raise RecipeError("a population has at least one row", received=rows)
        for name, p in params.items():
            if p.ndim == 0 or len(p) != len(rows):
                shape = list(p.shape)
                raise RecipeError(f"{name!r} must have one entry for each of the {len(rows)} rows", received=shape)
        self.rows = rows
        self.differ = [name for name in rows[0] if any(row[name] != rows[0][name] for row in rows)]
        columns = [[row[name] for row in rows] for name in self.differ]
        kinds = {(p.dtype, p.device) for p in params.values()}
        self.tensors = {kind: torch.tensor(columns, dtype=kind[0], device=kind[1]) for kind in kinds}

    def __call__(self, p: Tensor, tile: slice = slice(None)) -> Coefficients:
        rows = self.rows[tile]
        if len(rows) == 1 or not self.differ:
            return rows[0]
        columns = self.tensors[p.dtype, p.device][:, tile]
        columns = columns.reshape(*columns.shape, *[1] * (p.ndim - 1))
        return {**self.rows[0], **dict(zip(self.differ, columns, strict=True))}


def _tiles(p: Tensor) -> Iterator[slice]:
    rows = len(p)
    each = max(1, TILE * rows // max(1, p.numel())) if p.device.type == "cpu" else rows
    return (slice(start, start + each) for start in range(0, rows, each))
