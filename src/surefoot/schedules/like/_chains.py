"""What presets made of a warm-up and what follows it share."""

from __future__ import annotations

from surefoot.schedules.like._common import rate
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, then


def chain(*parts: Schedule) -> Schedule:
    """One after another, the last of them with or without a length, at any horizon.

    >>> from surefoot.schedules import cosine, step, warmup
    >>> chain(warmup(10), cosine(90)), chain(cosine(90))
    (warmup(10) >> cosine(90), cosine(90))
    >>> chain(warmup(10), step(20)).bind(steps=5)(4)
    0.5
    """
    *early, last = parts
    if not early:
        return last
    if not last.is_open:
        return then(*parts)
    # Left open, the last would be refused wherever training ends before it begins.
    return during(then(*early, during(last, "100%")), "100%")


def in_rate(name: str, lr: float | None, shape: Schedule) -> Schedule:
    """A rate where the optimizer's own is known."""
    return shape if lr is None else rate(lr, name, "it is a rate") * shape
