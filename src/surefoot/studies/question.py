"""What a search is asked: a task, a space, seeds and a budget, checked before anything is trained."""

import json
from collections.abc import Mapping
from typing import Any, Self

from attrs import evolve, frozen

from surefoot.core.errors import RecipeError, UsageError
from surefoot.core.history import Facts
from surefoot.core.text import number_of
from surefoot.core.units import Clock
from surefoot.search import Space, Terms, race
from surefoot.search.ladder import cheapest
from surefoot.studies.recipes import RecipeSet
from surefoot.studies.setting import Setting
from surefoot.studies.space import SpaceLike, check_space, described, in_order, load_space, recipe_of

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
RIVALS = 3  # recipes that are confirmed on fresh seeds, at most
HALF = 0.5  # of a budget of time, at most, is for fresh seeds


@frozen
class Share:
    """What a budget comes to: full runs to search, rivals and seeds to confirm, and the seconds of a full run."""

    budget: float
    rivals: int
    fresh: tuple[int, ...]
    each: float


@frozen(eq=False)
class Question:
    """A search before it is made.

    Parameters: `budget`, in full runs, or `seconds`, from which the budget follows once a run was timed.
    """

    setting: Setting
    space: Space
    seeds: tuple[int, ...]
    fresh: tuple[int, ...]
    budget: float
    seconds: float | None

    @classmethod
    def of(
        cls,
        task: Any,
        space: SpaceLike,
        budget: str | float,
        seeds: tuple[int, ...],
        fresh: tuple[int, ...],
        given: Mapping[str, Any],
    ) -> Self:
        """Raises UsageError for what could not be searched; `given` goes to `Setting.of`."""
        asked, (runs, seconds) = load_space(space), budget_of(budget)
        recipes = [recipe_of(arm) for arm in asked.start(asked.schedules[0])]
        setting = Setting.of(task, RecipeSet(recipes), seeds, **given)
        clock = clock_of(setting.facts)
        check_space(asked, clock)
        question = cls(setting, in_order(asked, clock), seeds, fresh, runs, seconds)
        if seconds is None:
            question.check(question.share(1.0))
        return question

    def check(self, share: "Share") -> None:
        """Raises RecipeError for a budget that can decide nothing."""
        try:
            next(race(self.space, terms_of(self.facts(share))))
        except RecipeError as wrong:
            if self.seconds is None:
                raise
            least = cheapest(self.space, terms_of(self.facts(share))) * share.each
            raise RecipeError(
                f"the time is too short to decide anything: a run takes about {share.each:.2g} s here",
                received=f"{self.seconds:g}s",
                remedy=f"give {1.05 * least:.2g}s at least, or a smaller space",
            ) from wrong

    def share(self, each: float) -> "Share":
        """What the search may cost, and what is confirmed. `each`: the seconds of a full run. Of a budget of time fresh
        seeds take up to a half: as many rivals and seeds as fit."""
        count = len(self.fresh)
        if self.seconds is None:
            return Share(self.budget, RIVALS, self.fresh, each)
        runs = self.seconds / each
        fitting = ((RIVALS, count), (2, count), (2, min(2, count)))
        for rivals, seeds in fitting:
            if 0 < rivals * seeds <= HALF * runs:
                return Share(runs - rivals * seeds, rivals, self.fresh[:seeds], each)
        return Share(runs, RIVALS, (), each)

    def facts(self, share: "Share") -> Facts:
        """What is recorded of it."""
        spent = {"budget": share.budget, "rivals": share.rivals, "confirming": list(share.fresh)}
        return evolve(self.setting.facts, search=json.dumps(self.asked() | spent))

    def asked(self) -> dict[str, Any]:
        """The question as plain data: what two searches that are the same have in common."""
        return {
            "space": described(self.space),
            "seeds": list(self.seeds),
            "fresh": list(self.fresh),
            "asked": f"{self.seconds:g}s" if self.seconds else f"{self.budget:g}x",
            "task": self.setting.task.content(),
        }

    def is_of(self, facts: Facts) -> bool:
        """Whether a search that was recorded is this one."""
        known: dict[str, Any] = json.loads(facts.search or "{}")
        for name in ("budget", "rivals", "confirming"):
            known.pop(name, None)
        return json.dumps(known) == json.dumps(self.asked())  # in order, too: a race depends on it


def clock_of(facts: Facts) -> Clock:
    """The horizon of a study."""
    return Clock(facts.steps, facts.steps_per_epoch, facts.batch_size)


def terms_of(facts: Facts) -> Terms:
    """The terms of a search that was recorded; its runs fork."""
    known = json.loads(facts.search)
    seeds, fresh = tuple(known["seeds"]), tuple(known["confirming"])
    return Terms(facts.steps, known["budget"], seeds=seeds, fresh=fresh, cools=True, rivals=known["rivals"])


def space_of(facts: Facts) -> Space:
    """The space of a search that was recorded."""
    return load_space(json.loads(facts.search)["space"])


def budget_of(given: str | float) -> tuple[float, float | None]:
    """Full runs, and seconds where that is what was given: "8x", 8, "90s", "10min", "2h". Raises UsageError.

    >>> budget_of("4x"), budget_of("10min")
    ((4.0, None), (0.0, 600.0))
    """
    text = str(given).strip()
    for unit, seconds in UNITS.items():
        amount = number_of(text.removesuffix(unit)) if text.endswith(unit) else None
        if amount is not None and amount > 0:
            return 0.0, amount * seconds
    runs = number_of(text.removesuffix("x"))
    if runs is None or runs <= 0:
        raise UsageError("this is no budget", received=given, remedy='write "8x" (full runs), or "90s", "10min", "2h"')
    return runs, None
