"""What a schedule is made of, and the stretch of training that each of its parts fills."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from surefoot.core.units import half_up
from surefoot.schedules import evaluate
from surefoot.schedules.algebra import Composite
from surefoot.schedules.curve import Curve
from surefoot.schedules.expression import Symbols, T
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Span, fit
from surefoot.schedules.time import During, Every, Repeat, Skip, Stretch, Then


@frozen
class Piece:
    """A schedule over the stretch that it fills."""

    schedule: Schedule
    span: Span

    @property
    def start(self) -> int:
        return self.span.start

    @property
    def stop(self) -> int:
        return self.span.stop

    def values(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its own values, t steps after its beginning; reactive pieces count 1."""
        span = evolve(self.span, reducers=[], notes=[])
        expression = self.schedule.resolve(span)(T, Symbols)
        return evaluate.on_array(expression, t, [1.0] * len(span.reducers))


def whole(curve: Curve) -> Piece:
    """A curve's schedule over its horizon."""
    assert isinstance(curve.schedule, Schedule)
    span = Span(curve.clock, 0, curve.steps, curve.steps)
    return Piece(curve.schedule, fit(curve.schedule, span))


def parts(piece: Piece) -> list[Piece]:
    """The parts of a schedule that have a stretch of their own; of a plan for another horizon, none."""
    span = piece.span
    match piece.schedule:
        case Then() as chain:
            bounds = chain.bounds(span)
            return [Piece(part, span.part(start, end - start)) for start, end, part in bounds if end > start]
        case Composite(parts=side_by_side):
            return [Piece(part, fit(part, span)) for part in side_by_side]
        case During(part=part) | Every(part=part) if part.is_open:
            return [Piece(part, span)]
        case During(part=part) | Every(part=part):
            return [Piece(part, span.part(0, half_up(part.length(span.clock))))]
        case Skip(part=part) | Stretch(part=part) | Repeat(part=part) if not part.is_open:
            return [Piece(part, span.warp(half_up(part.length(span.clock))))]
    return []


def walk(piece: Piece) -> Iterator[Piece]:
    """The schedule and everything in it, outer ones first."""
    yield piece
    for part in parts(piece):
        yield from walk(part)


def phases(piece: Piece) -> list[Piece]:
    """The links of the chains in a schedule, by their beginning; the schedule itself where there is no chain."""
    inner = [] if piece.span.warped else parts(piece)
    links = [phases(part) for part in inner]
    if not isinstance(piece.schedule, Then):
        links = [each for each in links if len(each) > 1]
    found = [
        Piece(link.schedule, evolve(link.span, stop=min(link.stop, piece.stop)))
        for each in links
        for link in each
        if link.start < piece.stop
    ]
    return sorted(found, key=lambda link: link.start) or [piece]
