"""The compiled step: the interpreted one's numbers, compiled once or twice, and never in the way."""

import numpy as np
import pytest
import torch
from torch import nn
from training.test_trainers import MODELS, RECIPES, Double, task_of

from surefoot.core.recipe import Recipe
from surefoot.core.record import Doing, Losses, Note
from surefoot.core.run import Run
from surefoot.core.units import Clock
from surefoot.training import Compiler, Entry, Plan, Wanted, bind, choose, train
from surefoot.training.compiler import compiler_found
from surefoot.training.layout import divide, layout_of, size, tiled

needs_compiler = pytest.mark.skipif(not compiler_found(), reason="there is no C++ compiler")
VARIED = [
    *RECIPES,
    Recipe("rmsprop", "rmsprop(momentum=0.5)", 0.01, "cosine()"),
    Recipe("adagrad", "adagrad", 0.05),
    Recipe("plain", "sgd", 0.1),
]


def entries_of(task, recipes, seeds=(0, 1)):
    clock = Clock(task.steps, task.steps_per_epoch)
    pairs = [(recipe, seed) for recipe in recipes for seed in seeds]
    return [Entry(Run(i, recipe, seed), bind(recipe, clock)) for i, (recipe, seed) in enumerate(pairs)]


def plan_of(entries, *, compiled, most=100):
    rows = [entry.row() for entry in entries]
    tiles = divide(rows, [[k] for k in range(len(rows))], tiled(layout_of(rows), most))
    return Plan("fused", "here", compiled, torch.get_num_threads(), most, tiles)


def losses_of(task, entries, plan, compiler=None, **options):
    events = []
    train(task, entries, plan, events.append, compiler=compiler, **options)
    losses = {entry.run.index: [] for entry in entries}
    for event in events:
        if isinstance(event, Losses):
            losses[event.run] += list(event.values)
    return losses, events


@needs_compiler
@pytest.mark.parametrize(("name", "recipes"), [("batch norm", VARIED), ("convolution", RECIPES[1:3])])
def test_compiled_equals_interpreted(name, recipes):
    """Of every rule and schedule, in tiles that have more slots than rows: in float64, at most 1e-9 apart."""
    task = task_of(MODELS[name])
    entries = entries_of(task, recipes, seeds=(0, 1, 2))
    compiler = Compiler(lambda event: None)
    plan = plan_of(entries, compiled=True, most=2 * len(recipes))
    assert len(plan.tiles) > 1
    fast, events = losses_of(task, entries, plan, compiler)
    assert not [event for event in events if isinstance(event, Note)]
    assert len(compiler.steps) == 1  # all tiles share it
    slow, _ = losses_of(task, entries, plan_of(entries, compiled=False))
    for run, losses in slow.items():
        assert len(losses) == task.steps
        np.testing.assert_allclose(fast[run], losses, rtol=1e-9)


WILD = Recipe("wild", "sgd(weight_decay=1e30)", 1e30)


@needs_compiler
def test_survivors_keep_their_numbers_on_the_lower_rung(monkeypatch):
    """Two of three rows diverge at once: the layout shrinks, which compiles once more, and changes no number."""
    monkeypatch.setattr("surefoot.training.fused.COMPILATION", 0.0)
    task = task_of(MODELS["dropout"], n=300, epochs=3)
    entries = entries_of(task, [WILD, *RECIPES[:1]], seeds=range(4)) + entries_of(task, [WILD], seeds=range(4))
    entries = [Entry(Run(i, e.run.recipe, e.run.seed), e.policy) for i, e in enumerate(entries)]
    compiler = Compiler(lambda event: None)
    found, _ = losses_of(task, entries, plan_of(entries, compiled=True), compiler)
    assert [size(layout) for layout, _ in compiler.steps] == [12, 4]
    alone = [entry for entry in entries if entry.run.recipe is not WILD]
    expected, _ = losses_of(task, alone, plan_of(alone, compiled=False))
    for run, losses in expected.items():
        np.testing.assert_allclose(found[run], losses, rtol=1e-10)


@needs_compiler
def test_a_compiler_that_fails_is_told_once_and_harms_nothing():
    from torch._inductor import config

    task = task_of(lambda: Double(nn.Linear(6, 11), nn.SiLU(), nn.Linear(11, 3)))  # compiled nowhere else
    entries = entries_of(task, RECIPES[:1], seeds=range(4))
    with config.patch({"cpp.cxx": ("false",)}):
        found, events = losses_of(task, entries, plan_of(entries, compiled=True, most=2))
    (note,) = [event.text for event in events if isinstance(event, Note)]
    assert "the compiler failed" in note
    assert found == losses_of(task, entries, plan_of(entries, compiled=False, most=2))[0]


def test_without_a_compiler_the_step_is_interpreted_and_that_is_told(monkeypatch):
    monkeypatch.setattr("surefoot.training.choice.compiler_found", lambda device: False)
    task = task_of(MODELS["perceptron"])
    events = []
    plan = choose(task, entries_of(task, RECIPES), events.append, Wanted("fused", compiled=True))
    assert (plan.trainer, plan.compiled) == ("fused", False)
    assert any("no C++ compiler was found" in event.text for event in events if isinstance(event, Note))


def test_a_short_training_does_not_wait_for_a_compiler():
    task = task_of(MODELS["perceptron"])
    events = []
    plan = choose(task, entries_of(task, RECIPES), events.append)
    assert not plan.compiled
    assert not [event for event in events if isinstance(event, Doing)]


@pytest.mark.parametrize(
    ("wanted", "trainer", "place"),
    [
        (Wanted(place="pool"), "loop", "pool"),
        (Wanted("fused", "pool"), "fused", "pool"),
        (Wanted("loop", "here"), "loop", "here"),
        (Wanted("fused"), "fused", "here"),
    ],
)
def test_what_was_asked_for_is_taken(wanted, trainer, place):
    task = task_of(MODELS["perceptron"])
    plan = choose(task, entries_of(task, RECIPES), lambda event: None, wanted)
    assert (plan.trainer, plan.place) == (trainer, place)
    assert sorted(run for tile in range(len(plan.tiles)) for run in plan.runs(tile)) == list(range(2 * len(RECIPES)))


@pytest.mark.parametrize(("times", "stacks"), [(1.9, False), (1.2, True)])
def test_what_is_arithmetic_is_not_stacked(times, stacks, monkeypatch):
    """A step that takes about twice as long for twice the samples has little around it that rows could share."""
    from surefoot.training import choice

    task = task_of(MODELS["perceptron"])

    def measured(self, trainer, rows, size):
        return 10.0 if trainer.name == "fused" else 1.0 if size < task.batch_size else times

    monkeypatch.setattr(choice._Choice, "_measured", measured)
    monkeypatch.setattr(choice, "compiler_found", lambda kind: False)
    events = []
    plan = choose(task, entries_of(task, RECIPES), events.append)
    told = any("twice the samples take 1.90 times as long" in event.text for event in events if isinstance(event, Note))
    assert told != stacks
    assert stacks or plan.trainer == "loop"
    assert choose(task, entries_of(task, RECIPES), events.append, Wanted("fused", "here")).trainer == "fused"
