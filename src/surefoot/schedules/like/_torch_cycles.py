"""The cycles of torch: CyclicLR and OneCycleLR, of the learning rate and of the momentum that goes with it."""

# ruff: noqa: N802 (the names are torch's)
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from surefoot.core.errors import ScheduleError
from surefoot.schedules.basic import exponential
from surefoot.schedules.cycles import cyclical, one_cycle, one_cycle_momentum
from surefoot.schedules.like._common import choice, flag, held, number, refused, span, whole
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import stretch

Policy = Literal["triangular", "triangular2", "exp_range"]
Way = Literal["cos", "linear"]


def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: Policy = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float = 0.8,
    max_momentum: float = 0.9,
    *,
    of: str = "lr",
    per: str = "step",
) -> Schedule:
    """Up from `base_lr` to `max_lr` and down again, over and over; a rate.

    `of="momentum"` gives the momentum, which torch moves the other way where `cycle_momentum` is set. Raises
    ScheduleError for a `scale_fn`, which has no text.

    >>> CyclicLR(0.25, 1.0, step_size_up=100)
    0.75 * cyclical(100, down=100, low=0.0) + 0.25
    """
    if scale_fn is not None:
        raise refused(
            "CyclicLR with a scale_fn", "a function cannot be read", "write mode='triangular2' or 'exp_range'"
        )
    up = whole("CyclicLR's step_size_up", step_size_up, 1)
    down = up if step_size_down is None else whole("CyclicLR's step_size_down", step_size_down, 1)
    far, near = ("max_lr", max_lr), ("base_lr", base_lr)
    if _of("CyclicLR", of, cycle_momentum) == "momentum":
        far, near = ("base_momentum", base_momentum), ("max_momentum", max_momentum)
    peak, base = (number(f"CyclicLR's {name}", value, 0) for name, value in (far, near))
    choice("CyclicLR's mode", mode, "triangular", "triangular2", "exp_range")
    wave: Schedule = cyclical(span(up, per), down=span(down, per), low=0.0, policy=mode, gamma=gamma)
    if mode == "exp_range" and per == "epoch":  # cyclical's gamma is the factor of an update
        wave = cyclical(span(up, per), down=span(down, per), low=0.0) * exponential(gamma, every="1ep")
    return held((peak - base) * wave + base, per)


def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: Way = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
    *,
    of: str = "lr",
    per: str = "step",
) -> Schedule:
    """One cycle up to `max_lr` and down to almost nothing at the last of `total_steps`, and that from then on; a rate.

    `of="momentum"` gives the momentum, which torch moves the other way where `cycle_momentum` is set.

    >>> OneCycleLR(0.1, total_steps=100)
    0.1 * one_cycle(100, inclusive=True)
    """
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ScheduleError("OneCycleLR does not know how long it lasts", remedy="pass total_steps=...")
    steps = (
        whole("OneCycleLR's epochs", epochs, 1) * whole("OneCycleLR's steps_per_epoch", steps_per_epoch, 1)
        if total_steps is None
        else whole("OneCycleLR's total_steps", total_steps, 1)
    )
    phases: dict[str, Any] = {
        "pct_start": pct_start,
        "anneal_strategy": anneal_strategy,
        "three_phase": three_phase,
        "inclusive": True,
    }
    if _of("OneCycleLR", of, cycle_momentum) == "momentum":
        return _stepped(one_cycle_momentum(steps, low=base_momentum, high=max_momentum, **phases), steps, per)
    curve = one_cycle(steps, div_factor=div_factor, final_div_factor=final_div_factor, **phases)
    return number("OneCycleLR's max_lr", max_lr, 0) * _stepped(curve, steps, per)


def _of(name: str, of: str, cycle_momentum: bool) -> str:
    choice("of", of, "lr", "momentum")
    if of == "momentum" and not flag(f"{name}'s cycle_momentum", cycle_momentum):
        raise ScheduleError(f"{name} leaves the momentum alone", remedy="pass cycle_momentum=True")
    return of


def _stepped(curve: Schedule, steps: int, per: str) -> Schedule:
    """A schedule that counts the original's own steps."""
    return curve if per == "step" else held(stretch(curve, span(steps, per)), per)
