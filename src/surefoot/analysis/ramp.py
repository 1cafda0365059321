"""The classic range test, one row whose rate grows exponentially, and how it is usually read: for comparison. Pure."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST = 10  # updates that are not looked at


@frozen(eq=False)
class Ramp:
    """The classic range test, for comparison: one row whose rate grows by the same factor from update to update.

    Parameters: `rates` and `losses` `[n]`, of every update until the loss was not finite or far above its best;
    `smoothed`, the losses as a running mean; `steepest` and `valley`, two usual readings, None where it never falls.
    """

    rates: Array
    losses: Array
    smoothed: Array
    steepest: float | None
    valley: float | None

    @classmethod
    def of(cls, rates: Array, losses: Array) -> "Ramp":
        found = smoothed(losses)
        return cls(rates, losses, found, steepest(rates, found), valley(rates, found))


def steepest(rates: Array, losses: Array) -> float | None:
    """The older reading of an exponential ramp: the rate at which its loss falls fastest, by the logarithm of the rate.

    Parameters: `rates` `[n]` and the smoothed `losses` `[n]` of the updates of one ramp; the first ten, while the
    running mean is of few, and the last are left out. None where it never falls.

    Source: Smith, Cyclical learning rates for training neural networks, arXiv:1506.01186; the defaults of Lightning.
    """
    losses, rates = losses[FIRST:-1], rates[FIRST:-1]
    if len(losses) < 2:
        return None
    slopes = np.gradient(losses, np.log(rates))
    place = int(np.argmin(slopes))
    return float(rates[place]) if slopes[place] < 0 else None


def valley(rates: Array, losses: Array) -> float | None:
    """The newer reading: two thirds down the longest run of losses that fall, not counting the losses between.

    None where it never falls. Source: fastai, `lr_find(suggest_funcs=valley)`.
    """
    lengths, before = np.ones(len(losses), dtype=int), np.full(len(losses), -1)
    for i in range(len(losses)):
        for j in range(i):
            if losses[j] > losses[i] and lengths[j] + 1 > lengths[i]:
                lengths[i], before[i] = lengths[j] + 1, j
    if not len(losses) or lengths.max() == 1:
        return None
    end = start = int(np.argmax(lengths))
    while before[start] >= 0:
        start = int(before[start])
    return float(rates[int(start + (end - start) * 2 / 3)])


def smoothed(losses: Array, weight: float = 0.98) -> Array:
    """The running mean that range tests use: eᵢ = w·eᵢ₋₁ + (1 − w)·lossᵢ, divided by 1 − wⁱ."""
    kept, found = 0.0, []
    for i, loss in enumerate(losses, 1):
        kept = weight * kept + (1 - weight) * float(loss)
        found.append(kept / (1 - weight**i))
    return np.array(found)
