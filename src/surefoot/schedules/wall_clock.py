"""A schedule played over wall-clock time: a reactive piece that observes the seconds of training."""

from __future__ import annotations

from fractions import Fraction
from math import inf

from attrs import field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Clock, Length, Seconds, half_up, length
from surefoot.schedules.expression import assume
from surefoot.schedules.named import named, schedule
from surefoot.schedules.reactive import SECONDS, Stretch, attach
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Formula, Span, fit
from surefoot.schedules.time import Bent


@frozen
class WallClockState:
    """What a wall clock remembers: the seconds of training when it began (None: not told yet) and now."""

    origin: float | None = None
    now: float = 0.0
    begun: bool = False


@named
@frozen(repr=False)
class WallClock(Bent):
    """A schedule that follows the seconds of training instead of the updates.

    Equation: s = part(τ − τ₀), where τ is the last observed "seconds" (of training since its start) and τ₀ the last
    one when it began; 0 seconds until it is told. Parameters: `part`, without reactive pieces; `over` ('90s', '30min',
    '2h'), what "%" inside is of. Whole numbers inside count seconds too. It takes what steps are left, unless during()
    says how many.

    It observes only "seconds", which never fall: whoever trains tells them with every observation or in ones of their
    own. Once told, it passes over observations without them; before, it says that it is not told the time.

    Raises ScheduleError where `over` is no wall-clock time, where a length inside counts epochs, samples or tokens,
    where `part` is reactive, and for seconds that fall or are never observed.

    >>> from surefoot.core.record import Observation
    >>> from surefoot.schedules import linear
    >>> curve = (0.1 * WallClock(linear(), "2h")).bind(steps=1_000_000)
    >>> curve(10, curve.update(curve.start(), Observation(10, {"seconds": 3600.0})))
    0.05
    """

    part: Schedule = field(validator=schedule)
    over: Length = field(default=length("2h"), converter=length)

    def __attrs_post_init__(self) -> None:
        if self.over.seconds is None or self.over.seconds < 1:
            raise ScheduleError(
                "wall_clock's over must be wall-clock time, a second at least",
                received=str(self.over),
                remedy="write '90s', '30min' or '2h'",
            )
        span = self._seconds()
        self.part.resolve(fit(self.part, span))
        if span.reducers:
            raise ScheduleError(
                "a reactive schedule cannot be played by the clock",
                received=str(self.part),
                remedy="multiply outside: wall_clock(cosine(), '2h') * plateau()",
            )

    @property
    def is_open(self) -> bool:
        return True

    def length(self, clock: Clock) -> Fraction:
        raise AssertionError("a wall clock takes what is left")

    def resolve(self, span: Span) -> Formula:
        inner = self._seconds()
        part = self.part.resolve(fit(self.part, inner))
        for note in inner.notes:
            span.note(note.kind, f"in wall-clock time, steps being seconds: {note.what}", note.remedy)
        elapsed = attach(span.reducers, WallClockReducer(Stretch(span.start, span.stop, span.steps)))
        return lambda t, xp: part(assume(elapsed(t, xp), 0, inf), xp)

    def _seconds(self) -> Span:
        assert self.over.seconds is not None
        seconds = half_up(self.over.seconds)
        return Span(Seconds(seconds), 0, seconds, seconds)


@frozen
class WallClockReducer:
    """The seconds since a piece began, of which the last observation up to its end is the last."""

    stretch: Stretch

    @property
    def initial(self) -> WallClockState:
        return WallClockState()

    def value(self, state: WallClockState) -> float:
        return state.now - (state.origin or 0.0)

    def update(self, state: WallClockState, observation: Observation) -> WallClockState:
        before = not state.begun and self.stretch.time(observation.step) <= 0
        if not before and not self.stretch.saw(observation.step - 1):
            return state
        now = observation.values.get(SECONDS)
        if now is None:
            return self._told(state, observation)
        if not state.now <= now < inf:
            raise ScheduleError(
                f"the seconds of training fell from {state.now:g}",
                received=now,
                remedy="go on counting where a run is resumed",
            )
        if before:
            return WallClockState(origin=now, now=now)
        return WallClockState(origin=state.origin or 0.0, now=now, begun=True)

    def _told(self, state: WallClockState, observation: Observation) -> WallClockState:
        if state.origin is None:
            raise ScheduleError(
                "wall_clock is not told the time",
                received=", ".join(observation.values),
                remedy=f"observe {SECONDS!r}, the seconds of training since its start, first or as well",
            )
        return state


wall_clock = WallClock
__all__ = ["WallClock", "WallClockReducer", "WallClockState", "wall_clock"]
