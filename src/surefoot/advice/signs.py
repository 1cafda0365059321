"""Signs of trouble in loss curves: numbers in, numbers out. Everything is measured against what a curve has fallen."""

import math

import numpy as np
from attrs import frozen

from surefoot.advice.trend import FEWEST, Curve, moves, noise, smooth, stray, trend, turns

ABOVE = 0.05  # of the first loss: an end so far above the beginning is no longer chance or rounding
ABOVE_NOISE = 3.0  # times the noise, or: the first value may have been a lucky one
DOUBLED = 1.0  # of the first loss: beyond it noise is no excuse
MOSTLY = 0.9  # of the values lie above the first: it went up at once, even where it comes down again
RISE = 0.05  # of the fall, given back since the best moment: less is what any schedule with restarts gives back
RISE_LEVEL = 0.5  # of the least loss, or this: after thousands at first, 5 % of the fall is all that matters ...
RISE_LEAST = 0.02  # ... where that is also this much of the fall
RISE_NOISE = 5.0  # times the noise: the best of 60 noisy values alone lies 2.5 below their mean
STRAY = 0.05  # of the fall: on recorded runs, four in five good ones stray by under 0.015, those near the edge by more
STRAY_LEFT = 0.2  # of the level, which is the most that a positive loss has still to gain ...
STRAY_LEAST = 0.02  # ... where that is also this much of the fall: near 0 chance is a large part of the level
TURNS = 2  # from up to down or back: one is a bend
FLAT = 0.01  # of the fall, over the last third: one more run as long would gain 3 % more
FLAT_BOUND = 0.02  # of the fall: what the 95 % interval of that must exclude
FLAT_LEVEL = 0.05  # of the level: a positive loss that goes from 0.02 to 0.01 goes on learning
STUCK = 0.1  # of the fall, over the last two thirds: a noisy loss that gained no more is not on its way
STUCK_LEVEL = 0.3  # of the first loss: below it a classifier has learnt what there is
STUCK_EARLY = 0.5  # of the second to fourth loss, or that: the first epoch at far too large a rate can cost thousands
UNMOVED = 0.02  # of the first loss: a network that never left ln(10) = 2.303 has fallen by less
PACE = 1 / 3  # of the whole fall, in another run as long at the pace of the last third: 1 is a straight line
HALF = 0.15  # of the fall comes in the second half: what PACE asks of the last third, held where that is all there is
LEFT = 0.15  # of the run lies after the validation loss was least
LOST = 0.05  # of the fall, lost again since: over-fitting that costs something
LOST_LEVEL = 0.1  # of the least loss, or this: a loss that fell from 2.3 to 0.25 and is at 0.28 again ...
LOST_LEAST = 0.01  # ... where that is also this much of the fall
LOST_NOISE = 3.0  # times the noise


@frozen
class Risen:
    """A loss that went up: from a value, at a place, to the end."""

    start: float
    end: float
    place: float
    above_first: bool


@frozen
class Strays:
    """By how much a loss strays in its last third, as a share of its fall (None: it never fell)."""

    amount: float
    share: float | None
    since: float


@frozen
class Flat:
    """A loss that stands still since a place, and how; `never`: from the first on."""

    since: float
    level: float
    fall: float
    lately: float
    never: bool


@frozen
class Slow:
    """A loss that still falls by `lately` over the last third, and by `fall` in all."""

    first: float
    end: float
    fall: float
    lately: float


@frozen
class Overfit:
    """A validation loss that was least at a place and has risen since, while the training loss fell (None: unknown)."""

    place: float
    least: float
    end: float
    training: tuple[float, float] | None


