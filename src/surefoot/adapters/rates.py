"""What the adapters of compiled frameworks ask of a schedule, and its value inside JAX's traces."""

from __future__ import annotations

from typing import Any

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock
from surefoot.schedules import Curve, Schedule, parse


def schedule_of(given: Schedule | str) -> Schedule:
    """A schedule, or the one that a text describes. Raises ScheduleError for anything else."""
    if isinstance(given, Schedule):
        return given
    if not isinstance(given, str):
        raise ScheduleError("this is not a schedule", received=given, remedy="write '0.1 * cosine()' or 0.1 * cosine()")
    return parse(given)


def rate_of_time(given: Schedule | str, clock: Clock, where: str, reactive: str) -> Curve:
    """The curve of a rate that depends on the step alone.

    Raises ScheduleError for a shape and, with the remedy `reactive`, for a reactive piece.
    """
    curve = Curve(schedule_of(given), clock)
    if not curve.schedule.is_rate:  # type: ignore[attr-defined]
        raise ScheduleError(
            f"{where} takes a rate, and this is a shape",
            received=str(curve.schedule),
            remedy=f"multiply it by the learning rate: 0.1 * ({curve.schedule})",
        )
    if curve.reducers:
        raise ScheduleError(
            f"{where} takes a schedule of the step alone, and this one reacts to what is observed",
            received=str(curve.schedule),
            remedy=reactive,
        )
    return curve


def on_jax(curve: Curve, step: Any) -> Any:
    """The value at a step that JAX may be tracing, in JAX's default float, computed in float64.

    Float32 cannot hold every step of a long run, and cancels near the end of a cosine.
    """
    import jax

    dtype = jax.numpy.result_type(float)
    with _x64(jax):
        return curve(jax.numpy.asarray(step)).astype(dtype)


def _x64(jax: Any) -> Any:
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()  # its name before 0.8
