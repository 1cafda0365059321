"""A training goes on from any of its checkpoints with the very numbers."""

import pytest
from training.going_on import assert_goes_on
from training.test_compiled import WILD, entries_of
from training.test_trainers import MODELS, RECIPES, task_of

from surefoot.core.recipe import Recipe
from surefoot.training import Wanted, choose


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_a_checkpoint_goes_on_with_the_very_numbers(trainer):
    """With dropout, a plateau, and rows that diverge early and late."""
    task = task_of(MODELS["dropout"], n=700, epochs=3)
    late = Recipe("late", "sgd", 1.0, "constant(1e-9, over=40) >> constant(1e30)", {"weight_decay": "1e30 * cosine()"})
    entries = entries_of(task, [WILD, *RECIPES, late])
    plan = choose(task, entries, lambda event: None, Wanted(trainer, "here", compiled=False, most=6))
    assert_goes_on(task, entries, plan, checkpoints=8)
