"""The stage tree: runs with the same past are trained once, and get the numbers of separate runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training.going_on import assert_goes_on, silent_compiler
from training.test_compiled import entries_of, losses_of, needs_compiler
from training.test_trainers import MODELS, task_of

from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Finished, Observed
from surefoot.core.units import Clock
from surefoot.training import Compiler, Plan, Wanted, bind, choose
from surefoot.training.layout import divide, layout_of, size, tiled
from surefoot.training.tree import agreement, bundled, forest

CLOCK = Clock(600, 60)
TRUNK = {
    "constant": "constant()",
    "again": "constant()",
    "half": "multistep(['50%'], factor=0.1)",
    "half and late": "multistep(['50%', '75%'], factor=0.1)",
    "early": "multistep(['10%'], factor=0.1)",
    "cosine": "cosine()",
    "plateau": "plateau(0.5, patience=2)",
    "plateau too": "plateau(0.5, patience=2)",
}


def policies_of(schedules, clock=CLOCK, optimizer="sgd(momentum=0.9)", **options):
    return [bind(Recipe(name, optimizer, 0.05, text, **options), clock) for name, text in schedules.items()]


def shown(stage, names):
    return (tuple(names[k] for k in stage.members), stage.start, stage.stop, *(shown(c, names) for c in stage.children))


def test_the_tree_of_a_trunk():
    names = list(TRUNK)
    roots = [shown(stage, names) for stage in forest(policies_of(TRUNK))]
    assert roots == [
        (
            ("constant", "again", "half", "half and late", "early", "plateau", "plateau too"), 0, 60,
            (
                ("constant", "again", "half", "half and late"), 60, 300,
                (("constant", "again"), 300, 600),
                (("half", "half and late"), 300, 450, (("half",), 450, 600), (("half and late",), 450, 600)),
            ),
            (("early",), 60, 600),
            (("plateau", "plateau too"), 60, 600),
        ),
        (("cosine",), 0, 600),  # parts from the others at once: that is not worth a fork
    ]  # fmt: skip


@given(st.lists(st.sampled_from(sorted(TRUNK)), min_size=1, max_size=8, unique=True))
@settings(deadline=None, max_examples=40)
def test_stages_are_what_the_schedules_say(names):
    """Every update of every recipe lies in one stage, whose members do the same there and part behind it."""
    policies = policies_of({name: TRUNK[name] for name in names})
    covered = np.zeros((len(policies), CLOCK.steps), dtype=int)

    def look(stage):
        for member in stage.members:
            covered[member, stage.start : stage.stop] += 1
            values = [policy.moves(stage.start, stage.stop, policy.start())["lr"] for policy in policies]
            assert (values[member] == values[stage.members[0]] + np.zeros(stage.stop - stage.start)).all()
        assert sorted(m for child in stage.children for m in child.members) == sorted(stage.members) * bool(
            stage.children
        )
        for child in stage.children:
            assert child.start == stage.stop
            look(child)

    roots = forest(policies)
    for root in roots:
        look(root)
    assert (covered == 1).all()
    assert sum(root.updates for root in roots) <= len(policies) * CLOCK.steps


def test_what_has_no_common_past_is_not_shared():
    one, other = policies_of({"a": "constant()"}), policies_of({"b": "constant()"}, hyper={"momentum": 0.8})
    assert agreement(one[0], other[0], 0, 600) == 0
    assert len(forest([*one, *other, *policies_of({"c": "constant()"}, optimizer="adam")])) == 3


RECIPES = [Recipe(name, "sgd(momentum=0.9)", 0.05, text) for name, text in TRUNK.items()]
ADAMS = [
    Recipe("adam", "adam", 0.01),
    Recipe("adam, step", "adam", 0.01, "step('40%', factor=0.1)"),
    Recipe("explodes", "sgd(momentum=0.9)", 0.05, "constant(over='60%') >> constant(1e30)"),
    Recipe("explodes too", "sgd(momentum=0.9)", 0.05, "constant(over='60%') >> constant(1e30)"),
]


def planned(task, entries, *, share, compiled=False, most=100, trainer="fused"):
    if trainer == "loop":
        return choose(task, entries, lambda event: None, Wanted("loop", "here", share=share))
    rows = [entry.row() for entry in entries]
    bundles = [bundle for bundle, _ in bundled(entries, share=share)]
    return Plan("fused", "here", compiled, 1, most, divide(rows, bundles, tiled(layout_of(rows), most)))


def recorded(events):
    seen, over = {}, {}
    for event in events:
        if isinstance(event, Observed):
            seen.setdefault(event.run, []).append(event.observation)
        elif isinstance(event, Diverged):
            over[event.run] = event.step
        elif isinstance(event, Finished):
            over.setdefault(event.run, event.final)
    return seen, over


@pytest.mark.parametrize("name", ["dropout", "batch norm"])
def test_on_the_loop_shared_runs_are_separate_runs_bit_for_bit(name):
    task = task_of(MODELS[name], n=200, epochs=5)
    entries = entries_of(task, [*RECIPES, *ADAMS])
    together, events = losses_of(task, entries, planned(task, entries, share=True, trainer="loop"))
    apart, others = losses_of(task, entries, planned(task, entries, share=False, trainer="loop"))
    assert together == apart
    assert recorded(events) == recorded(others)
    assert any(isinstance(event, Diverged) for event in events)


class Counting:
    """A trainer's updates of rows, and what rows were at their forks."""

    def __init__(self, monkeypatch):
        from surefoot.training.fused import FusedTrainer

        self.updates, self.forks = 0, []
        advance, take = FusedTrainer.advance, FusedTrainer.take

        def counted(trainer, updates):
            self.updates += len(updates) * sum(trainer.sizes)
            return advance(trainer, updates)

        def forked(trainer, rows):
            take(trainer, rows)
            slots = [[k for k, row in enumerate(rows) if row == twice] for twice in set(rows) if rows.count(twice) > 1]
            for same in slots:
                first, *rest = (trainer.live[k] for k in same)
                held = [*trainer.params.values(), *trainer.buffers.values()]
                held += [t for group in trainer.groups for t in group.tensors() if len(trainer.groups) == 1]
                self.forks += [all((tensor[first] == tensor[slot]).all() for tensor in held) for slot in rest]

        monkeypatch.setattr(FusedTrainer, "advance", counted)
        monkeypatch.setattr(FusedTrainer, "take", forked)


