"""A good learning rate from short runs at constant rates: the edge of divergence, the basin, a suggestion. Pure."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Array = NDArray[np.float64]

BELOW, ABOVE = 3, 1  # rates that are trained on beside the best of the scan: best rates fall as runs get longer
STRETCH = 4  # times as many updates: what progress is measured over
PRIOR = 0.5  # the a of stochastic approximation
POINTS = 8  # that a line is fitted to in it
LEVEL = 0.95
DRAWS = 1000  # of the bootstrap


@frozen(eq=False)
class Seen:
    """What was measured on rows at constant rates.

    Parameters: `rates` `[R]`, ascending; `horizon`, the updates of a whole run; `start` `[S]`, each seed's loss before
    the first update; `looks` `[n]`, the updates made when losses were measured; `losses` `[n, R, S]`: infinite once a
    row has diverged, NaN where a row was not trained so far.
    """

    rates: Array
    horizon: int
    start: Array
    looks: tuple[int, ...]
    losses: Array

    @property
    def capped(self) -> Array:
        """The losses, none above the one before training: a row is no worse than lost."""
        return np.asarray(np.where(np.isnan(self.losses), np.nan, np.minimum(self.losses, self.start)))

    @property
    def scaled(self) -> Array:
        """The same on a log scale, where losses are above 0."""
        return self.scale(self.capped)

    def scale(self, losses: Array) -> Array:
        """Losses on the scale of `scaled`."""
        return np.asarray(np.log(losses) if np.nanmin(self.capped) > 0 else losses)

    @property
    def last(self) -> Array:
        """Every row's latest loss `[R, S]`."""
        found: Array = self.losses[0]
        for losses in self.losses[1:]:
            found = np.where(np.isnan(losses), found, losses)
        return found


@frozen
class Edge:
    """Between two neighbouring rates training begins to diverge: it ends below, and above, where it began.

    `low` is the highest rate that trained on every seed, `high` the lowest above it that did on none; None: every rate
    trained.
    """

    low: float
    high: float | None


@frozen(eq=False)
class Found:
    """What the short runs say.

    Parameters: `suggestion`, a constant rate for the whole horizon, and `interval`, where the best one lies; `edge`;
    `basin`, the lowest and the highest rate whose loss is within noise of the best's after `updates` updates; `best`,
    the best rate by then; `shift`, the exponent a that the suggestion is brought to the horizon with, best·(updates /
    horizon)^a; `lowest`, `highest`: whether the best rate was the lowest or the highest of all that were tried.
    """

    suggestion: float
    interval: tuple[float, float]
    edge: Edge
    basin: tuple[float, float]
    best: float
    updates: int
    shift: float
    lowest: bool
    highest: bool


def vertex(rates: Array, losses: Array) -> float:
    """The rate of the smallest loss: of the parabola, over log rates, through the smallest and its two neighbours.

    >>> rates = np.array([0.01, 0.1, 1.0])
    >>> round(vertex(rates, np.array([2.0, 1.0, 2.0])), 6), vertex(rates, np.array([1.0, 2.0, 3.0]))
    (0.1, 0.01)
    """
    j = int(np.argmin(losses))
    if j in (0, len(rates) - 1):
        return float(rates[j])
    (x0, x, x1), (y0, y, y1) = np.log(rates[j - 1 : j + 2]), losses[j - 1 : j + 2]
    # Divided differences: the rates need not be evenly spaced.
    first, second = (y - y0) / (x - x0), (y1 - y) / (x1 - x)
    if not second > first:
        return float(rates[j])
    middle = (x0 + x) / 2 - first * (x1 - x0) / 2 / (second - first)
    return float(np.exp(np.clip(middle, x0, x1)))


def window(seen: Seen) -> list[int]:
    """Which rates are worth training on after a scan: the best, one above it, and those below to which it may fall.

    Empty where no rate ends below the loss before training on every seed.
    """
    mean = seen.capped[-1].mean(axis=1)
    good = np.asarray((seen.last < seen.start).all(axis=1))
    if not good.any():
        return []
    best = int(np.argmin(np.where(good, mean, np.inf)))
    return [i for i in range(max(0, best - BELOW), min(len(mean), best + ABOVE + 1)) if np.isfinite(seen.last[i]).all()]


def edge_of(seen: Seen) -> Edge:
    """Where divergence begins. There must be a rate that trained on every seed."""
    trained = np.asarray(seen.last < seen.start)
    whole = np.asarray(trained.all(axis=1))
    low = int(np.argmin(np.where(whole, np.minimum(seen.last, seen.start).mean(axis=1), np.inf)))
    while low + 1 < len(whole) and whole[low + 1]:
        low += 1
    above = [i for i in range(low + 1, len(whole)) if not trained[i].any()]
    return Edge(float(seen.rates[low]), float(seen.rates[above[0]]) if above else None)


