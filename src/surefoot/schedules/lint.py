"""What looks wrong about a schedule over a horizon: each finding with its place and what would mend it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from surefoot.core import text
from surefoot.core.units import Length
from surefoot.schedules.algebra import Product, Scale
from surefoot.schedules.curve import Curve
from surefoot.schedules.leaf import Leaf
from surefoot.schedules.named import Named
from surefoot.schedules.pieces import Piece, parts, walk, whole
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.span import Note
from surefoot.schedules.time import Every, Skip, Then

MOMENTA = ("momentum", "betas", "beta1", "beta2", "beta_1", "beta_2", "rho", "alpha", "b1", "b2")
LEAP = 0.01  # of the peak: what is less is no jump
MISSED = 0.01  # of the peak: how much a warm-up may lose to what falls meanwhile
LEFT = 0.05  # of the peak: how far above its end a decay's last update may be; a line over 20 steps is
VANISHED = 1e-9  # of the peak: no update of such a size changes anything
SAMPLES = 10_000  # steps at which parts are compared


@frozen
class Finding(Note):
    """What looks wrong (`kind`, `what`), from which step on, and the remedy.

    >>> str(Finding("negative value", 5, "the value is -0.1", "raise the end"))
    'negative value at step 5: the value is -0.1; raise the end'
    """

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.kind} at step {self.step:,}: {self.what}{remedy}"


def lint(curve: Curve, of: str = "lr") -> list[Finding]:
    """What looks wrong about a curve, by step.

    Parameters: `curve`; `of`, the hyperparameter that follows it ("lr"): a learning rate should not begin with 0, and
    momentum lies in [0, 1).

    Kinds: "overlap", "jump", "negative value", "not finite", "zero width", "epochs given as steps",
    "end never reached", "first step zero", "momentum out of range".

    >>> from surefoot.schedules import parse
    >>> [found] = lint(parse("0.1 * (warmup(10, from_zero=True) >> cosine())").bind(1000))
    >>> print(found)
    first step zero at step 0: the first update changes nothing; leave from_zero=True out: (t + 1)/W begins above 0
    """
    values = curve.values()
    finite = values[np.isfinite(values)]
    peak = float(np.abs(finite).max(initial=0.0))
    found = [Finding(**asdict(note)) for note in curve.notes]
    found += _range(values, of)
    if of == "lr" and peak > 0 and values[0] == 0:
        remedy = "leave from_zero=True out: (t + 1)/W begins above 0"
        remedy = remedy if "from_zero=True" in str(curve.schedule) else "begin above 0"
        found.append(Finding("first step zero", 0, "the first update changes nothing", remedy))
    for piece in walk(whole(curve)):
        if isinstance(piece.schedule, Then):
            found += _jumps(piece, curve, values, peak)
        if isinstance(piece.schedule, Product):
            found += _overlaps(piece)
        if isinstance(piece.schedule, Named):
            found += list(_lengths(piece.schedule, piece, curve)) or _vanishing(piece.schedule, piece)
        if isinstance(piece.schedule, Leaf):
            found += _unchanging(piece.schedule, piece)
            found += _last(piece.schedule, piece, curve, peak)
    return sorted(dict.fromkeys(found), key=lambda each: each.step)


def _range(values: NDArray[np.float64], of: str) -> Iterator[Finding]:
    momentum = of in MOMENTA
    checks = [
        ("not finite", ~np.isfinite(values), "keep it finite: clip it, or lower the factor"),
        ("negative value", (values < 0) & (not momentum), "raise its end, or clip it: clip(…, low=0.0)"),
        ("momentum out of range", ((values < 0) | (values >= 1)) & momentum, f"keep {of} in [0, 1)"),
    ]
    for kind, wrong, remedy in checks:
        if wrong.any():
            step = int(wrong.argmax())
            yield Finding(kind, step, f"the value is {values[step]:g}", remedy)


def _jumps(chain: Piece, curve: Curve, values: NDArray[np.float64], peak: float) -> Iterator[Finding]:
    """Leaps from link to link that are far from what the links do themselves."""
    if chain.span.warped:
        return
    for left, right in pairwise(parts(chain)):
        edge = right.start
        if not 0 < edge < curve.steps:
            continue
        before, after = float(curve(edge - 1e-6)), float(curve(edge))  # what the left one has come to at its end
        leap = abs(after - before)
        slopes = [np.abs(np.diff(values[link.start : link.stop])).max(initial=0.0) for link in (left, right)]
        on_purpose = max(slopes) == 0 or (after > before and _again(left.schedule, right.schedule))
        if leap > LEAP * peak and leap > 2 * max(slopes) and not on_purpose:
            what = (
                f"the value leaps from {before:.4g} to {after:.4g} where {left.schedule} gives way to {right.schedule}"
            )
            yield Finding("jump", edge, what, "let one begin where the other ends")


def _again(left: Schedule, right: Schedule) -> bool:
    """Whether a shape is followed by itself, over whatever length: a restart."""
    if type(left) is not type(right) or not isinstance(left, Leaf):
        return False
    return all(
        getattr(left, field.name) == getattr(right, field.name)
        for field in text.attributes(type(left))
        if field.name != "over"
    )


def _overlaps(product: Piece) -> Iterator[Finding]:
    """A warm-up multiplied with what falls meanwhile."""
    if product.span.warped:
        return
    steps = max(product.stop - product.start, 1)
    t = np.unique(np.linspace(0, steps - 1, min(steps, SAMPLES)).round())
    factors = parts(product)
    warming = [factor for factor in factors if _warms(factor.schedule)]
    if not warming or len(warming) == len(factors):
        return
    rising = np.prod([each.values(t) for each in warming], axis=0)
    others = [factor for factor in factors if factor not in warming]
    falling = np.prod([each.values(t) for each in others], axis=0)
    both = rising * falling
    height, reached = rising.max() * falling[0], both.max()
    if reached < (1 - MISSED) * height:
        what = (
            f"{' * '.join(str(each.schedule) for each in others)} falls while {warming[0].schedule} rises: "
            f"of its height only {reached / height:.0%} is reached"
        )
        step = product.start + int(t[both.argmax()])
        yield Finding("overlap", step, what, "let one follow the other: warmup(…) >> …")


def _warms(schedule: Schedule) -> bool:
    if isinstance(schedule, Then | Scale):
        return _warms(schedule.parts[0])
    return isinstance(schedule, Named) and "warmup" in schedule.name


def _lengths(schedule: Named, piece: Piece, curve: Curve) -> Iterator[Finding]:
    """Plain numbers that can be epochs but hardly steps. Every few steps, or without the first few, is meant."""
    per_epoch = curve.clock.steps_per_epoch
    if per_epoch is None or isinstance(schedule, Every | Skip):
        return
    for name, time in _times(schedule):
        if time.unit == "" and 2 <= time.amount <= curve.steps / per_epoch and 10 * time.amount <= per_epoch:
            what = f"{schedule} counts {name} {time} in steps; an epoch has {per_epoch:,}"
            yield Finding("epochs given as steps", piece.start, what, f"write '{time}ep' if epochs are meant")


def _times(schedule: Named) -> Iterator[tuple[str, Length]]:
    for field in text.attributes(type(schedule)):
        value: Any = getattr(schedule, field.name)
        for time in value if isinstance(value, tuple) else (value,):
            if isinstance(time, Length):
                yield field.name, time


def _vanishing(schedule: Named, piece: Piece) -> Iterator[Finding]:
    """Periods of a decay that are so short that nothing is left of it."""
    every, steps = getattr(schedule, "every", None), piece.span.steps
    if not isinstance(every, Length) or every.unit or 100 * every.amount > steps:
        return
    first, last = piece.values(np.array([0.0, steps - 1.0]))
    if 0 <= last < VANISHED * first:
        what = f"{schedule} counts every {every} in steps: nothing is left of it after {steps:,}"
        yield Finding("epochs given as steps", piece.start, what, f"write '{every}ep' if epochs are meant")


def _unchanging(leaf: Leaf, piece: Piece) -> Iterator[Finding]:
    """Periods of a staircase that are longer than the time there is."""
    every, steps = getattr(leaf, "every", None), piece.span.steps
    if not isinstance(every, Length) or piece.span.warped or every.steps(piece.span.clock) < steps or steps < 1:
        return
    first, last = piece.values(np.array([0.0, steps - 1.0]))
    if first == last:
        period = float(every.steps(piece.span.clock))
        what = f"{leaf} never changes: its first period of {period:g} steps is not over after {steps:,}"
        yield Finding("end never reached", piece.stop, what, "shorten every, or train for longer")


def _last(leaf: Leaf, piece: Piece, curve: Curve, peak: float) -> Iterator[Finding]:
    """Decays whose end lies a step after the last update, and still far below it."""
    if piece.span.warped or piece.stop != curve.steps or getattr(leaf, "inclusive", True):
        return
    last, end = float(curve(curve.steps - 1)), float(curve(curve.steps))
    if abs(last - end) > LEFT * peak:
        what = f"the last update uses {last:.4g}, and {leaf} comes to its end of {end:.4g} a step later"
        yield Finding("end never reached", curve.steps - 1, what, "set inclusive=True")
