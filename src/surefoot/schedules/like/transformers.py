"""The schedules of Transformers: `get_scheduler` and the functions that it chooses from.

Names, arguments and defaults are those of transformers 5.23, without the optimizer, `last_epoch` and `verbose`. Steps
are updates, as in its Trainer. A preset whose value depends on the optimizer's own rate takes that as `lr=` and is a
rate; the others are shapes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn

from surefoot.core.errors import ScheduleError
from surefoot.schedules.greedy import greedy
from surefoot.schedules.like import torch
from surefoot.schedules.like._common import choice, flag, in_rate, number, rate, refused
from surefoot.schedules.like._transformers_time import (
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
    get_wsd_schedule,
)
from surefoot.schedules.schedule import Schedule

__all__ = [
    "GreedyLR",
    "get_adafactor_schedule",
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_greedy_schedule",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_reduce_on_plateau_schedule",
    "get_scheduler",
    "get_wsd_schedule",
]


def get_reduce_on_plateau_schedule(**kwargs: Any) -> Schedule:
    """torch's ReduceLROnPlateau: `sf.like.torch.ReduceLROnPlateau(**kwargs)`."""
    return _make("get_reduce_on_plateau_schedule", torch.ReduceLROnPlateau, kwargs)


def GreedyLR(  # noqa: N802
    mode: Literal["min", "max"] = "min",
    factor: float = 0.95,
    patience: int = 10,
    threshold: float = 1e-6,
    threshold_mode: Literal["rel", "abs"] = "abs",
    cooldown: int = 0,
    warmup: int = 0,
    min_lr: float = 1e-3,
    max_lr: float = 1.0,
    eps: float = 1e-8,
    smooth: bool = False,
    window_size: int = 50,
    reset_start: int = 500,
    *,
    lr: float | None = None,
    watch: str = "loss",
) -> Schedule:
    """Raises the rate while `watch` improves, lowers it while it does not. A rate: it needs the optimizer's own, `lr`.

    >>> GreedyLR(factor=0.9, patience=2, lr=0.1).is_rate
    True
    """
    own = rate(lr, "GreedyLR", "min_lr, max_lr and eps are learning rates")
    return own * greedy(
        factor,
        mode=mode,
        patience=patience,
        threshold=threshold,
        threshold_mode=threshold_mode,
        cooldown=cooldown,
        warmup=warmup,
        min_factor=number("min_lr", min_lr, 0.0) / own,
        max_factor=number("max_lr", max_lr, 0.0) / own,
        min_change=number("eps", eps, 0.0) / own,
        window=window_size if flag("smooth", smooth) else None,
        reset_start=reset_start,
        watch=watch,
    )


def get_greedy_schedule(**kwargs: Any) -> Schedule:
    """`GreedyLR(**kwargs)`."""
    return _make("get_greedy_schedule", GreedyLR, kwargs)


def get_adafactor_schedule(initial_lr: float = 0.0) -> NoReturn:
    """Refused: the original only shows the rate that Adafactor chose for itself."""
    raise refused(
        "get_adafactor_schedule",
        "it only shows the rate that Adafactor chose for itself",
        "make Adafactor with relative_step=False and lr=..., and take another schedule",
    )


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "reduce_lr_on_plateau": get_reduce_on_plateau_schedule,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": get_wsd_schedule,
    "greedy": get_greedy_schedule,
}


def get_scheduler(
    name: str,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
    lr: float | None = None,
) -> Schedule:
    """Any of these by its name. With `lr`, the optimizer's own rate, it is a rate.

    Raises ScheduleError for an unknown name, and for arguments that are missing or not the schedule's.

    >>> get_scheduler("linear", 100, 1000, lr=0.1)
    0.1 * (warmup(100, from_zero=True) >> linear(900))
    """
    key = choice("get_scheduler's name", getattr(name, "value", name), *SCHEDULES)
    takes = inspect.signature(SCHEDULES[key]).parameters
    usual: dict[str, Any] = {"num_warmup_steps": num_warmup_steps, "num_training_steps": num_training_steps, "lr": lr}
    given = {argument: value for argument, value in usual.items() if argument in takes and value is not None}
    if key in ("reduce_lr_on_plateau", "greedy"):
        given = {"lr": lr}  # their arguments are not in their signature
    made = _make(f"get_scheduler({key!r})", SCHEDULES[key], given | dict(scheduler_specific_kwargs or {}))
    return made if made.is_rate else in_rate("get_scheduler", lr, made)


def _make(name: str, function: Callable[..., Schedule], given: Mapping[str, Any]) -> Schedule:
    takes = inspect.signature(function)
    try:
        takes.bind(**given)
    except TypeError as wrong:
        raise ScheduleError(f"{name}: {wrong}", remedy=f"its arguments: {', '.join(takes.parameters)}") from None
    return function(**given)
