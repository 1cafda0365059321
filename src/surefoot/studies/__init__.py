"""The use cases: plan, train, store, analyse."""

from surefoot.studies.compare import compare, plan
from surefoot.studies.recipes import RecipeSet, load_recipes, recipe_sets
from surefoot.studies.unfinished import command_to_go_on, is_finished, unfinished

__all__ = [
    "RecipeSet",
    "command_to_go_on",
    "compare",
    "is_finished",
    "load_recipes",
    "plan",
    "recipe_sets",
    "unfinished",
]
