"""Schedules for the optimizers of torch: one scheduler for any hyperparameter of any group."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from surefoot.adapters import settings as told
from surefoot.adapters.binding import Binding, innermost
from surefoot.adapters.settings import Place, Policy, Settings
from surefoot.adapters.updates import Habits, Updates
from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Clock
from surefoot.schedules import reactive
from surefoot.schedules.curve import Curve
from surefoot.schedules.reactive import SECONDS, States, Watcher
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.wall_clock import WallClockReducer

VERSION = 1  # of the state


class Scheduler(LRScheduler):
    """Sets hyperparameters of a torch optimizer by schedules. Call `step()` after each update, as torch's own.

    Equation: value(group) = initial value of the group · s(t) for a shape s, s(t) for a rate; t = updates really made.
    Accumulated gradients and updates that loss scaling skips therefore need no care.

    Parameters: `optimizer`; `lr`, a schedule or its text, and any other hyperparameter by its name (`weight_decay`,
    `momentum`, `beta1`, `beta2`, `eps`); `steps`, the horizon in updates; `steps_per_epoch`, `batch_size`,
    `tokens_per_step` for lengths in those units; `groups`, schedules of single groups by name (`group["name"]`) or
    index, {"head": {"lr": ...}}; `on_mismatch`, what `load_state_dict` does where the saved schedules or horizon are
    others: "refuse", "keep" (the saved ones go on), "replace" (these go on from the same step), "extend" (what was
    left of the saved ones is played over this horizon); `count`, what t counts: "updates", or "calls" of step() for
    updates that a CUDA graph replays, which no hook sees.

    Raises ScheduleError for a group or hyperparameter that the optimizer lacks, and where a shape multiplies zeros.

    >>> import torch
    >>> from surefoot.schedules import cosine, warmup
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> scheduler = Scheduler(optimizer, warmup(2) >> cosine(), steps=10)
    >>> for _ in range(6):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler
    Scheduler(lr=warmup(2) >> cosine(), step 6 of 10)
    >>> round(optimizer.param_groups[0]["lr"], 12)
    0.05
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr: Schedule | str | None = None,
        *,
        steps: int,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        tokens_per_step: int | None = None,
        groups: Mapping[str | int, Mapping[str, Schedule | str]] | None = None,
        on_mismatch: Policy = "refuse",
        count: Literal["updates", "calls"] = "updates",
        **hyper: Schedule | str,
    ) -> None:
        # LRScheduler's own __init__ is not called: it would replace optimizer.step, and step once.
        if count not in ("updates", "calls"):
            raise ScheduleError("count must be 'updates' or 'calls'", received=count)
        self.optimizer = innermost(optimizer)
        self._count, self._on_mismatch = count, told.policy(on_mismatch)
        clock = Clock(steps, steps_per_epoch, batch_size, tokens_per_step)
        self._declared = told.settings(clock, {"lr": lr, **hyper}, groups)
        self._updates, self._habits, self._began = Updates(), Habits(), time.monotonic()
        self._follow(self._declared, {}, step=0)
        self._binding.check()
        self._watch()
        self._set()

    @classmethod
    def from_state(cls, optimizer: Optimizer, state_dict: dict[str, Any]) -> Scheduler:
        """A scheduler that goes on from a saved state, with the schedules and the horizon that were declared there.

        Raises ScheduleError where this is not the state of a scheduler, or the optimizer has not the groups.

        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> saved = Scheduler(optimizer, "0.1 * linear()", steps=10).state_dict()
        >>> Scheduler.from_state(optimizer, saved)
        Scheduler(lr=0.1 * linear(), step 0 of 10)
        """
        _, declared, _ = _read(state_dict)
        given: dict[Any, dict[str, Schedule]] = {}
        for (group, name), schedule in declared.schedules.items():
            given.setdefault(group, {})[name] = schedule
        clock = declared.clock
        every: dict[str, Any] = given.pop(None, {})
        scheduler = cls(
            optimizer, steps=clock.steps, steps_per_epoch=clock.steps_per_epoch, batch_size=clock.batch_size,
            tokens_per_step=clock.tokens_per_step, groups=given, **every,
        )  # fmt: skip
        scheduler.load_state_dict(state_dict)
        return scheduler

    def step(self, metrics: Any = None) -> None:
        """Sets every hyperparameter to its value for the next update.

        `metrics`, a number or a mapping, is observed first, as by ReduceLROnPlateau: a number is what every reactive
        piece watches.
        """
        if self._count == "calls":
            self._updates.count += 1
        updates = self._updates.count - self.last_epoch
        if updates != 1 or self._habits.unclear:
            self._habits.see(updates)
        if metrics is not None:
            self._see(metrics)
        elif self._timed:
            self._feed({})
        self._step_count += 1
        self._set()

    def observe(self, **values: float) -> None:
        """Shows reactive pieces what was measured after the updates made so far: `observe(loss=0.3)`."""
        try:
            measured = {name: float(value) for name, value in values.items()}
        except (TypeError, ValueError):
            raise ScheduleError("what is observed must be numbers", received=values) from None
        self._feed(measured)
        self._set()

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves that are followed: "lr", "weight_decay", and "head.lr" for a group of its own."""
        return {told.label(place): curve for place, curve in self._binding.curves.items()}

    @property
    def seconds(self) -> float:
        """Of training, in all its sittings."""
        return time.monotonic() - self._began

    def values(self) -> list[dict[str, float]]:
        """The scheduled hyperparameters of each group, as they are now."""
        return self._binding.values()

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rates of the groups, as they are now."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]

    get_lr = get_last_lr

    @property
    def _last_lr(self) -> list[float | Tensor]:  # type: ignore[override]
        return self.get_last_lr()

    @property
    def base_lrs(self) -> list[float | Tensor]:  # type: ignore[override]
        """The learning rates of the groups before any schedule."""
        return [group.get("initial_lr", group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The step, what was declared and what is followed, as plain data: for JSON, and for `weights_only`."""
        return {
            "surefoot": "scheduler",
            "version": VERSION,
            "step": self._updates.count,
            "seconds": self.seconds,
            "declared": told.to_data(self._declared),
            "followed": told.to_data(self._followed),
            "states": [reactive.to_data(self._states.get(place, ())) for place in self._followed.schedules],
            "initial": self._binding.initial(),
        }

    def load_state_dict(self, state_dict: dict[str, Any], on_mismatch: Policy | None = None) -> None:
        """Goes on from a saved state, whether the optimizer's is loaded before or after.

        Raises ScheduleError where schedules or horizon were declared otherwise than now, with what differs, unless
        `on_mismatch` (or else the scheduler's own) says what to do: see the class.
        """
        policy = told.policy(on_mismatch or self._on_mismatch)
        step, declared, saved = _read(state_dict)
        found = told.differences(declared, self._declared)
        if found and policy == "refuse":
            raise ScheduleError(
                f"the saved schedule is another: {'; '.join(found)}",
                remedy="pass on_mismatch='keep' (the saved one goes on), 'replace' (this one goes on from step "
                f"{step}) or 'extend' (what was left of the saved one is played over this horizon)",
            )
        followed = saved
        if found and policy == "replace":
            followed = self._declared
        elif found and policy == "extend":
            followed = told.extended(saved, declared, self._declared, step)
        states = {
            place: reactive.from_data(curve.reducers, data)
            for (place, curve), data in zip(saved.curves().items(), state_dict["states"], strict=True)
            if followed is not self._declared or saved.schedules[place] == followed.schedules.get(place)
        }
        self._follow(followed, states, step)
        self._began = time.monotonic() - state_dict["seconds"]
        self._binding.restore(state_dict["initial"])
        self._set()

    def __repr__(self) -> str:
        shown = ", ".join(f"{told.label(place)}={each}" for place, each in self._followed.schedules.items())
        return f"Scheduler({shown}, step {self._updates.count:,} of {self._followed.clock.steps:,})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_began": self.seconds}  # another process has another clock

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._began = time.monotonic() - self._began
        self._watch()  # the copy of an optimizer has no hooks

    def _follow(self, followed: Settings, states: Mapping[Place, States], step: int) -> None:
        """Takes up schedules at a step."""
        binding = Binding(self.optimizer, followed)
        reactive_ones = {place: curve for place, curve in binding.curves.items() if curve.reducers}
        reducers = [reducer for curve in reactive_ones.values() for reducer in curve.reducers]
        self._followed, self._binding = followed, binding
        self._states = {place: states.get(place, curve.start()) for place, curve in reactive_ones.items()}
        self._timed = any(isinstance(reducer, WallClockReducer) for reducer in reducers)
        self._watched = {reducer.rule.watch for reducer in reducers if isinstance(reducer, Watcher)}
        self._updates.count, self._step_count = step, step + 1
        self._habits.begin()

    def _watch(self) -> None:
        if self._count == "updates":
            self.optimizer.register_step_post_hook(self._updates)
        alive = weakref.ref(self)  # an optimizer may outlive its scheduler

        def loaded(_: Optimizer) -> None:
            if (scheduler := alive()) is not None:
                scheduler._set()  # its groups are others now

        self.optimizer.register_load_state_dict_post_hook(loaded)

    def _see(self, metrics: Any) -> None:
        if not self._states:
            raise ScheduleError(
                "step() was given a value, and no schedule reacts to one",
                received=metrics,
                remedy="call step() without arguments: it counts updates itself",
            )
        self.observe(**(metrics if isinstance(metrics, Mapping) else dict.fromkeys(self._watched, metrics)))

    def _feed(self, measured: Mapping[str, float]) -> None:
        observation = Observation(self._updates.count, {SECONDS: self.seconds, **measured})
        curves = self._binding.curves
        self._states = {place: curves[place].update(state, observation) for place, state in self._states.items()}

    def _set(self) -> None:
        self.last_epoch = self._updates.count
        self._binding.set(self.last_epoch, self._states)


def _read(state: Any) -> tuple[int, Settings, Settings]:
    """The step, what was declared and what was followed, of a saved state."""
    if not isinstance(state, Mapping) or state.get("surefoot") != "scheduler":
        raise ScheduleError("this is not the state of a scheduler of Surefoot", received=state)
    if state["version"] > VERSION:
        raise ScheduleError(
            f"this state has version {state['version']}; this Surefoot reads up to {VERSION}",
            remedy="install the version of Surefoot that wrote it",
        )
    return state["step"], told.from_data(state["declared"]), told.from_data(state["followed"])
