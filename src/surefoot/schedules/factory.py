"""The factory: a strategy by its common name, with the numbers of the textbook."""

from typing import Any

from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.schedules.form import make
from surefoot.schedules.schedule import Schedule

STRATEGIES: dict[str, tuple[str, dict[str, Any]]] = {
    "step_decay": ("step", {"every": "10ep", "factor": 0.5}),
    "exponential_decay": ("exponential", {"factor": 0.9, "every": "1ep", "staircase": True}),
    "cosine_annealing": ("cosine", {}),
    "reduce_on_plateau": ("plateau", {"factor": 0.1, "patience": 5}),
    "cyclical": ("cyclical", {"up": 2000, "low": 1 / 6}),
    "one_cycle": ("one_cycle", {}),
}


def strategy(name: str, **parameters: Any) -> Schedule:
    """A schedule by the name of the strategy; parameters replace the usual ones.

    Known: step_decay (every 10 epochs × 0.5), exponential_decay (× 0.9 an epoch), cosine_annealing,
    reduce_on_plateau (× 0.1, patience 5), cyclical, one_cycle.

    Raises ScheduleError (a ValueError) for an unknown name.

    >>> strategy("step_decay", every="5ep")
    step('5ep', factor=0.5)
    """
    if name not in STRATEGIES:
        raise ScheduleError(f"unknown strategy {name!r}", remedy=did_you_mean(name, STRATEGIES))
    leaf, usual = STRATEGIES[name]
    return make(leaf, [], usual | parameters)
