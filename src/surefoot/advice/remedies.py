"""What to do about what a training history shows, with the rates named where the history holds them."""

import math

import numpy as np

from surefoot.advice.history import History
from surefoot.core.language import Words

DECAYED = 0.02  # of its peak: a rate below it moves the weights no more
SWING = 0.1  # of its peak: a rate that rises by more goes in cycles or restarts
LOW = 0.3  # of the first loss: a plateau above it may be a model too small
SAME = 0.1  # of the fall: training and validation loss this near each other leave no gap that decay could close


def lower(history: History, _: Words) -> str:
    """For a rate that is too large."""
    if rate := peak(history):
        return _(
            "Lower the learning rate from {rate:.3g} to about {third:.1g}, and to {tenth:.1g} where that is "
            "not enough.",
            rate=rate,
            third=rate / 3,
            tenth=rate / 10,
        )
    return _("Lower the learning rate to a third, and to a tenth where that is not enough.")


def calm(history: History, _: Words) -> str:
    """For a loss that strays."""
    if rate := peak(history):
        return _(
            "Lower the learning rate from {rate:.3g} to about {third:.1g}, or let it fall: by a decay, or on plateaus "
            "of the validation loss. A larger batch helps too.",
            rate=rate,
            third=rate / 3,
        )
    return _(
        "Lower the learning rate to a third, or let it fall: by a decay, or on plateaus of the validation loss. "
        "A larger batch helps too."
    )


def faster(history: History, _: Words) -> str:
    """For a loss that falls in a straight line."""
    if rate := peak(history):
        return _(
            "Raise the learning rate from {rate:.3g} to between {three:.1g} and {ten:.1g}, use momentum, or "
            "train longer.",
            rate=rate,
            three=rate * 3,
            ten=rate * 10,
        )
    return _("Raise the learning rate 3 to 10 times, use momentum, or train longer.")


def decayed(history: History, since: float) -> float | None:
    """What the rate had come down to at a place, where that is next to nothing."""
    series, rate = history.series.get("lr"), peak(history)
    if series is None or rate is None:
        return None
    then = float(np.interp(since, series.x, series.y))
    return then if then < DECAYED * rate else None


def swings(history: History, since: float) -> bool:
    """Whether the rate itself goes up again after a place: a loss that follows it does as the schedule asks."""
    series, rate = history.series.get("lr"), peak(history)
    if series is None or rate is None:
        return False
    late = series.y[series.x >= since]
    return bool(len(late) > 1 and (late - np.minimum.accumulate(late)).max() > SWING * rate)


def stalled(history: History, since: float, _: Words) -> str:
    """For a loss that has stopped falling."""
    if (left := decayed(history, since)) is not None:
        return _("The learning rate had come down to {left:.2g} by then: let it fall later or more slowly.", left=left)
    if rate := peak(history):
        return _(
            "Let the learning rate fall from {rate:.3g} to about {tenth:.1g}: by a decay, or on plateaus of the "
            "validation loss. If that gains nothing, this is what the recipe can do.",
            rate=rate,
            tenth=rate / 10,
        )
    return _(
        "Let the learning rate fall to a tenth: by a decay, or on plateaus of the validation loss. If that gains "
        "nothing, this is what the recipe can do."
    )


def either(history: History, _: Words) -> str:
    """For a loss that never moved, which a rate far too small and one far too large both bring about."""
    if rate := peak(history):
        return _(
            "Raise the learning rate from {rate:.3g} to about {ten:.1g}. If the loss still does not move, the rate was "
            "too large: try {hundredth:.1g}.",
            rate=rate,
            ten=rate * 10,
            hundredth=rate / 100,
        )
    return _(
        "Raise the learning rate 10 times. If the loss still does not move, the rate was too large: try a hundredth "
        "of it."
    )


def underfit(_: Words) -> str:
    """For a loss that is as high in training as in validation."""
    return _("Training and validation loss are equally high: less weight decay, or a larger model, may help as well.")


def peak(history: History) -> float | None:
    """The largest learning rate of a history."""
    series = history.series.get("lr")
    finite = series.y[np.isfinite(series.y)] if series else np.array([])
    rate = float(finite.max()) if len(finite) else 0.0
    return rate if rate > 0 and math.isfinite(rate * 100) else None
