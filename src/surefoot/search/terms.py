"""On what terms a race is run."""

from typing import Any

from attrs import field, frozen

from surefoot.core.errors import RecipeError
from surefoot.search.space import Space

CONSTANT = "constant()"
COOLED = 0.2  # of the steps so far: how long a fork cools, its rate falling to 0, to show what a trunk would end as


def cooling(step: int) -> int:
    """How many steps a fork cools."""
    return max(1, round(COOLED * step))


def _positive(owner: Any, attribute: Any, value: Any) -> None:
    if not value > 0:
        raise RecipeError(f"a race needs a {attribute.name} above 0", received=value)


@frozen
class Terms:
    """What a race may spend, and what its ground can do.

    Parameters:
        horizon: steps of a whole run.
        budget: what the search may cost, in full runs; fresh seeds come on top.
        grain: steps between two moments at which anything can be seen.
        seeds: those that every arm is trained on.
        fresh: those that the winner and its rivals are confirmed on; none where the ground has none.
        cools: whether arms can be forked: then trunks are at constant rate, and are ranked on forks that cool.
        rivals: how many arms are confirmed at most.
    """

    horizon: int = field(validator=_positive)
    budget: float = field(validator=_positive)
    grain: int = field(default=1, validator=_positive)
    seeds: tuple[int, ...] = (0,)
    fresh: tuple[int, ...] = ()
    cools: bool = False
    rivals: int = 3

    def trunk(self, space: Space) -> str:
        """The schedule of the rows that climb the ladder."""
        return CONSTANT if self.cools else space.schedules[0]

    def is_cooled(self, space: Space) -> bool:
        """Whether trunks are ranked on what they would end as: not where the rate is to stay as it is, nor where there
        is no time to cool."""
        return self.cools and space.schedules != (CONSTANT,) and self.horizon > 1

    def cost(self, start: int, stop: int, *, cooled: bool) -> float:
        """What it takes to train an arm from one step to another, in full runs."""
        return len(self.seeds) * (stop - start + (cooling(stop) if cooled else 0)) / self.horizon
