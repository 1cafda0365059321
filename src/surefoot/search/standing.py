"""Where an arm stands: the mean of its last looks, or what it would end as."""

from collections.abc import Sequence

import numpy as np

from surefoot.search.contract import Seen

TAIL = 0.2  # of the steps so far: their looks are averaged, since one look is noisy

Standing = tuple[float, float]  # the metric that ranks, and less loss: more is better
LOST: Standing = (-np.inf, -np.inf)


def standing(seen: Sequence[Seen], stop: int) -> Standing:
    """The mean over seeds of the mean over the last fifth of the steps; `LOST` where a seed diverged.

    >>> standing([Seen(looks=((8, 0.5), (9, 0.7), (10, 0.8)), losses=(1.0, 0.5, 0.25))], 10)
    (0.75, -0.375)
    """
    if any(each.diverged is not None or not each.looks for each in seen):
        return LOST
    tails = [_tail(each, stop) for each in seen]
    return float(np.mean([metric for metric, _ in tails])), float(np.mean([loss for _, loss in tails]))


def ending(seen: Sequence[Seen], stop: int = 0) -> Standing:
    """Of whole runs the mean over seeds of the last look, which is what they are for."""
    if any(each.diverged is not None or not each.looks for each in seen):
        return LOST
    losses = [each.losses[-1] for each in seen if each.losses]
    return float(np.mean([each.looks[-1][1] for each in seen])), -float(np.mean(losses)) if losses else 0.0


def _tail(seen: Seen, stop: int) -> Standing:
    late = [k for k, (step, _) in enumerate(seen.looks) if step > (1 - TAIL) * stop] or [len(seen.looks) - 1]
    metric = float(np.mean([seen.looks[k][1] for k in late]))
    return metric, -float(np.mean([seen.losses[k] for k in late])) if seen.losses else 0.0
