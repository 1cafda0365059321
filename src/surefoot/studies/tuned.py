"""What a search found, driven again over what was recorded of it."""

from collections.abc import Sequence
from typing import Any, Self

from attrs import frozen

from surefoot.core.errors import SurefootError
from surefoot.core.history import Study
from surefoot.core.recipe import Recipe
from surefoot.search import Decision, Outcome, Space, Terms, drive, race
from surefoot.studies.ground import Recorded, Replayed, UnfinishedError
from surefoot.studies.legs import Roster
from surefoot.studies.question import clock_of, space_of, terms_of
from surefoot.studies.space import recipe_of


@frozen(eq=False, repr=False)
class Tuned:
    """What a search found."""

    study: Study
    space: Space
    terms: Terms
    outcome: Outcome | None
    decisions: tuple[Decision, ...]
    cost: float
    roster: Roster
    moments: Sequence[Any] = ()
    lang: str = "en"

    @classmethod
    def of(cls, study: Study, moments: Sequence[Any] = (), lang: str = "en") -> Self:
        """From a study as recorded, finished or not."""
        facts, paused = study.facts, {}
        for run in study.runs:
            if run.status == "paused":
                paused[run.run.index] = len(run.losses)
        space, terms = space_of(facts), terms_of(facts)
        roster = Roster(clock_of(facts), facts.samples[facts.watched])
        ground = Replayed(roster, Recorded.of(study, paused), facts.rank, 1 if facts.goal == "max" else -1)
        decisions: list[Decision] = []
        outcome = None
        try:
            outcome = drive(race(space, terms), ground, lambda ask: decisions.extend(ask.decisions))
            decisions += outcome.decisions
        except UnfinishedError:
            pass
        return cls(study, space, terms, outcome, tuple(decisions), roster.spent, roster, moments, lang)

    @property
    def best(self) -> Recipe:
        """The winner. Raises SurefootError where there is none."""
        if self.outcome is None or not self.outcome.ranking:
            raise SurefootError("nothing was found")
        return recipe_of((self.outcome.rivals or self.outcome.ranking)[0])
