"""Models with several inputs, dicts of inputs, outputs of any form, shared and frozen weights: the trainers agree."""

from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training.test_compiled import entries_of, losses_of, needs_compiler, plan_of
from training.test_trainers import RECIPES, Double, ran

from surefoot.core.task import Metric, Task
from surefoot.tasks import prepare
from surefoot.training import Compiler

DRAW = torch.Generator().manual_seed(0)
N = 70
A, B = (torch.randn(N, 4, generator=DRAW, dtype=torch.float64) for _ in range(2))
TOKENS = torch.randint(0, 9, (N, 5), generator=DRAW)
MASK = torch.rand(N, 5, generator=DRAW) < 0.8
Y = torch.randint(0, 3, (N,), generator=DRAW)
Both = namedtuple("Both", "classes sizes")


class Pair(Double):
    """Two inputs by place, or by name."""

    def __init__(self):
        super().__init__(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
        self.other = nn.Linear(4, 3).double()

    def forward(self, left, right=None):
        return super().forward(left) + self.other(right)


class Nested(Pair):
    """A tree within the arguments."""

    def forward(self, sides, scale):
        return super().forward(**sides) * scale


class Heads(Pair):
    """Returns a dict with a tuple, nothing, and a number in it."""

    def forward(self, left, right):
        classes = super().forward(left, right)
        return {"classes": classes, "rest": (left.sum(1), None), "kind": 7}


class Auxiliary(Pair):
    """Returns more in train mode than in eval mode, as some image models do."""

    def forward(self, left, right):
        outputs = super().forward(left, right)
        return Both(outputs, self.other(right).mean()) if self.training else Both(outputs, right.mean(1))


class Tied(nn.Module):
    """Predicts tokens with the weights that it looks them up with."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 9, bias=False)
        self.head.weight = self.embed.weight
        self.double()

    def forward(self, ids, mask):
        found = self.norm(self.embed(ids) * mask.unsqueeze(-1))
        return self.head(found).transpose(1, 2)


class Mixed(Double):
    """A frozen layer, and buffers: a running mean, a count of batches, a count of its own."""

    def __init__(self):
        super().__init__(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
        self.body[0].requires_grad_(False)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        if self.training:
            self.seen.add_(len(x))
        return super().forward(x) + self.seen % 3


def on_classes(outputs, targets):
    return F.cross_entropy(outputs["classes"], targets["classes"]) + F.mse_loss(outputs["rest"][0], targets["sums"])


def right(outputs, targets):
    assert outputs["rest"][1] is None
    assert outputs["kind"] == 7
    return (outputs["classes"].argmax(1) == targets["classes"]).double().mean()


def with_auxiliary(outputs, targets):
    return F.cross_entropy(outputs.classes, targets) + 0.1 * outputs.sizes.mean()


TASKS = {
    "two inputs": {"model": Pair, "train": ((A, B), Y)},
    "a list of inputs": {"model": Pair, "train": ([A, B], Y)},
    "a dict of inputs": {"model": Pair, "train": ({"right": B, "left": A}, Y)},
    "one dict with its labels": {"model": Pair, "train": {"labels": Y, "right": B, "left": A}},
    "nested inputs": {"model": Nested, "train": (({"left": A, "right": B}, B[:, :1]), Y)},
    "trees of outputs and targets": {
        "model": Heads,
        "train": ((A, B), {"classes": Y, "sums": A.sum(1)}),
        "loss": on_classes,
        "metrics": [Metric("right", right)],
    },
    "outputs that differ in train mode": {
        "model": Auxiliary,
        "train": ((A, B), Y),
        "loss": with_auxiliary,
        "metrics": [Metric("size", lambda outputs, targets: outputs.sizes.mean())],
    },
    "tied weights": {"model": Tied, "train": ({"ids": TOKENS, "mask": MASK}, TOKENS)},
    "frozen weights and counts": {"model": Mixed, "train": (A, Y)},
}


def task_of(**given):
    defaults = {"name": "made", "loss": "cross_entropy", "batch_size": 16, "epochs": 2}
    return prepare(Task(**defaults | given))


def assert_equal(fused, loop, task):
    assert (fused["used"], loop["used"]) == ("fused", "loop")
    assert fused["notes"] == []
    for run, losses in loop["losses"].items():
        assert len(losses) == task.steps
        np.testing.assert_allclose(fused["losses"][run], losses, rtol=1e-9)
        for ours, theirs in zip(fused["seen"][run], loop["seen"][run], strict=True):
            assert ours.values == pytest.approx(theirs.values, rel=1e-9)


@pytest.mark.parametrize("name", TASKS)
def test_fused_equals_the_loop(name):
    task = task_of(**TASKS[name])
    assert_equal(ran(task, trainer="fused"), ran(task, trainer="loop"), task)


def test_inputs_by_place_and_by_name_are_the_same():
    losses = [ran(task_of(**TASKS[name]), RECIPES[:1])["losses"] for name in list(TASKS)[:4]]
    assert all(each == losses[0] for each in losses)


def test_a_test_set_of_trees_is_measured_in_parts(monkeypatch):
    """However many samples a forward pass has, the outputs are put together in order."""
    from surefoot.training import loop, stack

    task = task_of(**TASKS["trees of outputs and targets"])
    whole = [ran(task, RECIPES[:1], trainer=trainer)["seen"] for trainer in ("fused", "loop")]
    monkeypatch.setattr(loop, "EVALUATED", 3)
    monkeypatch.setattr(stack, "OUTPUTS", 100)
    parts = [ran(task, RECIPES[:1], trainer=trainer)["seen"] for trainer in ("fused", "loop")]
    for a, b in zip(whole, parts, strict=True):
        for run in a:
            assert [seen.values for seen in b[run]] == [pytest.approx(seen.values, rel=1e-12) for seen in a[run]]


@needs_compiler
def test_the_compiled_step_takes_trees():
    task = task_of(**TASKS["trees of outputs and targets"])
    entries = entries_of(task, RECIPES[:1])
    compiler = Compiler(lambda event: None)
    fast, _ = losses_of(task, entries, plan_of(entries, compiled=True), compiler)
    plain, _ = losses_of(task, entries, plan_of(entries, compiled=False))
    assert len(compiler.steps) == 1
    for run, losses in plain.items():
        np.testing.assert_allclose(fast[run], losses, rtol=1e-9)


def bert():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3,
        max_position_embeddings=8,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config).double()


BERT = {
    "model": bert,
    "loss": lambda outputs, y: F.cross_entropy(outputs.logits, y),
    "metrics": [Metric("right", lambda outputs, y: (outputs.logits.argmax(1) == y).double().mean())],
}


def test_a_model_of_transformers_trains_stacked():
    """Its outputs are its own kind of tree; the loss looks its logits up by name."""
    task = task_of(train={"input_ids": TOKENS, "labels": Y}, **BERT)
    assert_equal(ran(task, RECIPES[:3], trainer="fused"), ran(task, RECIPES[:3], trainer="loop"), task)


def test_a_model_of_transformers_that_looks_at_its_mask_goes_to_the_loop():
    data = {"input_ids": TOKENS, "attention_mask": MASK.long(), "labels": Y}
    found = ran(task_of(train=data, **BERT), RECIPES[:1])
    assert found["used"] == "loop"
    assert "control flow" in found["notes"][0]
