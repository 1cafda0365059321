"""Ways of training that every optimizer has: chosen parameters, clipping, averages, portions, bfloat16, patience."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training.going_on import assert_goes_on
from training.test_compiled import entries_of, losses_of, needs_compiler, plan_of
from training.test_trainers import MODELS, Double, ran, task_of

from surefoot.core.errors import RecipeError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Finished, Observed
from surefoot.core.units import Clock
from surefoot.training import Compiler, Wanted, bind, check_parts, choose
from surefoot.training.trainer import initial_model, order

PARTS = {"weight_decay@vectors": 0, "lr@*.weight": 0.02, "momentum@body.0.weight|body.0.bias": "0.5 * linear()"}
RECIPES = {
    "chosen parameters": Recipe("parts", "sgd(momentum=0.9, weight_decay=0.1)", 0.1, "cosine()", PARTS),
    "other parts": Recipe("others", "adamw(weight_decay=0.1)", 0.01, "linear()", {"weight_decay@vectors": 0}),
    "norm": Recipe("norm", "sgd(momentum=0.9, clip_norm=0.1)", 0.1),
    "norm, scheduled": Recipe("norm 2", "sgd(momentum=0.9)", 0.1, "cosine()", {"clip_norm": "0.2 * linear(end=0.1)"}),
    "value": Recipe("value", "adam(clip_value=0.01)", 0.01),
    "average": Recipe("average", "adam(ema=0.9)", 0.01),
    "all": Recipe("all", "adam(ema=0.8, clip_norm=0.1)", 0.01, "cosine()", {"weight_decay@vectors": 0.5}),
    "none": Recipe("none", "sgd(momentum=0.9)", 0.1),
}


def assert_alike(fused, loop, rtol=1e-9):
    assert (fused["used"], loop["used"]) == ("fused", "loop")
    for run, losses in loop["losses"].items():
        np.testing.assert_allclose(fused["losses"][run], losses, rtol=rtol)
        for ours, theirs in zip(fused["seen"][run], loop["seen"][run], strict=True):
            assert ours.values == pytest.approx(theirs.values, rel=rtol)


@pytest.mark.parametrize("name", ["perceptron", "batch norm"])
def test_fused_equals_the_loop(name):
    task = task_of(MODELS[name])
    recipes = list(RECIPES.values())
    assert_alike(ran(task, recipes, trainer="fused"), ran(task, recipes, trainer="loop"))


@needs_compiler
def test_compiled_equals_interpreted():
    task = task_of(MODELS["perceptron"])
    recipes = [RECIPES[name] for name in ("chosen parameters", "norm", "norm, scheduled", "none", "all")]
    entries = entries_of(task, recipes)
    compiler = Compiler(lambda event: None)
    fast, _ = losses_of(task, entries, plan_of(entries, compiled=True), compiler)
    assert len(compiler.steps) == 1
    slow, _ = losses_of(task, entries, plan_of(entries, compiled=False))
    for run, losses in slow.items():
        np.testing.assert_allclose(fast[run], losses, rtol=1e-9)


def by_hand(task, make, *, seed=3, clip=None, ema=None, portions=1, epochs=None):
    """A plain loop: the losses of all updates, and the validation loss after each epoch."""
    model = initial_model(task, seed)
    optimizer, adjust = make(model)
    average = copy.deepcopy(model) if ema else None
    losses, looks = [], []
    for epoch in range(epochs or task.epochs):
        for batch in order(task, seed, epoch).split(task.batch_size):
            adjust(optimizer, len(losses))
            x, y = task.train.x[batch], task.train.y[batch]
            optimizer.zero_grad()
            total = 0.0
            for part_x, part_y in zip(x.chunk(portions), y.chunk(portions), strict=True):
                share = len(part_x) / len(x)
                loss = F.cross_entropy(model(part_x), part_y) * share
                loss.backward()
                total += loss.item()
            losses.append(total)
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip, foreach=False)
            optimizer.step()
            if ema:
                with torch.no_grad():
                    for mine, p in zip(average.parameters(), model.parameters(), strict=True):
                        mine.lerp_(p, 1.0 if len(losses) == 1 else 1 - ema)
        with torch.no_grad():
            looks.append(F.cross_entropy((average or model).eval()(task.watched.x), task.watched.y).item())
            model.train()
    return losses, looks


def trained(task, recipe, **options):
    found = ran(task, [recipe], seeds=(3,), trainer="loop")
    return found["losses"][0], [each.values["loss"] for each in found["seen"][0]]


def test_chosen_parameters_are_torchs_parameter_groups():
    task = task_of(MODELS["perceptron"])
    curve = bind(Recipe("c", "sgd", 1.0, "cosine()"), Clock(task.steps, task.steps_per_epoch)).curves["lr"]

    def make(model):
        weights = [p for p in model.parameters() if p.ndim > 1]
        biases = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, foreach=False), adjust

    def adjust(optimizer, step):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * curve(step)

    recipe = Recipe("adamw", "adamw(weight_decay=0.1)", 0.01, "cosine()", {"weight_decay@vectors": 0})
    assert trained(task, recipe) == by_hand(task, make)


def plain(optimizer, **options):
    return lambda model: (optimizer(model.parameters(), foreach=False, **options), lambda *_: None)


def test_clipping_and_averages_are_those_of_a_loop_by_hand():
    task = task_of(MODELS["perceptron"])
    recipe = Recipe("all", "adam(clip_norm=0.1, ema=0.9)", 0.01)
    assert trained(task, recipe) == by_hand(task, plain(torch.optim.Adam, lr=0.01), clip=0.1, ema=0.9)


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_a_batch_in_portions_has_the_gradient_of_the_batch(trainer):
    whole, parts = (task_of(MODELS["perceptron"], accumulate=n) for n in (1, 4))
    recipe = RECIPES["none"]
    found = (ran(task, [recipe], trainer=trainer)["losses"].values() for task in (parts, whole))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    if trainer == "loop":
        found = by_hand(parts, plain(torch.optim.SGD, lr=0.1, momentum=0.9), portions=4)
        np.testing.assert_allclose(trained(parts, recipe)[0], found[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["batch norm", "dropout"])
def test_portions_are_alike_in_both_trainers(name):
    """Batch statistics and masks are those of a portion."""
    task = task_of(MODELS[name], accumulate=3)
    recipes = [RECIPES["none"], RECIPES["all"]]
    assert_alike(ran(task, recipes, trainer="fused"), ran(task, recipes, trainer="loop"))


class Single(nn.Sequential):
    """In float32, which autocast makes bfloat16 of."""


def test_bfloat16_is_torchs_autocast():
    model = lambda: Single(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))  # noqa: E731
    task, exact = task_of(model, precision="bf16", epochs=6), task_of(model, epochs=6)
    recipe = RECIPES["none"]
    losses, _ = trained(task, recipe)
    alone = initial_model(task, 3)
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.1, momentum=0.9, foreach=False)
    batches = [batch for epoch in range(6) for batch in order(task, 3, epoch).split(task.batch_size)]
    for step, batch in enumerate(batches):
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(alone(task.train.x[batch]), task.train.y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert losses[step] == loss.item()
    full, _ = trained(exact, recipe)
    assert losses != full
    np.testing.assert_allclose(losses, full, rtol=0.05)
    looks = ran(task, [recipe], seeds=(3,), trainer="loop")["seen"][0]
    assert any(torch.tensor(look.values["loss"]).bfloat16().item() != look.values["loss"] for look in looks)
    fused = ran(task, [recipe], seeds=(3,), trainer="fused")
    assert fused["used"] == "fused"
    np.testing.assert_allclose(fused["losses"][0], losses, rtol=0.05)


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_a_run_that_stops_improving_is_over(trainer):
    """The rate is zero from the third epoch on: two looks later nothing has improved."""
    task = task_of(MODELS["dropout"], epochs=9, patience=2)
    stuck = Recipe("stuck", "sgd", 0.1, "constant(over='2ep') >> constant(0.0)")
    found = ran(task, [stuck, RECIPES["none"]], seeds=(0,), trainer=trainer)
    curve = [seen.values[task.rank.name] for seen in found["seen"][0]]
    best = int(np.argmax(curve))
    assert len(curve) == best + 3 < 9
    assert len(found["losses"][0]) == len(curve) * task.steps_per_epoch
    assert 0 not in found["diverged"]
    assert isinstance(found["finished"][0], Finished)
    patient = ran(task_of(MODELS["dropout"], epochs=9), [stuck, RECIPES["none"]], seeds=(0,), trainer=trainer)
    assert patient["losses"][0][: len(found["losses"][0])] == pytest.approx(found["losses"][0], rel=1e-9)
    assert patient["losses"][1][: len(found["losses"][1])] == pytest.approx(found["losses"][1], rel=1e-9)


@pytest.mark.parametrize(
    ("hyper", "told"),
    [
        (
            {"weight_decay@tail.*": 0},
            "weight_decay@tail.*: no parameter of the model is meant. Its parameters: body",
        ),
        ({"lr@body.0.*": 1, "lr@vectors": 2}, "'body.0.bias' is matched by both lr@body.0.* and lr@vectors"),
    ],
)
def test_patterns_that_do_not_fit_are_refused_with_the_recipe(hyper, told):
    task = task_of(MODELS["perceptron"])
    policy = bind(Recipe("mine", "sgd", 0.1, hyper=hyper), Clock(task.steps, task.steps_per_epoch))
    with pytest.raises(RecipeError) as refused:
        check_parts(task, [policy])
    assert str(refused.value).startswith(f"recipe 'mine': {told}")


def test_what_is_of_the_whole_model_is_not_of_a_part():
    with pytest.raises(RecipeError, match="clip_norm is of the whole model; received 'clip_norm@vectors'"):
        bind(Recipe("mine", "sgd", 0.1, hyper={"clip_norm@vectors": 1}), Clock(10))
    with pytest.raises(RecipeError, match="sgd has no hyperparameter 'beta1'"):
        bind(Recipe("mine", "sgd", 0.1, hyper={"beta1@vectors": 1}), Clock(10))


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_averages_parts_and_patience_go_on_from_a_checkpoint(trainer):
    model = lambda: Double(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))  # noqa: E731
    task = task_of(model, n=300, epochs=8, accumulate=2, patience=2)
    recipes = [RECIPES["all"], RECIPES["average"], RECIPES["other parts"], Recipe("still", "sgd", 1e-9)]
    entries = entries_of(task, recipes, seeds=(0,))
    plan = choose(task, entries, lambda event: None, Wanted(trainer, "here", compiled=False))
    events = assert_goes_on(task, entries, plan)
    looks = [event for event in events if isinstance(event, Observed) and event.run == 3]
    assert len(looks) == 3  # nothing improves, so it ends early
