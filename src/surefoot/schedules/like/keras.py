"""The schedules of Keras 3: `keras.optimizers.schedules`, and the callbacks that set the learning rate.

Arguments, defaults and values are Keras's; `name` is taken so that `ExponentialDecay(**original.get_config())` works.
Keras counts updates; `per="epoch"` is for a schedule that a callback called once an epoch.
"""

# ruff: noqa: N802 (the names are Keras's)
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NoReturn

from surefoot.core.errors import ScheduleError
from surefoot.schedules.basic import exponential, inverse_time, linear, piecewise
from surefoot.schedules.cycles import cosine
from surefoot.schedules.decays import polynomial
from surefoot.schedules.like._common import choice, flag, held, number, rate, refused, span, whole, wholes
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.restarts import cosine_restarts
from surefoot.schedules.schedule import Schedule

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateScheduler",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "ReduceLROnPlateau",
]

Direction = Literal["min", "max"]

# The metrics of Keras, by the way they improve: what `mode="auto"` goes by.
_FALLING = """
    loss bce mse mae mape msle hinge squared_hinge categorical_hinge kl_divergence logcosh poisson binary_crossentropy
    categorical_crossentropy sparse_categorical_crossentropy mean_squared_error root_mean_squared_error
    mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error
"""
_RISING = """
    acc accuracy binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy
    sparse_top_k_categorical_accuracy auc precision recall precision_at_recall recall_at_precision f1_score fbeta_score
    sensitivity_at_specificity specificity_at_sensitivity r2_score cosine_similarity pearson_correlation
    concordance_correlation io_u binary_io_u mean_io_u one_hot_io_u one_hot_mean_io_u
"""
DIRECTIONS: dict[str, Direction] = dict.fromkeys(_FALLING.split(), "min")
DIRECTIONS |= dict.fromkeys(_RISING.split(), "max")


def ExponentialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str = "ExponentialDecay",
    *,
    per: str = "step",
) -> Schedule:
    """Falls by `decay_rate` every `decay_steps`; on a staircase all at once.

    >>> ExponentialDecay(0.1, 1000, 0.96)
    0.1 * exponential(0.96, every=1000)
    """
    top = number("initial_learning_rate", initial_learning_rate)
    factor, every = number("decay_rate", decay_rate, 0), span(whole("decay_steps", decay_steps, 1), per)
    return held(top * exponential(factor, every=every, staircase=flag("staircase", staircase)), per)


def PiecewiseConstantDecay(
    boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant", *, per: str = "step"
) -> Schedule:
    """A value for each stretch; at a boundary itself the old value still holds, as Keras has it.

    >>> PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])
    1.0 * piecewise([11, 21], values=[1.0, 0.5, 0.1])
    """
    edges = wholes("boundaries", boundaries)
    if any(late <= early for early, late in pairwise(edges)):
        raise ScheduleError("PiecewiseConstantDecay's boundaries must rise", received=list(boundaries))
    return 1.0 * piecewise([span(edge + 1, per) for edge in edges], values=list(values))


def PolynomialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
    name: str = "PolynomialDecay",
    *,
    per: str = "step",
) -> Schedule:
    """Falls to `end_learning_rate` over `decay_steps`; with `cycle` it starts again from ever lower heights.

    >>> PolynomialDecay(0.5, 1000, end_learning_rate=0.25, power=2.0)
    0.25 * polynomial(1000, power=2.0) + 0.25
    """
    top, end = number("initial_learning_rate", initial_learning_rate), number("end_learning_rate", end_learning_rate)
    over, power = span(whole("decay_steps", decay_steps, 1), per), number("power", power, 0)
    return held((top - end) * polynomial(over, power=power, cycle=flag("cycle", cycle)) + end, per)


def InverseTimeDecay(
    initial_learning_rate: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str = "InverseTimeDecay",
    *,
    per: str = "step",
) -> Schedule:
    """Divided by 1 + decay_rate · t / decay_steps; on a staircase the quotient is rounded down.

    >>> InverseTimeDecay(0.1, 1, 0.5)
    0.1 * inverse_time(0.5, every=1)
    """
    top = number("initial_learning_rate", initial_learning_rate)
    speed, every = number("decay_rate", decay_rate, 0), span(whole("decay_steps", decay_steps, 1), per)
    return held(top * inverse_time(speed, every=every, staircase=flag("staircase", staircase)), per)


