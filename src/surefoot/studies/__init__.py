"""The use cases: plan, train, store, analyse."""

from surefoot.studies.compare import compare, plan
from surefoot.studies.find import find
from surefoot.studies.recipes import RecipeSet, load_recipes, recipe_sets
from surefoot.studies.train import Trained, folder_of, train, winner
from surefoot.studies.unfinished import command_to_go_on, is_finished, unfinished

__all__ = [
    "RecipeSet",
    "Trained",
    "command_to_go_on",
    "compare",
    "find",
    "folder_of",
    "is_finished",
    "load_recipes",
    "plan",
    "recipe_sets",
    "train",
    "unfinished",
    "winner",
]
