"""Hyperparameters in the parameter groups of a torch optimizer: plain numbers, tensors, and items of a tuple."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from surefoot.core.errors import ScheduleError, did_you_mean

Group = dict[str, Any]


def spot(group: Group, name: str) -> tuple[str, int | None]:
    """Where a hyperparameter is: its key and, in a tuple, its position. `beta1` is the first of `betas`."""
    beta = re.fullmatch(r"beta([1-9])", name)
    if beta and name not in group and "betas" in group:
        return "betas", int(beta[1]) - 1
    return name, None


def held(group: Group, name: str) -> float | Tensor:
    """The number or tensor that the group holds. Raises ScheduleError for a name that is no hyperparameter."""
    key, position = spot(group, name)
    try:
        value = group[key] if position is None else group[key][position]
    except (KeyError, IndexError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
        raise ScheduleError(
            f"the optimizer's groups have no number {name!r}", remedy=did_you_mean(name, hyperparameters(group))
        )
    return value


def hyperparameters(group: Group) -> list[str]:
    """The names that `held` knows."""
    betas = [f"beta{i + 1}" for i in range(len(group.get("betas", ())))]
    numbers = [name for name, value in group.items() if type(value) in (int, float) or isinstance(value, Tensor)]
    return [name for name in numbers if not name.startswith("initial_")] + betas


def put(group: Group, key: str, position: int | None, value: float) -> None:
    """Sets the number at a spot; a tensor is filled in place, since compiled and captured steps hold on to it."""
    old = group[key] if position is None else group[key][position]
    if isinstance(old, Tensor):
        old.fill_(value)
    else:
        group[key] = value if position is None else _with(group[key], position, value)


def initial(group: Group, name: str) -> float:
    """The value before any schedule, kept in the group as torch's schedulers do: it is saved with the optimizer."""
    return float(group.setdefault(f"initial_{name}", float(held(group, name))))


def own_tensors(scheduled: Iterable[tuple[Group, str]]) -> None:
    """Gives groups that share the tensor of a hyperparameter one each, or filling it would change all of them."""
    seen: set[int] = set()
    for group, name in scheduled:
        tensor = held(group, name)
        if isinstance(tensor, Tensor) and id(tensor) in seen:
            key, position = spot(group, name)
            tensor = tensor.clone()
            group[key] = tensor if position is None else _with(group[key], position, tensor)
        seen.add(id(tensor))


def _with(values: tuple[Any, ...], position: int, value: Any) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])