def CosineDecay(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    name: str = "CosineDecay",
    warmup_target: float | None = None,
    warmup_steps: int = 0,
    *,
    per: str = "step",
) -> Schedule:
    """Half a cosine down to `alpha` times its height; with a `warmup_target` a line up to it comes first.

    As in Keras, `warmup_steps` counts only where there is a `warmup_target`, and `decay_steps` comes after them.

    >>> CosineDecay(0.0, 1000, warmup_target=0.1, warmup_steps=100)
    1.0 * linear(100, start=0.0, end=0.1) >> 0.1 * cosine(1000)
    """
    start, low = number("initial_learning_rate", initial_learning_rate), number("alpha", alpha)
    fall = cosine(span(whole("decay_steps", decay_steps, 1), per), end=low)
    first = whole("warmup_steps", warmup_steps)
    if warmup_target is None:
        return held(start * fall, per)
    top = number("warmup_target", warmup_target)
    return held((1.0 * linear(span(first, per), start=start, end=top) >> top * fall) if first else top * fall, per)


def CosineDecayRestarts(
    initial_learning_rate: float,
    first_decay_steps: int,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str = "SGDRDecay",
    *,
    per: str = "step",
) -> Schedule:
    """Cosines with warm restarts, each `t_mul` times as long and `m_mul` times as high as the one before.

    Restarts are exact at any step; Keras finds them by a logarithm (in float32 by default) and misplaces some.

    >>> CosineDecayRestarts(0.1, 1000)
    0.1 * restarts(cosine(), first=1000, mult=2.0)
    """
    top, low = number("initial_learning_rate", initial_learning_rate), number("alpha", alpha)
    first, longer = span(whole("first_decay_steps", first_decay_steps, 1), per), number("t_mul", t_mul, 1)
    waves = cosine_restarts(first, mult=longer, decay=number("m_mul", m_mul, 0))
    return held(top * (1 - low) * waves + top * low, per)


def ReduceLROnPlateau(
    monitor: str = "val_loss",
    factor: float = 0.1,
    patience: int = 10,
    verbose: int = 0,
    mode: str = "auto",
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_lr: float = 0.0,
    *,
    lr: float | None = None,
) -> Schedule:
    """Multiplied by `factor` when `monitor` has not improved by `min_delta` for `patience` epochs.

    A shape; with `lr`, the optimizer's own learning rate, a rate: `min_lr` needs it. What Keras logs as "val_loss" is
    watched as "loss", its "loss" as "train_loss", and so on. Mode "auto" goes by the name of the metric, as in Keras;
    a name that is none of Keras's metrics is refused there.

    >>> ReduceLROnPlateau(factor=0.5, patience=3, min_lr=0.05, lr=0.1)
    0.1 * plateau(0.5, patience=3, threshold_mode='abs', min_factor=0.5, counting='keras')
    """
    if number("factor", factor, 0) >= 1:
        raise ScheduleError("factor must be below 1", received=factor)
    low = number("min_lr", min_lr, 0)
    top = rate(lr, "ReduceLROnPlateau", "min_lr is a learning rate") if low or lr is not None else None
    shape = plateau(
        factor,
        patience=whole("patience", patience),
        watch=_watched(monitor),
        mode=_direction(mode, monitor),
        threshold=abs(number("min_delta", min_delta)),
        threshold_mode="abs",
        cooldown=whole("cooldown", cooldown),
        min_factor=0.0 if top is None else min(low / top, 1.0),
        counting="keras",
    )
    return shape if top is None else top * shape


def LearningRateScheduler(schedule: Any, verbose: int = 0) -> NoReturn:
    """Refused: a function is not data."""
    raise refused(
        "LearningRateScheduler", "its schedule is a function, and a function is not data", "write it as a schedule"
    )


def _watched(monitor: str) -> str:
    """The name under which Surefoot observes what Keras logs under `monitor`."""
    if not isinstance(monitor, str) or not monitor:
        raise ScheduleError("monitor must be the name of what is logged", received=monitor, remedy="write 'val_loss'")
    return monitor.removeprefix("val_") if monitor.startswith("val_") else f"train_{monitor}"


def _direction(mode: str, monitor: str) -> Direction:
    """The given direction or, for "auto", the one that the name of the metric tells."""
    choice("mode", mode, "auto", "min", "max")
    found = DIRECTIONS.get(monitor.removeprefix("val_")) if mode == "auto" else mode
    if found is None:
        raise ScheduleError(
            "the name does not say whether lower or higher is better",
            received=monitor,
            remedy="pass mode='min' or mode='max'",
        )
    return "min" if found == "min" else "max"
