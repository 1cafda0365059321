"""A run: a recipe with a seed on a task."""

from attrs import frozen

from surefoot.core.recipe import Recipe


@frozen
class Run:
    """One training of one recipe. `index` names it within its study, `key` names its content anywhere."""

    index: int
    recipe: Recipe
    seed: int
    key: str = ""
