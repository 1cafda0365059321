"""The use cases: plan, train, store, analyse."""

from surefoot.studies.compare import compare, plan
from surefoot.studies.recipes import RecipeSet, load_recipes, recipe_sets
from surefoot.studies.train import Trained, folder_of, train, winner
from surefoot.studies.tune import tune
from surefoot.studies.tuned import Tuned
from surefoot.studies.unfinished import command_to_go_on, is_finished, unfinished

__all__ = [
    "RecipeSet",
    "Trained",
    "Tuned",
    "command_to_go_on",
    "compare",
    "folder_of",
    "is_finished",
    "load_recipes",
    "plan",
    "recipe_sets",
    "train",
    "tune",
    "unfinished",
    "winner",
]
