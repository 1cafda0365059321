"""The use cases: plan, train, store, analyse."""

from surefoot.studies.compare import compare
from surefoot.studies.recipes import RecipeSet, load_recipes, recipe_sets

__all__ = ["RecipeSet", "compare", "load_recipes", "recipe_sets"]
