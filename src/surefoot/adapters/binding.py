"""Curves bound to the parameter groups of an optimizer: what to set in which group, and setting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from surefoot.adapters.groups import held, initial, own_tensors, put, spot
from surefoot.adapters.settings import Place, Settings
from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.schedules.reactive import States

Spot = tuple[Place, str, int | None]  # whose curve; where in a group its value goes
Member = tuple[int, float]  # index of a group; what the curve's value is multiplied by there


class Binding:
    """Sets the values of curves in an optimizer's groups.

    A shape multiplies a group's initial value, a rate replaces it. Groups are looked up at every step, since loading
    an optimizer replaces them; those that were added since are bound then.
    """

    def __init__(self, optimizer: Optimizer, settings: Settings) -> None:
        self.optimizer, self.settings, self.curves = optimizer, settings, settings.curves()
        self.bind()

    def bind(self) -> None:
        """Finds what to set where."""
        self.found = self.optimizer.param_groups
        self.bound = len(self.found)
        scheduled = self.scheduled()
        own_tensors((group, name) for group, places in zip(self.found, scheduled, strict=True) for _, name in places)
        plan: dict[Spot, list[Member]] = {}
        for i, (group, places) in enumerate(zip(self.found, scheduled, strict=True)):
            for place in places:
                first = initial(group, place[1])
                scale = 1.0 if self.settings.schedules[place].is_rate else first
                plan.setdefault((place, *spot(group, place[1])), []).append((i, scale))
        self.plan = [(self.curves[found[0]], *found, members) for found, members in plan.items()]

    def scheduled(self) -> list[list[Place]]:
        """What is scheduled in each group, a group's own schedules before those of every group."""
        names = dict.fromkeys(name for _, name in self.curves)
        found = []
        for i, group in enumerate(self.optimizer.param_groups):
            keys = (i, group.get("name"), None)
            first = (next(((key, name) for key in keys if (key, name) in self.curves), None) for name in names)
            found.append([place for place in first if place is not None])
        return found

    def set(self, t: int, states: Mapping[Place, States]) -> None:
        """Sets every value of step t."""
        groups = self.optimizer.param_groups
        if groups is not self.found or len(groups) != self.bound:
            self.bind()
        for curve, place, key, position, members in self.plan:
            value = curve(t, states.get(place))
            for i, scale in members:
                group = groups[i]
                if type(group[key]) is float:
                    group[key] = value * scale
                else:
                    put(group, key, position, value * scale)

    def values(self) -> list[dict[str, float]]:
        """What is set now, group by group."""
        return self._each(held)

    def initial(self) -> list[dict[str, float]]:
        """What the groups held before any schedule."""
        return self._each(initial)

    def restore(self, values: list[dict[str, float]]) -> None:
        """Takes up the initial values of a saved state."""
        for group, saved in zip(self.optimizer.param_groups, values, strict=False):  # groups may be added later
            group.update({f"initial_{name}": value for name, value in saved.items()})
        self.bind()

    def check(self) -> None:
        """Raises ScheduleError for groups that are not there and for shapes that multiply nothing but zeros."""
        known = [*range(self.bound), *(group["name"] for group in self.found if "name" in group)]
        for key, _ in self.curves:
            if key is not None and key not in known:
                raise ScheduleError(
                    f"the optimizer has no group {key!r}", remedy=did_you_mean(str(key), map(str, known))
                )
        for _, (_, name), _, _, members in self.plan:
            if not any(scale for _, scale in members):
                raise ScheduleError(
                    f"a shape multiplies the group's own {name}, which is 0: it would stay 0",
                    remedy=f"give the optimizer a {name}, or schedule a rate: 0.1 * cosine()",
                )

    def _each(self, read: Any) -> list[dict[str, float]]:
        pairs = zip(self.optimizer.param_groups, self.scheduled(), strict=True)
        return [{name: float(read(group, name)) for _, name in places} for group, places in pairs]


def innermost(optimizer: Any) -> Optimizer:
    """The optimizer of torch inside those that Accelerate, Lightning and others wrap round it."""
    if not isinstance(optimizer, Optimizer):
        raise ScheduleError("this is not an optimizer of torch", received=type(optimizer).__name__)
    inner = getattr(optimizer, "optimizer", None)
    return innermost(inner) if isinstance(inner, Optimizer) else optimizer
