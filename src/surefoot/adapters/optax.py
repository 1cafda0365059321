"""Schedules for optax: a function of the count that traces under jit, vmap and scan.

A schedule that reacts to what is observed cannot live in a compiled update. Set its value from outside:

    curve = (0.1 * sf.plateau()).bind(steps=10_000)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)
    ...
    opt_state = optax.tree.set(opt_state, learning_rate=jnp.float32(curve(step, state)))
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from surefoot.adapters.rates import on_jax, rate_of_time
from surefoot.core.units import Clock
from surefoot.schedules import Schedule


def schedule(
    rate: Schedule | str,
    steps: int,
    steps_per_epoch: int | None = None,
    batch_size: int | None = None,
    tokens_per_step: int | None = None,
) -> Callable[[Any], Any]:
    """An optax schedule: count → value, for `learning_rate` and every other hyperparameter that takes one.

    Parameters: `rate`, a schedule or its text; `steps`, the horizon in updates; `steps_per_epoch`, `batch_size`,
    `tokens_per_step` where lengths need them. The value is computed in float64 and given in JAX's default float.

    Raises ScheduleError for a shape, for a reactive schedule and for lengths that lack their unit.

    >>> lr = schedule("0.1 * (warmup('10%') >> cosine())", steps=100)
    >>> float(lr(9)), float(lr(100))
    (0.10000000149011612, 0.0)
    """
    curve = rate_of_time(
        rate,
        Clock(steps, steps_per_epoch, batch_size, tokens_per_step),
        "optax",
        "use optax.inject_hyperparams and set curve(step, state) before each update: see surefoot.adapters.optax",
    )
    return partial(on_jax, curve)
