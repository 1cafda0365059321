"""The use cases: plan, train, store, analyse."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from surefoot.studies.compare import compare, plan
from surefoot.studies.find import find
from surefoot.studies.recipes import RecipeSet, load_recipes, recipe_sets
from surefoot.studies.train import Trained, folder_of, train, winner
from surefoot.studies.tune import tune
from surefoot.studies.unfinished import command_to_go_on, is_finished, unfinished

if TYPE_CHECKING:
    from surefoot.studies.tuned import Tuned

__all__ = [
    "RecipeSet",
    "Trained",
    "Tuned",
    "command_to_go_on",
    "compare",
    "find",
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


def __getattr__(name: str) -> Any:
    if name == "Tuned":  # it draws, which a search does not
        return import_module("surefoot.studies.tuned").Tuned
    raise AttributeError(f"module 'surefoot.studies' has no attribute {name!r}")
