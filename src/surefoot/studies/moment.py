"""What was known for best from a moment of a search on."""

from attrs import frozen

from surefoot.core.recipe import Recipe


@frozen
class Moment:
    """Seconds since the process began, full runs spent, and the recipe to take if all ended then. `confirmed`: on fresh
    seeds."""

    seconds: float
    spent: float
    recipe: Recipe
    confirmed: bool = False
