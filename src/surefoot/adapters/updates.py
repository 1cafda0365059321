"""Counting the updates an optimizer makes, and noticing a scheduler that is stepped oddly."""

from __future__ import annotations

import warnings
from typing import Any

from torch.optim import Optimizer

PATIENCE = 10  # calls of step() before the first update: loss scaling skips a few at first
LONGEST = 100  # calls of step() after an update: more than gradients are accumulated for
HABIT = 3  # updates in a row, each followed by more than one call of step()

NONE_SEEN = (
    "step() was called {calls} times in a row and no update of the optimizer was seen. Updates that a CUDA graph "
    "replays are not: pass count='calls' to count the calls of step() instead"
)
TOO_LATE = (
    "step() was called after {updates} updates, which all had the same values; from here on they are right. Call "
    "step() after every update. Lightning calls it once an epoch unless configure_optimizers returns "
    "{{'optimizer': optimizer, 'lr_scheduler': {{'scheduler': scheduler, 'interval': 'step'}}}}"
)
TOO_OFTEN = (
    "step() is called more than once for each update, as Accelerate does, once for each of its processes. Nothing is "
    "lost: updates are counted, not calls"
)


class Updates:
    """The number of updates an optimizer really made. The optimizer calls it after each."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # A fused optimizer is called in spite of an overflow and skips the update itself.
        overflow = getattr(optimizer, "found_inf", None)
        if overflow is None or not overflow.item():
            self.count += 1


class Habits:
    """Warns of odd ways of stepping, once of each."""

    def __init__(self) -> None:
        self.said: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Forgets what was seen, not what was said."""
        self.none = True  # no update yet
        self.idle = 0  # calls since the last update
        self.streak = 0  # updates in a row with idle calls

    @property
    def unclear(self) -> bool:
        """Whether the next call has to be seen even where it follows one update."""
        return self.none or self.idle > 0 or self.streak > 0

    def see(self, updates: int) -> None:
        """One more call of step(), so many updates after the call before."""
        if updates == 0:
            self.idle += 1
            if self.idle == (PATIENCE if self.none else LONGEST):
                self._say(NONE_SEEN, calls=self.idle)
            return
        self.streak = self.streak + 1 if self.idle else 0
        self.none, self.idle = False, 0
        if updates > 1:
            self._say(TOO_LATE, updates=updates)
        if self.streak == HABIT:
            self._say(TOO_OFTEN)

    def _say(self, what: str, **numbers: int) -> None:
        if what not in self.said:
            self.said.add(what)
            warnings.warn(what.format(**numbers), UserWarning, stacklevel=4)
