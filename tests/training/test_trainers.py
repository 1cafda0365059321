"""The two trainers agree, on every kind of model; and the loop is what anyone would write by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surefoot.core.errors import TaskError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Finished, Losses, Note, Observed, Progress
from surefoot.core.run import Run
from surefoot.core.task import Metric, Task
from surefoot.core.units import Clock
from surefoot.tasks import prepare
from surefoot.training import Entry, Wanted, bind, choose, train
from surefoot.training.fused import FusedTrainer
from surefoot.training.loop import LoopTrainer
from surefoot.training.trainer import Updates, initial_model, order

RECIPES = [
    Recipe("momentum", "sgd(momentum=0.9)", 0.05, "warmup('30%') >> cosine()"),
    Recipe("one cycle", "sgd(momentum=0.9)", 0.05, "one_cycle()", {"momentum": "one_cycle_momentum()"}),
    Recipe("adam", "adam(weight_decay=0.01)", 0.01, "step('1ep', factor=0.5)"),
    Recipe("keras", "keras.Adam()", 0.01, "plateau(0.5, patience=0)", {"beta1": 0.8}),
]


class Double(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers).double()

    def forward(self, x):
        return self.body(x)


class Tokens(nn.Module):
    """An embedding and a transformer layer with dropout."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.head = nn.Linear(8, 3)
        self.double()

    def forward(self, x):
        return self.head(self.layer(self.embed(x)).mean(1))


class Frozen(Double):
    def __init__(self):
        super().__init__(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        self.body[0].requires_grad_(False)


class Idle(Double):
    """Has a layer that it does not use."""

    def __init__(self):
        super().__init__(nn.Linear(6, 3))
        self.spare = nn.Linear(2, 2)


class Branching(Double):
    """Looks at its values: rows cannot share that."""

    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


class Noisy(Double):
    """Draws random numbers of its own."""

    def forward(self, x):
        return super().forward(x + 0.1 * torch.randn_like(x) if self.training else x)


MODELS = {
    "perceptron": lambda: Double(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)),
    "batch norm": lambda: Double(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
    "dropout": lambda: Double(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3), nn.AlphaDropout(0.1)),
    "convolution": lambda: Double(
        *(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.GroupNorm(2, 4), nn.Dropout2d(0.3)),
        *(nn.Flatten(), nn.Linear(8, 3)),
    ),
    "frozen": Frozen,
    "idle": Idle,
    "transformer": Tokens,
}  # fmt: skip


