"""Every rule in both trainers; and optimizers that are not rules of Surefoot, in the loop."""

import numpy as np
import pytest
import torch
from training.going_on import assert_goes_on
from training.test_compiled import entries_of, losses_of, needs_compiler, plan_of
from training.test_trainers import MODELS, ran, task_of
from training.test_ways import assert_alike

import surefoot as sf
from surefoot.core.recipe import Recipe
from surefoot.core.record import Note
from surefoot.training import Compiler, Wanted, choose

RULES = {
    "nadam": 0.01, "radam": 0.01, "adamax": 0.01, "adadelta": 1.0, "lion": 0.003, "lamb": 0.01, "adafactor": 0.01,
    "muon": 0.02, "schedule_free_sgd": 0.5, "schedule_free_adamw": 0.02,
}  # fmt: skip


def text_of(name):
    """Muon multiplies in bfloat16 where it is not told otherwise: too coarse to compare orders of summation."""
    return "muon(precision='full')" if name == "muon" else name


def recipes_of(*names):
    """Each rule twice: as it is, and with decay on the matrices alone, clipped, and at a rate that moves."""
    more = {"weight_decay@matrices": 0.1, "clip_norm": 0.5}
    return [
        recipe
        for name in names
        for recipe in (
            Recipe(name, text_of(name), RULES[name]),
            Recipe(f"{name}, more", text_of(name), 2 * RULES[name], "warmup('20%') >> cosine()", more),
        )
    ]


@pytest.mark.parametrize("name", RULES)
def test_fused_equals_the_loop(name):
    task = task_of(MODELS["convolution" if name in ("muon", "adafactor", "lamb") else "perceptron"])
    recipes = recipes_of(name)
    assert_alike(ran(task, recipes, trainer="fused"), ran(task, recipes, trainer="loop"), rtol=1e-8)


@needs_compiler
def test_compiled_equals_interpreted():
    task = task_of(MODELS["perceptron"])
    entries = entries_of(task, recipes_of("lion", "muon", "adafactor", "schedule_free_adamw"))
    compiler = Compiler(lambda event: None)
    fast, _ = losses_of(task, entries, plan_of(entries, compiled=True), compiler)
    assert len(compiler.steps) == 1
    slow, _ = losses_of(task, entries, plan_of(entries, compiled=False))
    for run, losses in slow.items():
        np.testing.assert_allclose(fast[run], losses, rtol=1e-8)


class Halving(torch.optim.Optimizer):
    """A user's own: counts its steps in the group, and halves its rate with every tenth."""

    def __init__(self, params, lr=0.1, sharpness=1.0):
        super().__init__(params, {"lr": lr, "sharpness": sharpness, "count": 0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group["count"] += 1
            for p in group["params"]:
                if p.grad is not None:
                    kept = self.state[p].setdefault("kept", [torch.zeros_like(p), 0])
                    kept[0].mul_(0.9).add_(p.grad)
                    kept[1] += 1
                    p.add_(kept[0], alpha=-group["lr"] * group["sharpness"] * 0.5 ** (group["count"] // 10))


class Counting(torch.optim.SGD):
    """Keeps what it knows on itself, where torch does not look when it copies or saves an optimizer."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, lr=lr)
        self.count, self.last, self.every = 0, torch.zeros(()), self.param_groups

    def step(self, closure=None):
        self.count += 1
        self.last = self.last + 1
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.div_(self.count + float(self.last))
        return super().step()


def test_what_an_optimizer_keeps_on_itself_forks_and_goes_on():
    task = task_of(MODELS["perceptron"], n=200)
    optimizer = sf.optimizers.torch_class(Counting)
    recipes = [Recipe("one", optimizer, 0.5), Recipe("two", optimizer, 0.5, "multistep(['40%'], factor=0.5)")]
    entries = entries_of(task, recipes, seeds=(0,))
    found = []
    for share in (True, False):
        plan = choose(task, entries, lambda event: None, Wanted("loop", "here", share=share))
        assert len(plan.tiles) == (1 if share else 2)
        found.append(losses_of(task, entries, plan)[0])
        assert_goes_on(task, entries, plan)
    assert found[0] == found[1]


def test_an_optimizer_of_ones_own_goes_to_the_pool():
    task = task_of(MODELS["perceptron"], epochs=1)
    entries = entries_of(task, [Recipe("own", sf.optimizers.torch_class(Halving), 0.1)])
    plans = [choose(task, entries, lambda event: None, Wanted("loop", place)) for place in ("pool", "here")]
    pooled, here = (losses_of(task, entries, plan) for plan in plans)
    assert pooled[0] == here[0]
    assert not [event for event in pooled[1] if isinstance(event, Note)]


def test_an_optimizer_of_ones_own_is_trained_by_the_loop_and_that_is_told():
    task = task_of(MODELS["perceptron"])
    own = Recipe("own", sf.optimizers.torch_class(Halving, sharpness=0.5), 0.1, "linear()")
    found = ran(task, [own, Recipe("adam", "adam", 0.01)])
    assert found["used"] == "loop"
    (note,) = (note for note in found["notes"] if "cannot be stacked" in note)
    assert "Halving" in note
    assert found["losses"][0][-1] < found["losses"][0][0]


FOREIGN = {
    "own": lambda: sf.optimizers.torch_class(Halving),
    "prodigy": lambda: "torch_class('prodigyopt.Prodigy', d_coef=0.5)",
    "schedulefree": lambda: "torch_class('schedulefree.AdamWScheduleFree', warmup_steps=3)",
    "pytorch_optimizer": lambda: "torch_class('pytorch_optimizer.Lion')",
}
PACKAGES = {"prodigy": "prodigyopt", "schedulefree": "schedulefree", "pytorch_optimizer": "pytorch_optimizer"}


@pytest.mark.parametrize("name", [*FOREIGN, *RULES])
@pytest.mark.filterwarnings("ignore")  # of those packages
def test_any_optimizer_goes_on_from_a_checkpoint_with_the_very_numbers(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"pip install {PACKAGES[name]}")
    task = task_of(lambda: torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)), n=200)
    optimizer = FOREIGN[name]() if name in FOREIGN else name if "free" in name else f"{name}(ema=0.5)"
    entries = entries_of(task, [Recipe(name, optimizer, 0.05, "linear()")], seeds=(0, 1))
    for trainer in ("loop", "fused") if name in RULES else ("loop",):
        plan = choose(task, entries, lambda event: None, Wanted(trainer, "here", compiled=False))
        assert plan.trainer == trainer
        assert_goes_on(task, entries, plan)
