"""The schedulers of torch.optim: the original's names, arguments and defaults, without the optimizer.

`per` says when the original was stepped: after every "step", or once an "epoch". What torch gives as a factor of the
optimizer's own rate is a shape; where torch's value depends on that rate, it is taken as `lr`, and it is a rate.
"""

# ruff: noqa: N802, N803 (the names are torch's)
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Literal, NoReturn

from surefoot.core.errors import ScheduleError
from surefoot.schedules.algebra import product
from surefoot.schedules.basic import constant, exponential, linear, multistep, piecewise, step
from surefoot.schedules.cycles import cosine, cosine_wave
from surefoot.schedules.decays import polynomial
from surefoot.schedules.like._common import choice, held, number, rate, refused, schedules, span, whole, wholes
from surefoot.schedules.like._torch_cycles import CyclicLR, OneCycleLR
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.restarts import cosine_restarts
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, then

__all__ = [
    "SWALR", "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR",
    "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip


def LambdaLR(lr_lambda: Any = None) -> NoReturn:
    """Refused: a function has no text. Raises ScheduleError with the remedy."""
    remedy = "write the curve itself: warmup(500) >> inverse_sqrt(500); those of transformers: sf.like.transformers"
    raise refused("LambdaLR", "its function cannot be read", remedy)


def MultiplicativeLR(lr_lambda: Any = None) -> NoReturn:
    """Refused: a function has no text. Raises ScheduleError with the remedy."""
    raise refused("MultiplicativeLR", "its function cannot be read", "for a constant factor write ExponentialLR(gamma)")


def StepLR(step_size: int, gamma: float = 0.1, *, per: str = "step") -> Schedule:
    """Multiplied by `gamma` every `step_size` steps.

    >>> StepLR(step_size=10, gamma=0.5, per="epoch")
    step('10ep', factor=0.5)
    """
    every = whole("StepLR's step_size", step_size, 1)
    return step(span(every, per), factor=number("StepLR's gamma", gamma, 0))


def MultiStepLR(milestones: Iterable[int], gamma: float = 0.1, *, per: str = "step") -> Schedule:
    """Multiplied by `gamma` at each milestone, twice at one that is given twice.

    >>> MultiStepLR([30, 80])
    multistep([30, 80])
    """
    times = sorted(Counter(wholes("MultiStepLR's milestones", milestones)).items())
    at, factor = [span(time, per) for time, _ in times], number("MultiStepLR's gamma", gamma, 0)
    if all(count == 1 for _, count in times):
        return multistep(at, factor=factor)
    passed = [sum(count for _, count in times[:i]) for i in range(len(times) + 1)]
    return piecewise(at, values=[factor**n for n in passed])


def ConstantLR(factor: float = 1.0 / 3, total_iters: int = 5, *, per: str = "step") -> Schedule:
    """`factor` for `total_iters` steps, then 1. A factor of 0, at which torch divides, is one like any other.

    >>> ConstantLR(factor=0.5)
    piecewise([5], values=[0.5, 1.0])
    """
    values = [number("ConstantLR's factor", factor, 0, 1), 1.0]
    return piecewise([span(whole("ConstantLR's total_iters", total_iters), per)], values=values)


def LinearLR(
    start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, *, per: str = "step"
) -> Schedule:
    """A line from `start_factor`, which may be 0, to `end_factor`; over no steps it is at its end from the beginning.

    >>> LinearLR(0.1, total_iters=100)
    linear(100, start=0.1, end=1.0)
    """
    start = number("LinearLR's start_factor", start_factor, 0, 1)
    end, steps = number("LinearLR's end_factor", end_factor, 0, 1), whole("LinearLR's total_iters", total_iters)
    if steps == 0:
        return constant(end)
    return held(linear(span(steps, per), start=start, end=end), per)


def ExponentialLR(gamma: float, *, per: str = "step") -> Schedule:
    """Multiplied by `gamma` every step.

    >>> ExponentialLR(0.99)
    exponential(0.99, every=1)
    """
    factor = number("ExponentialLR's gamma", gamma, 0)
    return exponential(factor, every=span(1, per), staircase=per == "epoch")


def PolynomialLR(total_iters: int = 5, power: float = 1.0, *, per: str = "step") -> Schedule:
    """(1 − t/total_iters)^power, then 0.

    >>> PolynomialLR(100, power=2.0)
    polynomial(100, power=2.0)
    """
    steps = whole("PolynomialLR's total_iters", total_iters, 1)
    return held(polynomial(span(steps, per), power=number("PolynomialLR's power", power, 0)), per)


def CosineAnnealingLR(T_max: int, eta_min: float = 0.0, *, lr: float | None = None, per: str = "step") -> Schedule:
    """A half cosine down to `eta_min` at `T_max`, and, past it, up again and so on, as torch has it.

    >>> CosineAnnealingLR(100, eta_min=0.01, lr=0.5)
    0.5 * cosine_wave(100, end=0.02, over=100)
    """
    half = span(whole("CosineAnnealingLR's T_max", T_max, 1), per)
    return _down_to(eta_min, lr, "CosineAnnealingLR", lambda end: held(cosine_wave(half, end=end, over=half), per))


def CosineAnnealingWarmRestarts(
    T_0: int, T_mult: int = 1, eta_min: float = 0.0, *, lr: float | None = None, per: str = "step"
) -> Schedule:
    """Cosine annealing to `eta_min`, begun anew after `T_0` steps, and then after `T_mult` times as many each time.

    >>> CosineAnnealingWarmRestarts(10, T_mult=2)
    restarts(cosine(), first=10, mult=2)
    """
    name = "CosineAnnealingWarmRestarts"
    first, mult = span(whole(f"{name}'s T_0", T_0, 1), per), whole(f"{name}'s T_mult", T_mult, 1)
    return _down_to(eta_min, lr, name, lambda end: held(cosine_restarts(first, mult=mult, end=end), per))


def SWALR(
    swa_lr: float,
    anneal_epochs: int = 10,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    *,
    lr: float | None = None,
    per: str = "step",
) -> Schedule:
    """From `lr`, the rate when averaging begins, to `swa_lr` in `anneal_epochs` steps of the scheduler.

    >>> SWALR(0.05, lr=0.1, per="epoch")
    0.1 * every(cosine('10ep', end=0.5), n='1ep')
    """
    target, steps = number("SWALR's swa_lr", swa_lr, 0), whole("SWALR's anneal_epochs", anneal_epochs)
    way = choice("SWALR's anneal_strategy", anneal_strategy, "cos", "linear")
    if steps == 0:
        return target * constant()
    start = rate(lr, "SWALR", "it begins at that rate and ends at swa_lr")
    fall = cosine if way == "cos" else linear
    return start * held(fall(span(steps, per), end=target / start), per)


def ReduceLROnPlateau(
    mode: Literal["min", "max"] = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
    eps: float = 1e-8,
    *,
    lr: float | None = None,
    watch: str = "loss",
) -> Schedule:
    """Multiplied by `factor` when what it watches stops improving. `min_lr` and `eps` are rates: they need `lr`.

    >>> ReduceLROnPlateau(patience=5, eps=0)
    plateau(patience=5)
    """
    lowest, least = (number(f"ReduceLROnPlateau's {n}", v, 0) for n, v in (("min_lr", min_lr), ("eps", eps)))
    start = (
        1.0
        if lr is None and lowest == least == 0
        else rate(lr, "ReduceLROnPlateau", "min_lr and eps are learning rates (with eps=0 and min_lr=0 it is a shape)")
    )
    shape = plateau(
        number("ReduceLROnPlateau's factor", factor, 0, 1),
        patience=patience,
        watch=watch,
        mode=mode,
        threshold=threshold,
        threshold_mode=threshold_mode,
        cooldown=cooldown,
        min_factor=min(lowest / start, 1.0),
        min_change=least / start,
    )
    return shape if lr is None else start * shape


def SequentialLR(
    schedulers: Iterable[Schedule], milestones: Iterable[int], *, lr: float | None = None, per: str = "step"
) -> Schedule:
    """One after another: at each milestone the next begins, from its own beginning, however deep it lies.

    With rates among the parts, `lr` makes rates of the shapes.

    >>> SequentialLR([LinearLR(), CosineAnnealingLR(95)], milestones=[5])
    during(linear(5, start=0.3333333333333333, end=1.0), over=5) >> cosine_wave(95, over=95)
    """
    parts = schedules("SequentialLR's schedulers", schedulers)
    times = wholes("SequentialLR's milestones", milestones)
    if len(times) != len(parts) - 1 or times != sorted(times):
        raise ScheduleError(
            f"SequentialLR of {len(parts)} schedulers needs {len(parts) - 1} milestones, in order", received=times
        )
    if lr is not None or len({part.is_rate for part in parts}) > 1:
        own = rate(lr, "SequentialLR", "some of its parts are rates, others shapes")
        parts = [part if part.is_rate else own * part for part in parts]
    *early, last = parts
    lengths = [span(b - a, per) for a, b in pairwise([0, *times])]
    cut = [during(part, length) for part, length in zip(early, lengths, strict=True)]
    return then(*cut, last)


def ChainedScheduler(schedulers: Iterable[Schedule]) -> Schedule:
    """All at once: the product of their factors; at most one is a rate, and scaled whole, its eta_min too.

    >>> ChainedScheduler([LinearLR(0.1, total_iters=100), ExponentialLR(0.99)])
    linear(100, start=0.1, end=1.0) * exponential(0.99, every=1)
    """
    parts = schedules("ChainedScheduler's schedulers", schedulers)
    return product(*parts) if len(parts) > 1 else parts[0]


def _down_to(floor: float, lr: float | None, name: str, shape: Callable[[float], Schedule]) -> Schedule:
    """The shape with its end as a share of `lr`, and then a rate; without `lr` only where the end is 0."""
    end = number(f"{name}'s eta_min", floor)
    if lr is None and end == 0:
        return shape(0.0)
    own = rate(lr, name, "eta_min is a learning rate, too")
    return own * shape(end / own)