def read(seen: Seen) -> Found:
    """The suggestion, and what it rests on.

    Equation: η̂ = η*(n) · (n / T)^a, at most half the edge (on a quadratic that is the fastest rate). η*(n) is the best
    rate after n of T updates, by the losses of the last two thirds of them.

    Where noise counts for nothing, training follows the gradient flow, and what η does in T updates ηT/n does in n. So
    once the loss has stopped falling, η·T should not grow any more, a = 1; as long as it falls as fast as ever, nothing
    but the edge holds the rate down, a = 0. Between them a = 1 − p/p₀: p is the progress −d log loss / d log n of the
    best rate of every moment up to the end, p₀ the fastest there was. It is a noisy number: what is taken is its mean
    with the ½ of stochastic approximation, which balances what is not yet forgotten against noise.

    The interval is that of a from 0 to 1, and of η*(n) over looks and seeds (bootstrap), up to the next rate above,
    since the smallest of losses with one valley lies between the neighbours of the smallest measured.
    """
    steps, scaled = np.array(seen.looks), seen.scaled
    kept = np.flatnonzero(~np.isnan(seen.losses[-1]).any(axis=1))
    rates, n, edge = seen.rates[kept], int(steps[-1]), edge_of(seen)
    end = scaled[steps > n / 3][:, kept]
    curves = end.transpose(0, 2, 1).reshape(-1, len(kept))  # of every look and seed
    best = vertex(rates, curves.mean(axis=0))
    lowest = np.concatenate([[seen.scale(seen.start).mean()], np.nanmin(scaled.mean(axis=2), axis=1)])
    shift = (slowed(np.array([0, *steps]), np.minimum.accumulate(lowest)) + PRIOR) / 2
    left = min(1.0, n / seen.horizon)
    most = np.inf if edge.high is None else np.sqrt(edge.low * edge.high) / 2
    low, high = _between(rates, curves)
    step = float(np.median(seen.rates[1:] / seen.rates[:-1]))
    suggestion = min(best * left**shift, most)
    top = min(high * step, edge.high or np.inf)
    place = int(kept[np.argmin(curves.mean(axis=0))])
    return Found(
        suggestion=float(suggestion),
        interval=(float(min(low * left / np.sqrt(step), suggestion)), float(max(top, suggestion))),
        edge=edge,
        basin=basin(rates, curves),
        best=best,
        updates=n,
        shift=shift,
        lowest=place == 0,
        highest=place == len(seen.rates) - 1,
    )


def slowed(steps: Array, losses: Array) -> float:
    """By which share progress has slowed from its fastest: 1 − p/p₀, from 0 (as fast as ever) to 1 (it has stopped).

    Parameters: `losses` `[n]`, on a log scale where there is one, of the best rate after `steps` updates `[n]`, the
    first of them 0.

    >>> steps = np.array([0, 3, 7, 15, 31, 63, 127])
    >>> round(slowed(steps, -np.log(steps + 1)), 9), slowed(steps, np.array([5.0, 4, 3, 2, 2, 2, 2]))
    (0.0, 1.0)
    """
    x = np.log1p(steps)
    # Looks are not evenly spaced: straight lines between them are.
    grid = np.linspace(x[0], x[-1], max(2, round(x[-1] / np.log(STRETCH)) * POINTS + 1))
    y, width = np.interp(grid, x, losses), min(POINTS + 1, len(grid))
    fits = [-float(np.polyfit(grid[i : i + width], y[i : i + width], 1)[0]) for i in range(len(grid) - width + 1)]
    fastest = max(fits)
    return float(np.clip(1 - fits[-1] / fastest, 0, 1)) if fastest > 0 else 1.0


def basin(rates: Array, curves: Array) -> tuple[float, float]:
    """The lowest and the highest rate whose loss is within two standard errors of the best's, by paired differences.

    Parameters: `curves` `[m, R]`, losses of looks and seeds.
    """
    best = int(np.argmin(curves.mean(axis=0)))
    behind = curves - curves[:, [best]]
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else np.zeros(len(rates))
    within = np.flatnonzero(behind.mean(axis=0) <= 2 * error)
    return float(rates[within.min()]), float(rates[within.max()])


def _between(rates: Array, curves: Array) -> tuple[float, float]:
    """The interval of the best rate over looks and seeds; always the same draws."""
    drawn = np.random.default_rng(0).integers(len(curves), size=(DRAWS, len(curves)))
    found = [vertex(rates, curves[each].mean(axis=0)) for each in drawn]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