def task_of(model, n=90, batch_size=16, epochs=3, **options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    y = (x @ torch.randn(6, 3, generator=generator, dtype=torch.float64)).argmax(1)
    if model is Tokens:
        x = torch.randint(0, 11, (n, 5), generator=generator)
    given = {"loss": "cross_entropy", "train": (x, y)} | options
    return prepare(Task(name="made", model=model, batch_size=batch_size, epochs=epochs, **given))


def ran(task, recipes=RECIPES, seeds=(0, 1), trainer="auto"):
    """Everything a training says, by kind."""
    runs = [Run(i, r, s) for i, (r, s) in enumerate((r, s) for r in recipes for s in seeds)]
    clock = Clock(task.steps, task.steps_per_epoch)
    events = []
    entries = [Entry(run, bind(run.recipe, clock)) for run in runs]
    wanted = trainer if isinstance(trainer, Wanted) else Wanted(trainer, "here", compiled=False)
    plan = choose(task, entries, events.append, wanted)
    train(task, entries, plan, events.append)
    losses = {run.index: [] for run in runs}
    seen = {run.index: [] for run in runs}
    for event in events:
        if isinstance(event, Losses):
            assert event.start == len(losses[event.run])
            losses[event.run] += list(event.values)
        elif isinstance(event, Observed):
            seen[event.run].append(event.observation)
    return {
        "used": plan.trainer,
        "losses": losses,
        "seen": seen,
        "diverged": {e.run: e.step for e in events if isinstance(e, Diverged)},
        "finished": {e.run: e for e in events if isinstance(e, Finished)},
        "notes": [e.text for e in events if isinstance(e, Note)],
        "progress": [e for e in events if isinstance(e, Progress)],
    }


@pytest.mark.parametrize("name", MODELS)
def test_fused_equals_the_loop(name):
    """In float64 the two differ by rounding alone: over three epochs, at most 1e-9."""
    task = task_of(MODELS[name])
    fused, loop = ran(task, trainer="fused"), ran(task, trainer="loop")
    assert (fused["used"], loop["used"]) == ("fused", "loop")
    assert fused["notes"] == []
    for run, losses in loop["losses"].items():
        assert len(losses) == task.steps
        np.testing.assert_allclose(fused["losses"][run], losses, rtol=1e-9)
        for ours, theirs in zip(fused["seen"][run], loop["seen"][run], strict=True):
            assert ours.step == theirs.step
            assert ours.values == pytest.approx(theirs.values, rel=1e-9)


def test_a_seed_names_weights_and_an_order_for_each_epoch():
    task = task_of(MODELS["perceptron"])
    orders = [order(task, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(each) for each in orders}) == 4
    assert all(sorted(each) == list(range(len(task.train))) for each in orders)
    assert order(task, 0, 1).tolist() == orders[1]
    first, again, other = (initial_model(task, seed).body[0].weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_layer_without_gradient_is_left_alone():
    """Weight decay would move it; torch.optim skips it, and so do both trainers."""
    task, decay = task_of(Idle), Recipe("decay", "adamw(weight_decay=0.5)", 0.1)
    policy = bind(decay, Clock(task.steps, task.steps_per_epoch))
    row = Entry(Run(0, decay, 0), policy).row()
    spare = initial_model(task, 0).spare.weight
    for kind in (FusedTrainer, LoopTrainer):
        trainer = kind(task, [row])
        trainer.advance(Updates(0, {0: torch.arange(8).unsqueeze(0)}, [row.hyper]))
        after = trainer.params["spare.weight"][0] if kind is FusedTrainer else trainer.live[0].model.spare.weight
        assert torch.equal(after, spare)


def test_the_loop_is_the_loop_written_by_hand():
    task = task_of(MODELS["perceptron"])
    (losses,) = ran(task, RECIPES[:1], seeds=(3,), trainer="loop")["losses"].values()
    model = initial_model(task, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, foreach=False)
    curve = bind(RECIPES[0], Clock(task.steps, task.steps_per_epoch)).curves["lr"]
    step = 0
    for epoch in range(task.epochs):
        for batch in order(task, 3, epoch).split(task.batch_size):
            optimizer.param_groups[0]["lr"] = curve(step)
            loss = F.cross_entropy(model(task.train.x[batch]), task.train.y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert losses[step] == loss.item()
            step += 1
    assert step == len(losses)


@pytest.mark.parametrize("trainer", ["fused", "loop"])
@pytest.mark.parametrize("name", ["dropout", "batch norm"])
def test_a_diverging_row_is_recorded_dropped_and_harms_no_other(trainer, name):
    task = task_of(MODELS[name], n=1100, epochs=1)
    wild = Recipe("wild", "sgd(weight_decay=1e30)", 1e30)
    explode = {"weight_decay": "1e30 * (constant(0.0, over=40) >> constant())"}
    late = Recipe("late", "sgd", 1.0, "constant(1e-9, over=40) >> constant(1e30)", explode)
    together = ran(task, [wild, *RECIPES, late], seeds=(0, 1), trainer=trainer)
    alone = ran(task, RECIPES, seeds=(0, 1), trainer=trainer)
    wild_runs, late_runs = (0, 1), (10, 11)
    assert set(together["diverged"]) == {*wild_runs, *late_runs}
    for run in (*wild_runs, *late_runs):
        assert len(together["losses"][run]) == together["diverged"][run]
        assert np.isfinite(together["losses"][run]).all()
    assert all(40 < together["diverged"][run] <= 48 for run in late_runs)
    assert set(together["finished"]) == set(range(12))
    for run in range(8):
        assert together["losses"][run + 2] == alone["losses"][run]
        assert together["seen"][run + 2] == alone["seen"][run]
    assert together["progress"][-1].alive == 8


def test_a_row_that_every_seed_loses_ends_the_training():
    task = task_of(MODELS["batch norm"])
    found = ran(task, [Recipe("wild", "sgd(weight_decay=1e30)", 1e30)], seeds=(0, 1), trainer="fused")
    assert set(found["diverged"]) == set(found["finished"]) == {0, 1}


def test_rows_of_one_seed_share_weights_order_and_masks():
    """The same recipe twice under two names is the same run; another seed is another."""
    task = task_of(MODELS["dropout"])
    twins = [Recipe("a", "adam", 0.01), Recipe("b", "adam", 0.01)]
    for trainer in ("fused", "loop"):
        losses = ran(task, twins, seeds=(0, 1), trainer=trainer)["losses"]
        assert losses[0] == losses[2]
        assert losses[1] == losses[3]
        assert losses[0] != losses[1]


class Reassigned(Double):
    """Keeps a running mean by giving its buffer a new tensor, which a stack does not see."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.register_buffer("mean", torch.zeros(6, dtype=torch.float64))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return super().forward(x - self.mean)


class Unregistered(Double):
    """Has random numbers of its seed that are neither parameter nor buffer."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.scale = torch.rand(6, dtype=torch.float64)

    def forward(self, x):
        return super().forward(x * self.scale)


class Counting(Double):
    """Changes with every call."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) / self.calls


@pytest.mark.parametrize("model", [Reassigned, Unregistered])
def test_a_stack_that_is_another_model_is_noticed(model):
    task = task_of(lambda: model(nn.Linear(6, 3)))
    auto, loop = ran(task), ran(task, trainer="loop")
    assert auto["used"] == "loop"
    assert "differs from that of the model alone" in auto["notes"][0]
    assert auto["losses"] == loop["losses"]


def test_the_trial_leaves_no_trace_in_the_model():
    """A model that counts its calls in training starts from none."""
    task = task_of(lambda: Counting(nn.Linear(6, 3)), epochs=1)
    fused, loop = ran(task, trainer="fused"), ran(task, trainer="loop")
    for run, losses in loop["losses"].items():
        np.testing.assert_allclose(fused["losses"][run], losses, rtol=1e-9)


def test_dropout_that_never_rests_is_measured_the_same_every_time():
    class Restless(Double):
        def forward(self, x):
            return F.dropout(super().forward(x), 0.5, True)

    task = task_of(lambda: Restless(nn.Linear(6, 3)))
    before = torch.get_rng_state()
    for trainer in ("fused", "loop"):
        assert ran(task, trainer=trainer)["seen"] == ran(task, trainer=trainer)["seen"]
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("model", [Branching, Noisy])
def test_what_cannot_be_stacked_falls_back_and_says_why(model):
    task = task_of(lambda: model(nn.Linear(6, 3)))
    auto, loop = ran(task), ran(task, trainer="loop")
    assert auto["used"] == "loop"
    assert auto["losses"] == loop["losses"]
    (note,) = auto["notes"]
    assert "cannot be stacked" in note
    assert ("random" if model is Noisy else "control flow") in note


def test_own_random_numbers_depend_on_seed_and_step_alone():
    task = task_of(lambda: Noisy(nn.Linear(6, 3)))
    together = ran(task, RECIPES[:2], seeds=(0, 1), trainer="loop")["losses"]
    alone = ran(task, RECIPES[1:2], seeds=(1,), trainer="loop")["losses"]
    assert together[3] == alone[0]


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_training_leaves_torchs_random_state_alone(trainer):
    before = torch.get_rng_state()
    ran(task_of(MODELS["dropout"]), RECIPES[:1], trainer=trainer)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("last_batch", "steps"), [("keep", 5), ("drop", 4)])
def test_the_last_short_batch(last_batch, steps):
    """72 training samples in batches of 16: five updates, the last over 8 samples, or four."""
    task = task_of(MODELS["batch norm"], last_batch=last_batch)
    assert task.steps_per_epoch == steps
    for trainer in ("fused", "loop"):
        assert {len(losses) for losses in ran(task, trainer=trainer)["losses"].values()} == {3 * steps}


def test_the_train_loss_is_the_mean_over_the_epoch():
    task = task_of(MODELS["perceptron"])
    found = ran(task, RECIPES[:1], seeds=(0,))
    for epoch, seen in enumerate(found["seen"][0]):
        part = found["losses"][0][epoch * task.steps_per_epoch : (epoch + 1) * task.steps_per_epoch]
        assert seen.values["train_loss"] == pytest.approx(np.mean(part), rel=1e-12)


def test_a_plateau_follows_what_was_observed():
    """With patience 0 and an unreachable threshold the rate halves after every epoch but the first."""
    task = task_of(MODELS["perceptron"], epochs=4)
    stuck = Recipe("stuck", "sgd", 0.1, "plateau(0.5, patience=0, threshold=1e9, threshold_mode='abs')")
    same = Recipe("same", "sgd", 0.1, "piecewise(['2ep', '3ep'], values=[1.0, 0.5, 0.25])")
    losses = ran(task, [stuck, same], seeds=(0,), trainer="loop")["losses"]
    assert losses[0] == losses[1]


def test_regression_ranks_on_the_loss():
    x = torch.randn(60, 4, dtype=torch.float64)
    task = task_of(lambda: Double(nn.Linear(4, 1)), train=(x, x.sum(1, keepdim=True)), loss="mse")
    seen = ran(task, [Recipe("adam", "adam", 0.05)], seeds=(0,))["seen"][0]
    assert task.rank.name == "loss"
    assert seen[-1].values["loss"] < seen[0].values["loss"]


@pytest.mark.parametrize("trainer", ["fused", "loop"])
def test_a_metric_that_is_not_finite_is_named(trainer):
    calls = []

    def broken(outputs, targets):
        calls.append(1)
        return float("nan") if len(calls) > 3 else 1.0

    task = task_of(MODELS["perceptron"], metrics=[Metric("broken", broken)])
    with pytest.raises(TaskError, match=r"metric 'broken' is not finite for '.*', seed 0, after step"):
        ran(task, trainer=trainer)


def test_an_unknown_trainer_is_refused():
    with pytest.raises(ValueError, match="auto, fused, loop"):
        ran(task_of(MODELS["perceptron"]), trainer="quantum")
