"""Changing one's mind while training: another horizon, decay now, another way from here.

Each is a pure function from the schedule as it was planned to one for the new horizon, whose text says what happened:

    extend(lr, at=600, before=1000)                         paced(planned(lr, steps=1000), at=600)
    decay_now(0.1 * constant(), 600, 1000, over=200)        during(planned(0.1 * constant(), steps=1000), over=600)
                                                            >> 0.1 * during(linear(), over=200)
"""

from __future__ import annotations

from typing import Literal

from attrs import asdict

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock, LengthLike
from surefoot.schedules.algebra import scale
from surefoot.schedules.basic import constant, linear
from surefoot.schedules.curve import Curve
from surefoot.schedules.plans import paced, planned
from surefoot.schedules.reactive import States
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, skip, stretch

Keep = Literal["progress", "value", "anchor"]


def extend(
    schedule: Schedule, at: int, before: int | Clock, after: int | Clock | None = None, keep: Keep = "progress"
) -> Schedule:
    """The schedule when the horizon changes at step `at`: to a longer one or, as long as it is not past, a shorter one.

    Equation: for t < at the value planned for the horizon `before`, s_b(t). From there on, with N the new horizon:
    "progress" plays what was left of the old plan over what is left now, s_b(at + (t − at)(before − at)/(N − at));
    "value" follows the plan for the new horizon, scaled so that the value does not jump, s_N(t) · s_b(at)/s_N(at);
    "anchor" follows the plan for the new horizon, s_N(t), and may jump.

    Parameters: `schedule`, as it was; `at`, updates made so far; `before`, the horizon it was bound to (steps, or a
    `Clock` where epochs, samples or tokens meant something else than now); `after`, the new horizon, needed for
    "value"; `keep`, the policy.

    The result is bound to the new horizon. Reactive pieces go on with their state where progress is kept.

    Raises ScheduleError for a change that lies past the old horizon's end; for "value" where the new plan is 0 at that
    step; and for reactive pieces with another policy than "progress", since they would begin anew.

    >>> from surefoot.schedules import linear
    >>> longer = extend(0.1 * linear(), at=50, before=100)
    >>> print(longer)
    paced(planned(0.1 * linear(), steps=100), at=50)
    >>> longer.bind(200).values()[[49, 50, 125]].round(6).tolist()
    [0.051, 0.05, 0.025]
    """
    plan, curve = _planned(schedule, at, before)
    if keep == "progress":
        return paced(plan, at)
    if keep not in ("value", "anchor"):
        raise ScheduleError("keep must be 'progress', 'value' or 'anchor'", received=keep)
    if curve.reducers:
        raise ScheduleError(
            f"keep={keep!r} would begin the reactive pieces anew", received=str(schedule), remedy="use keep='progress'"
        )
    rest = skip(schedule, at)
    if keep == "anchor":
        return during(plan, at) >> rest
    if after is None:
        raise ScheduleError("keep='value' needs the new horizon", remedy="pass after=...")
    now, then = curve(at), Curve(schedule, _clock(after))(at)
    if then == 0:
        raise ScheduleError(
            f"the plan for the new horizon is 0 at step {at}: no number scales it to {now:g}",
            remedy="use keep='progress' or keep='anchor'",
        )
    return during(plan, at) >> (rest if now == then else _times(now / then, rest))


def decay_now(
    schedule: Schedule,
    at: int,
    before: int | Clock,
    over: LengthLike | None = None,
    shape: Schedule | None = None,
    state: States | None = None,
) -> Schedule:
    """The schedule, but from step `at` on it decays: from the value it has then, by `shape`.

    Equation: s_b(t) for t < at, then s_b(at) · shape(t − at). Parameters: `schedule`, `at`, `before` as in `extend`;
    `over`, how long the decay takes (None: what is left); `shape` (linear to zero); `state` of the reactive pieces.

    Raises ScheduleError as `extend` does.

    >>> from surefoot.schedules import constant
    >>> decay_now(0.1 * constant(), at=600, before=1000, over=200).bind(800).values()[[599, 600, 700]].tolist()
    [0.1, 0.1, 0.05]
    """
    plan, curve = _planned(schedule, at, before)
    falling = linear() if shape is None else shape
    if over is not None:
        falling = during(falling, over) if falling.is_open else stretch(falling, over)
    return during(plan, at) >> _times(curve(at, state), falling, rate=schedule.is_rate)


def branch(schedule: Schedule, at: int, before: int | Clock, into: Schedule) -> Schedule:
    """The schedule up to step `at`, then another: what a run that goes on from a checkpoint follows.

    Equation: s_b(t) for t < at, then into(t − at). Parameters: `schedule`, `at`, `before` as in `extend`; `into`, of
    the schedule's kind. Its value may leap: `Curve.check` says so.

    >>> from surefoot.schedules import constant, cosine
    >>> branch(0.1 * constant(), at=500, before=1000, into=0.05 * cosine()).bind(700)(500)
    0.05
    """
    plan, _ = _planned(schedule, at, before)
    return during(plan, at) >> into


def _planned(schedule: Schedule, at: int, before: int | Clock) -> tuple[Schedule, Curve]:
    """The schedule as it was planned, as a schedule and as a curve."""
    clock = _clock(before)
    if not isinstance(at, int) or not 0 < at <= clock.steps:
        raise ScheduleError(f"a change must lie within the {clock.steps:,} steps that were planned", received=at)
    others = {} if isinstance(before, int) else asdict(clock)
    return planned(schedule, **{"steps": clock.steps} | others), Curve(schedule, clock)


def _clock(horizon: int | Clock) -> Clock:
    return horizon if isinstance(horizon, Clock) else Clock(horizon)


def _times(factor: float, part: Schedule, rate: bool | None = None) -> Schedule:
    """A number times a schedule, of the schedule's kind (or a rate, or a shape)."""
    if part.is_rate if rate is None else rate:
        return scale(factor, part)
    return constant(factor) * part
