"""The schedulers of timm: the original's names, arguments and defaults, without the optimizer and `initialize`.

The value at t is what the original's `step(t)`, or `step_update(t)` with `t_in_epochs=False`, sets. `t_in_epochs`, the
default, makes t an epoch. Where a learning rate is among the arguments, the optimizer's own is taken as `lr`, and the
preset is a rate; without either it is a shape.
"""

# ruff: noqa: N802 (the names are timm's)
from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from surefoot.core.errors import ScheduleError
from surefoot.schedules import decays
from surefoot.schedules.basic import step
from surefoot.schedules.cycles import cosine
from surefoot.schedules.like import torch
from surefoot.schedules.like._common import number, rate, wholes
from surefoot.schedules.like._timm_frame import Frame, Noise, Range
from surefoot.schedules.like._timm_wsd import WSDLRScheduler
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.schedule import Schedule

__all__ = [
    "CosineLRScheduler", "MultiStepLRScheduler", "PlateauLRScheduler", "PolyLRScheduler", "StepLRScheduler",
    "TanhLRScheduler", "WSDLRScheduler",
]  # fmt: skip

EPS = 1e-8  # of torch's ReduceLROnPlateau, which timm's is made of


def CosineLRScheduler(
    t_initial: int,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    k_decay: float = 1.0,
    *,
    lr: float | None = None,
) -> Schedule:
    """A half cosine to `lr_min`, with restarts; with a warm-up it is under way when that ends, or begins then.

    >>> CosineLRScheduler(90, warmup_t=10, warmup_prefix=True)
    every(warmup('10ep', from_zero=True) >> cosine('90ep'), n='1ep')
    >>> CosineLRScheduler(100, warmup_t=10, t_in_epochs=False)
    warmup(10, from_zero=True) >> skip(cosine(100), first=10)
    """
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("CosineLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise, warmup_prefix)
    part = cosine() if k_decay == 1 else decays.k_decay(k=k_decay)
    return frame.cycles(part, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)


def TanhLRScheduler(
    t_initial: int,
    lb: float = -7.0,
    ub: float = 3.0,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    *,
    lr: float | None = None,
) -> Schedule:
    """A hyperbolic tangent from `lb` to `ub`, with restarts; a warm-up ends where the curve is by then.

    >>> TanhLRScheduler(90)
    every(restarts(tanh_decay(), first='90ep', limit=1), n='1ep')
    """
    if number("lb", lb) >= number("ub", ub):
        raise ScheduleError("lb must be below ub", received=f"{lb} and {ub}")
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("TanhLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise, warmup_prefix)
    part = decays.tanh_decay(low=lb, high=ub)
    return frame.cycles(part, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)


def PolyLRScheduler(
    t_initial: int,
    power: float = 0.5,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    k_decay: float = 1.0,
    *,
    lr: float | None = None,
) -> Schedule:
    """A polynomial to `lr_min`, with restarts; with a warm-up it is under way when that ends, or begins then.

    >>> PolyLRScheduler(100, power=2.0, cycle_limit=3, cycle_decay=0.5, t_in_epochs=False)
    restarts(polynomial(power=2.0), first=100, decay=0.5, limit=3)
    """
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("PolyLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise, warmup_prefix)
    part = decays.polynomial(power=power) if k_decay == 1 else decays.k_decay(k=k_decay, power=power)
    return frame.cycles(part, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)


def StepLRScheduler(
    decay_t: float,
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    *,
    lr: float | None = None,
) -> Schedule:
    """Multiplied by `decay_rate` every `decay_t`, which may be 2.4 epochs; exact where an epoch has at least 5 steps.

    >>> StepLRScheduler(2.4, decay_rate=0.97)
    every(step('2.4ep', factor=0.97), n='1ep')
    """
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("StepLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise, warmup_prefix)
    return frame.around(step(frame.length(number("decay_t", decay_t)), factor=decay_rate))


def MultiStepLRScheduler(
    decay_t: Iterable[int],
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: Range = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    *,
    lr: float | None = None,
) -> Schedule:
    """Multiplied by `decay_rate` at each time of `decay_t`, one earlier than it says, as timm has it.

    >>> MultiStepLRScheduler([30, 60], decay_rate=0.1, t_in_epochs=False)
    multistep([29, 59])
    """
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed)
    frame = Frame("MultiStepLRScheduler", lr, t_in_epochs, warmup_t, warmup_lr_init, noise, warmup_prefix)
    early = [max(t - 1, 0) for t in wholes("decay_t", decay_t)]
    return frame.around(torch.MultiStepLR(early, decay_rate, per=frame.per))


def PlateauLRScheduler(
    decay_rate: float = 0.1,
    patience_t: int = 10,
    threshold: float = 1e-4,
    cooldown_t: int = 0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    lr_min: float = 0.0,
    mode: Literal["min", "max"] = "max",
    noise_range_t: Range = None,
    noise_type: Literal["normal", "uniform"] = "normal",
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int | None = None,
    *,
    lr: float | None = None,
    watch: str = "accuracy",
) -> Schedule:
    """Lowered when `watch`, observed once an epoch, stops improving. A rate: it needs the optimizer's own, `lr`.

    >>> PlateauLRScheduler(0.5, patience_t=3, mode="min", watch="loss", lr=0.1)
    0.1 * every(plateau(0.5, patience=3, min_change=1e-07), n='1ep')
    """
    own = rate(lr, "PlateauLRScheduler", "lr_min, and the least change of 1e-8, are learning rates")
    noise = Noise(noise_range_t, noise_pct, noise_std, noise_seed, noise_type)
    frame = Frame("PlateauLRScheduler", lr, True, warmup_t, warmup_lr_init, noise, noise_after=warmup_t + 1)
    shape = plateau(
        decay_rate,
        patience=patience_t,
        watch=watch,
        mode=mode,
        threshold=threshold,
        cooldown=cooldown_t,
        min_factor=min(frame.share("lr_min", lr_min), 1.0),
        min_change=EPS / own,
    )
    return frame.around(shape)