def diverging(curve: Curve) -> Risen | None:
    """Whether the loss ends above where it began, or has left its minimum and still rises."""
    y, rest = curve.y, curve.y[1:]
    up, size = curve.end - curve.first, abs(curve.first)
    above = float((rest > curve.first).mean()) >= MOSTLY
    beyond = up > max(ABOVE * size, ABOVE_NOISE * noise(y)) and (above or moves(y, "greater"))
    # Two last values above all before and above the first: it blew up at the end.
    last = float(y[-2:].min())
    blown = len(y) > FEWEST and last > float(y[:-2].max()) and last - curve.first > ABOVE * size
    if beyond or blown or (above and up > DOUBLED * size > 0):
        return Risen(curve.first * curve.unit, curve.end * curve.unit, float(curve.x[0]), True)
    best = int(smooth(y).argmin())
    since = y[best:]
    up = curve.end - curve.least
    large = up > RISE * curve.fall or (up > RISE_LEVEL * curve.least > 0 and up > RISE_LEAST * curve.fall)
    still = moves(since, "greater") and not moves(since[len(since) // 2 :], "less")
    if large and still and up > RISE_NOISE * noise(y) and curve.fall > UNMOVED * size:
        return Risen(curve.least * curve.unit, curve.end * curve.unit, float(curve.x[best]), False)
    return None


def oscillating(curve: Curve, fall: float) -> Strays | None:
    """Whether the loss strays about its trend by much of what it has fallen, or of what it has still to gain."""
    if len(curve) < 2 * FEWEST:
        return None  # too few to tell ups and downs from a bend
    tail = curve.y[curve.tail]
    amount, level = stray(tail), float(np.median(tail))
    if amount <= UNMOVED * abs(level) and (curve.fall <= UNMOVED * abs(curve.first) or slow(curve)):
        return None  # it has hardly moved yet, and what it strays by is small beside what it is
    if turns(tail) < min(TURNS, len(tail) - FEWEST + 1):
        return None  # it bends, it does not go up and down
    large = amount > STRAY * fall
    large |= level > 0 and amount > STRAY_LEFT * level and amount > STRAY_LEAST * fall
    if not large:
        return None
    share = amount / fall if fall > amount else None
    return Strays(amount * curve.unit, share, float(curve.x[curve.tail][0]))


def flat(curve: Curve) -> Flat | None:
    """Whether the loss stands still in its last third, beyond doubt."""
    if slow(curve):
        return None
    tail = curve.y[curve.tail]
    change, low, _high = trend(tail)
    since, level = float(curve.x[curve.tail][0]), float(np.median(tail))
    said = Flat(since, level * curve.unit, curve.fall * curve.unit, -change * curve.unit, False)
    fall = max(curve.fall, curve.first - curve.end)
    if fall <= UNMOVED * abs(curve.first):
        return Flat(float(curve.x[0]), said.level, said.fall, said.lately, True)
    still = abs(change) <= FLAT * fall and -low <= FLAT_BOUND * fall
    still = still and (level <= 0 or abs(change) <= FLAT_LEVEL * level)
    return said if still or stuck(curve) else None


def stuck(curve: Curve) -> bool:
    """Whether two thirds of a run brought nothing that stands out of the noise, far above what was least possible."""
    later = curve.y[len(curve) // 3 :]
    early = float(np.median(curve.y[1:4]))  # without the first, which may be a burst that says nothing
    high = curve.end > STUCK_LEVEL * curve.first > 0 or curve.end > STUCK_EARLY * early > 0
    return high and not moves(later, "less") and abs(trend(later)[0]) < STUCK * curve.fall


def slow(curve: Curve) -> Slow | None:
    """Whether the loss falls at the end nearly as it did from the beginning."""
    if len(curve) < 2 * FEWEST:
        return None  # the end would be half of all there is
    fall = curve.first - curve.end
    late = [curve.y[curve.tail], curve.y[len(curve) // 3 :]]  # noise may hide in a third what two thirds show
    shown = next((part for part in late if moves(part, "less")), None)
    if fall <= 0 or shown is None:
        return None
    pace = -trend(shown)[0] / (len(shown) - 1)  # a point
    middle = float(np.interp((len(curve) - 1) / 2, np.arange(len(curve)), smooth(curve.y)))
    if pace * (len(curve) - 1) < PACE * fall or middle - curve.end < HALF * fall:
        return None
    lately = pace * (len(curve.y[curve.tail]) - 1)
    return Slow(curve.first * curve.unit, curve.end * curve.unit, fall * curve.unit, lately * curve.unit)


def overfitting(validation: Curve, training: Curve | None) -> Overfit | None:
    """Whether the validation loss was least well before the end and has risen since, while the training loss fell."""
    v = smooth(validation.y)
    best = int(v.argmin())
    after = len(v) - 1 - best
    if after < max(FEWEST - 1, math.ceil(LEFT * len(v))):
        return None
    judged = training or validation
    if judged.fall <= UNMOVED * abs(judged.first):
        return None  # what was never fitted is not over-fitted
    fall = max(validation.fall, training.fall * training.unit / validation.unit if training else 0.0)
    lost = validation.end - validation.least
    large = lost > LOST * fall
    large |= validation.least > 0 and lost > LOST_LEVEL * validation.least and lost > LOST_LEAST * fall
    if not large or lost <= LOST_NOISE * noise(validation.y) or not moves(validation.y[best:], "greater"):
        return None
    u, was = validation.unit, None
    if training:
        then = float(np.interp(best / (len(v) - 1), np.linspace(0, 1, len(training)), smooth(training.y)))
        since = training.y[round(best / (len(v) - 1) * (len(training) - 1)) :]
        if training.end >= then or not moves(since, "less"):
            return None
        was = (then * training.unit, training.end * training.unit)
    near = max(0, best - 1)  # the running median says about where; the least value beside it says which
    best = near + int(validation.y[near : best + 2].argmin())
    return Overfit(float(validation.x[best]), float(validation.y[best]) * u, validation.end * u, was)


def falling(curve: Curve) -> bool:
    """Whether the loss has fallen and goes on falling beyond chance."""
    return curve.end < curve.first and (moves(curve.y[curve.tail], "less") or moves(curve.y[len(curve) // 2 :], "less"))