@pytest.mark.parametrize("most", [100, 7])
def test_fused_rows_are_equal_at_each_fork_and_close_after(most, monkeypatch):
    task = task_of(MODELS["dropout"], n=200, epochs=5)
    entries = entries_of(task, [*RECIPES, *ADAMS])
    apart, others = losses_of(task, entries, planned(task, entries, share=False, most=most))
    counting = Counting(monkeypatch)
    together, events = losses_of(task, entries, planned(task, entries, share=True, most=most))
    assert len(counting.forks) > 4
    assert all(counting.forks)
    assert counting.updates < 0.85 * sum(len(losses) for losses in apart.values())
    assert together.keys() == apart.keys()
    for run, losses in apart.items():
        np.testing.assert_allclose(together[run], losses, rtol=1e-9)
    ours, theirs = recorded(events), recorded(others)
    assert {run: over for run, over in ours[1].items() if isinstance(over, int)} == {
        run: over for run, over in theirs[1].items() if isinstance(over, int)
    }


@needs_compiler
def test_a_compiled_step_begins_on_the_lower_rung_where_that_suffices(monkeypatch):
    monkeypatch.setattr("surefoot.training.fused.COMPILATION", 0.0)
    task = task_of(MODELS["perceptron"], n=200, epochs=5)
    entries = entries_of(task, RECIPES[:6], seeds=(0,))
    compiler = Compiler(lambda event: None)
    together, _ = losses_of(task, entries, planned(task, entries, share=True, compiled=True), compiler)
    assert sorted(size(layout) for layout, _ in compiler.steps) == [2, 6]
    apart, _ = losses_of(task, entries, planned(task, entries, share=False))
    for run, losses in apart.items():
        np.testing.assert_allclose(together[run], losses, rtol=1e-9)


@needs_compiler
@pytest.mark.parametrize("how", ["loop", "fused", "compiled"])
def test_a_tree_goes_on_from_any_checkpoint_with_the_very_numbers(how, monkeypatch):
    monkeypatch.setattr("surefoot.training.fused.COMPILATION", 0.0)
    task = task_of(MODELS["dropout"], n=200, epochs=5)
    entries = entries_of(task, [*RECIPES[:7], *ADAMS[:3]], seeds=(0,))
    trainer = "loop" if how == "loop" else "fused"
    plan = planned(task, entries, share=True, compiled=how == "compiled", most=6, trainer=trainer)
    assert_goes_on(task, entries, plan, compiler=silent_compiler)


def test_a_run_whose_average_begins_late_has_one_when_it_forks():
    task = task_of(MODELS["perceptron"], n=200, epochs=4)
    late = {"ema": "0.9 * piecewise(['50%'], values=[0.0, 1.0])"}
    entries = entries_of(task, [Recipe("plain", "sgd", 0.1), Recipe("averaged", "sgd", 0.1, hyper=late)], seeds=(0,))
    seen = {}
    for trainer in ("loop", "fused"):
        for share in (True, False):
            _, events = losses_of(task, entries, planned(task, entries, share=share, trainer=trainer))
            seen[trainer, share] = recorded(events)[0]
    assert seen["loop", True] == seen["loop", False]
    assert seen["loop", True][0][-1] != seen["loop", True][1][-1]
    for run in (0, 1):
        for ours, theirs in zip(seen["fused", True][run], seen["loop", False][run], strict=True):
            assert ours.values == pytest.approx(theirs.values, rel=1e-9)
