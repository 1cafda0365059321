"""What is told about schedules over a horizon, and about two of them side by side: data, text and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import asdict, define, frozen
from numpy.typing import NDArray

from surefoot.core.units import Clock
from surefoot.schedules import Curve, Schedule, to_json
from surefoot.schedules.difference import difference
from surefoot.schedules.lint import Finding, lint
from surefoot.schedules.pieces import phases, whole

SAME = 1e-12  # of the higher peak: rounding, not a difference
POINTS = 400  # of a curve in JSON


@frozen
class Phase:
    """A piece of a schedule: its first and its last update, and the values there."""

    schedule: str
    start: int
    stop: int
    first: float
    last: float


@define(eq=False, slots=False)
class Plotted:
    """A schedule over a horizon. `given`: as it was written; `of`: the hyperparameter that it is meant for."""

    given: str
    curve: Curve
    of: str = "lr"

    @property
    def text(self) -> str:
        return str(self.curve.schedule)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        return self.curve.values()

    @cached_property
    def findings(self) -> list[Finding]:
        return lint(self.curve, self.of)

    @cached_property
    def highest(self) -> int:
        """The first update with the highest value."""
        return int(np.where(np.isnan(self.values), -np.inf, self.values).argmax())

    @cached_property
    def phases(self) -> list[Phase]:
        found = []
        for link in phases(whole(self.curve)):
            last = min(link.stop, self.curve.steps) - 1
            if link.start <= last:
                first, end = float(self.values[link.start]), float(self.values[last])
                found.append(Phase(str(link.schedule), link.start, last, first, end))
        over, final = max(phase.stop for phase in found) + 1, self.curve.steps - 1
        if over <= final:
            found.append(Phase("(past its end)", over, final, float(self.values[over]), float(self.values[final])))
        return found

    def lines(self, at: Sequence[int] = ()) -> Iterator[str]:
        """For people: what was read, phases, peak and end, values at some steps, findings."""
        yield self.text if self.given == self.text else f"{self.text}   from {self.given}"
        final, after = self.curve.steps - 1, float(self.curve(self.curve.steps))
        yield (
            f"  peak {self.values[self.highest]:.6g} at step {self.highest:,}; "
            f"last update (step {final:,}) {self.values[final]:.6g}; after it {after:.6g}"
        )
        steps = [f"{phase.start:,} – {phase.stop:,}" for phase in self.phases]
        ends = [f"{phase.first:.6g} → {phase.last:.6g}" for phase in self.phases]
        for phase, step, end in zip(self.phases, steps, ends, strict=True):
            yield f"  step {step:<{max(map(len, steps))}}   {end:<{max(map(len, ends))}}   {phase.schedule}"
        yield from (f"  at step {step:,}: {float(self.curve(step))!r}" for step in at)
        yield from (f"  ! {finding}" for finding in self.findings)

    def to_json(self, at: Sequence[int] = ()) -> dict[str, Any]:
        """The same as plain data (docs/json.md)."""
        assert isinstance(self.curve.schedule, Schedule)
        steps = thinned(self.values, POINTS)
        return {
            "given": self.given,
            "schedule": self.text,
            "json": to_json(self.curve.schedule),
            "kind": "rate" if self.curve.schedule.is_rate else "shape",
            "peak": _point(self.highest, self.values[self.highest]),
            "last": _finite(self.values[-1]),
            "after": _finite(self.curve(self.curve.steps)),
            "phases": [
                asdict(phase) | {"first": _finite(phase.first), "last": _finite(phase.last)} for phase in self.phases
            ],
            "findings": [asdict(each, filter=lambda field, _: field.name != "cut_off") for each in self.findings],
            "at": [_point(step, self.curve(step)) for step in at],
            "points": [[int(step), _finite(self.values[step])] for step in steps],
        }


@define(eq=False, slots=False)
class Compared:
    """Two schedules over one horizon."""

    old: Plotted
    new: Plotted

    @cached_property
    def words(self) -> list[str]:
        return difference(self.old.curve.schedule, self.new.curve.schedule)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The second less the first."""
        with np.errstate(invalid="ignore"):  # ∞ − ∞
            return self.new.values - self.old.values

    @cached_property
    def first(self) -> int | None:
        """The first update at which they differ."""
        peak = max(np.nanmax(np.abs(each.values), initial=0.0) for each in (self.old, self.new))
        apart = np.abs(self.values) > SAME * (peak if math.isfinite(peak) else 1.0)
        return int(apart.argmax()) if apart.any() else None

    @cached_property
    def greatest(self) -> int:
        """The update at which they differ most."""
        return int(np.nan_to_num(np.abs(self.values), nan=0.0).argmax())

    def lines(self) -> Iterator[str]:
        yield "Difference of the second from the first:"
        yield from (f"  {each}" for each in self.words or ["none: they are equal"])
        if self.first is None:
            yield "  the values are the same at every step"
            return
        old, new = self.old.values[self.greatest], self.new.values[self.greatest]
        yield f"  they differ from step {self.first:,} on"
        yield f"  most at step {self.greatest:,}: {old:.6g} → {new:.6g} ({self.values[self.greatest]:+.6g})"

    def to_json(self) -> dict[str, Any]:
        greatest = _point(self.greatest, self.values[self.greatest])
        return {"words": self.words, "first": self.first, "greatest": None if self.first is None else greatest}


def thinned(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Which points of a curve to draw, at most about so many: the lowest and the highest of every stretch."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    bounds = np.linspace(0, count, max(most // 2, 1) + 1).astype(np.int64)
    stretches = list(pairwise(bounds))
    lowest = [start + values[start:stop].argmin() for start, stop in stretches]
    highest = [start + values[start:stop].argmax() for start, stop in stretches]
    return np.unique(np.array([0, *lowest, *highest, count - 1]))


def document(
    clock: Clock, of: str, plotted: Sequence[Plotted], compared: Compared | None, at: Sequence[int]
) -> dict[str, Any]:
    """Everything that was plotted, as plain data (docs/json.md)."""
    return {
        "surefoot": "plot",
        "version": 1,
        "horizon": asdict(clock),
        "of": of,
        "curves": [each.to_json(at) for each in plotted],
        "difference": None if compared is None else compared.to_json(),
    }


def _point(step: int, value: float) -> dict[str, Any]:
    return {"step": step, "value": _finite(value)}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
