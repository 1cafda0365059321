"""Runs that pause and go on, alone, in other company, forked: the numbers of runs that nothing disturbed."""

import os
import random
import signal

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import nn
from training.test_compiled import entries_of
from training.test_trainers import MODELS, Double, task_of

from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Failed, Finished, Losses, Note, Observed, Paused, Progress
from surefoot.training import Checkpoint, Pause, Plan, Saving, Tile
from surefoot.training.engine import train_tiles
from surefoot.training.tree import bundled

NEVER = float("inf")
RECIPES = [
    Recipe("constant", "sgd(momentum=0.9)", 0.05),
    Recipe("plateau", "sgd(momentum=0.9)", 0.05, "plateau(0.5, patience=0, threshold=1e9, threshold_mode='abs')"),
    Recipe("cosine", "sgd(momentum=0.9)", 0.05, "warmup('30%') >> cosine()"),
    Recipe("adam", "adam(weight_decay=0.01)", 0.01, "step('1ep', factor=0.5)"),
    Recipe("averaged", "adam(ema=0.9)", 0.01),
]


class Kept:
    """Runs of a search, as its ground keeps them: what was told of each, and what it can be gone on with."""

    def __init__(self, task, entries, trainer="loop", place="here"):
        self.task, self.entries = task, {entry.run.index: entry for entry in entries}
        self.plan = Plan(trainer, place, False, 1, 100, ())
        self.files, self.events = {}, []
        self.losses, self.looks, self.held, self.over, self.final = {}, {}, {}, {}, {}

    def save(self, tensors, about):
        name = f"{os.getpid()} {len(self.files)}"
        self.files[name] = ({key: tensor.clone() for key, tensor in tensors.items()}, about)
        return name

    def __call__(self, event):
        self.events.append(event)
        match event:
            case Losses(run=run, start=start, values=values):
                known = self.losses.setdefault(run, [])
                assert len(known) == start
                known += values.tolist()
            case Observed(run=run, observation=seen):
                self.looks.setdefault(run, []).append(seen)
            case Paused(run=run, step=step, checkpoint=name):
                assert len(self.losses[run]) == step
                self.held[run] = (step, name)
            case Diverged(run=run, step=step):
                self.over[run] = step
            case Finished(run=run, final=final):
                self.final[run] = dict(final)

    def go(self, tiles):
        """Train tiles: of each its bundles, a run of each whose state to go on from, and the pauses by run."""
        made = []
        for bundles, sources, pauses in tiles:
            for source, bundle in zip(sources, bundles, strict=True):
                for run in bundle:
                    if source is not None and run != source:
                        step = self.held[source][0]
                        self.losses[run] = self.losses[source][:step]
                        self.looks[run] = [seen for seen in self.looks.get(source, []) if seen.step <= step]
            rows = [[self.entry(run) for run in bundle] for bundle in bundles]
            parts = [
                (Checkpoint.of(*self.files[self.held[source][1]]), source, bundle)
                for source, bundle in zip(sources, bundles, strict=True)
                if source is not None
            ]
            made.append(Tile(len(made), rows, Checkpoint.joined(parts) if parts else None, pauses))
        train_tiles(self.task, made, self.plan, self, Saving(self.save, NEVER))

    def entry(self, run):
        epoch = self.task.steps_per_epoch
        past = [seen for seen in self.looks.get(run, ()) if seen.step % epoch == 0]
        return evolve(self.entries[run], past=past)

    def whole(self):
        """All of them in one go, shared where they have the same past."""
        entries = list(self.entries.values())
        bundles = [[entries[k].run.index for k in places] for places, _ in bundled(entries)]
        self.go([(bundles, [None] * len(bundles), {})])
        return self

    def epochs(self, run):
        """What was seen of a run at the ends of epochs."""
        return [seen for seen in self.looks.get(run, []) if seen.step % self.task.steps_per_epoch == 0]


def assert_same(ours, theirs, runs=None):
    """The numbers of an uninterrupted training: on the loop bit for bit, fused to rounding."""
    for run in runs if runs is not None else theirs.entries:
        assert ours.over.get(run) == theirs.over.get(run)
        if ours.plan.trainer == "loop":
            assert ours.losses[run] == theirs.losses[run]
            assert ours.epochs(run) == theirs.epochs(run)
            assert ours.final.get(run) == theirs.final.get(run)
            continue
        np.testing.assert_allclose(ours.losses[run], theirs.losses[run], rtol=1e-9)
        for one, other in zip(ours.epochs(run), theirs.epochs(run), strict=True):
            assert one.step == other.step
            assert one.values == pytest.approx(other.values, rel=1e-9)


def made(name="dropout", recipes=RECIPES, seeds=(0, 1), **options):
    """Ten updates an epoch, four epochs."""
    given = {"n": 200, "epochs": 4} | options
    task = task_of(MODELS.get(name, name), **given)
    return task, entries_of(task, recipes, seeds)


@pytest.mark.parametrize("trainer", ["loop", "fused"])
@pytest.mark.parametrize("name", ["dropout", "batch norm"])
def test_pausing_again_and_again_in_ever_other_company(trainer, name):
    """At the ends of epochs and in their midst, with looks at few samples and at all, in tiles of any runs."""
    task, entries = made(name)
    whole, ours = Kept(task, entries, trainer).whole(), Kept(task, entries, trainer)
    draw = random.Random(f"{trainer} {name}")
    stops = [1, 7, 10, 20, 23, 37]
    at = 0
    for stop in [*stops, None]:
        runs = list(ours.entries)
        draw.shuffle(runs)
        cut = draw.randrange(1, len(runs))
        tiles = []
        for part in (runs[:cut], runs[cut:]):
            samples = draw.choice([0, 5, len(task.watched)])
            pauses = {} if stop is None else {run: Pause(stop, samples) for run in part}
            tiles.append(([[run] for run in part], part if at else [None] * len(part), pauses))
        ours.go(tiles)
        at = stop
        assert stop is None or {step for step, _ in ours.held.values()} == {stop}
    assert_same(ours, whole)
    assert any(seen.step == 23 for seen in ours.looks[0]) or any(seen.step == 7 for seen in ours.looks[0])


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_rows_of_a_tile_pause_at_steps_of_their_own(trainer):
    task, entries = made()
    whole, ours = Kept(task, entries, trainer).whole(), Kept(task, entries, trainer)
    runs = list(ours.entries)
    stops = {run: 3 + 4 * place for place, run in enumerate(runs[:-1])}  # the last goes to its end
    ours.go([([[run] for run in runs], [None] * len(runs), {run: Pause(stop, 6) for run, stop in stops.items()})])
    assert {run: step for run, (step, _) in ours.held.items()} == stops
    assert set(ours.final) == {runs[-1]}
    for run in stops:
        assert max(seen.step for seen in ours.looks[run]) == stops[run]
        ours.go([([[run]], [run], {})])
    assert_same(ours, whole)


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_forks_of_a_trunk(trainer):
    """Of a constant trunk: two that cool, one from the midst of an epoch, and schedules that part later."""
    shapes = {
        "trunk": "constant()",
        "cools at 7": "constant(over=7) >> linear(2)",
        "cools at 20": "constant(over=20) >> linear(4)",
        "falls late": "constant(over='80%') >> linear()",
        "steps": "step('50%', factor=0.1)",
        "plateau": "plateau(0.5, patience=3)",
    }
    recipes = [Recipe(name, "sgd(momentum=0.9)", 0.05, shape) for name, shape in shapes.items()]
    task, entries = made(recipes=recipes, seeds=(3,))
    whole, ours = Kept(task, entries, trainer).whole(), Kept(task, entries, trainer)
    ours.go([([[0, 1]], [None], {0: Pause(7), 1: Pause(9, 11, keep=False)})])
    assert ours.held[1] == (9, None)
    assert ours.held[0][0] == 7
    ours.go([([[0, 2]], [0], {0: Pause(20), 2: Pause(24, 11, keep=False)})])
    ours.go([([[0, 3, 4, 5]], [0], {})])
    assert_same(ours, whole, runs=[0, 3, 4, 5])
    for run, end in ((1, 9), (2, 24)):
        np.testing.assert_allclose(ours.losses[run], whole.losses[run][:end], rtol=1e-9 if trainer == "fused" else 0)
        assert [seen.step for seen in ours.looks[run]][-1] == end


def test_joined_from_several_checkpoints_with_one_row_twice():
    task, entries = made(recipes=[*RECIPES[:1], Recipe("late", "sgd(momentum=0.9)", 0.05, "step('60%')"), *RECIPES[3:]])
    for trainer in ("loop", "fused"):
        whole, ours = Kept(task, entries, trainer).whole(), Kept(task, entries, trainer)
        trunks = [run for run in ours.entries if entries[run].run.recipe.name != "late"]
        for run in trunks:
            ours.go([([[run]], [None], {run: Pause(13)})])
        assert len({name for _, name in ours.held.values()}) == len(trunks)
        late = {2: 0, 3: 1}  # by the trunk of the same seed, in bundles of one and of two
        bundles = [[0, 2], [1], [3], *([run] for run in trunks[2:])]
        ours.go([(bundles, [late.get(b[0], b[0]) for b in bundles], {})])
        assert_same(ours, whole)


def test_what_is_kept_of_a_row_is_what_its_runs_need():
    task, entries = made(recipes=RECIPES[:3])
    ours = Kept(task, entries)
    pauses = {0: Pause(7), 1: Pause(7, keep=False), 2: Pause(7), 3: Pause(12)}
    ours.go([([[0, 2], [1, 3]], [None, None], pauses)])
    assert ours.held[0][1] == ours.held[2][1]  # one file of both, one row of both
    assert ours.held[1] == (7, None)
    kept = Checkpoint.of(*ours.files[ours.held[0][1]])
    assert (kept.step, kept.live) == (7, ((0, 2),))
    assert Checkpoint.of(*ours.files[ours.held[3][1]]).live == ((3,),)


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_glances_change_nothing_and_are_the_same_for_all(trainer):
    """However many samples are looked at, and however often: training goes its way."""
    task, entries = made("batch norm", [RECIPES[1], RECIPES[3]], seeds=(0,))
    seen = {}
    for samples in (0, 4, 10_000):
        ours = Kept(task, entries, trainer)
        for stop in (3, 6, 9, 14, None):
            pauses = {} if stop is None else {run: Pause(stop, samples) for run in ours.entries}
            ours.go([([[0], [1]], [0, 1] if ours.held else [None, None], pauses)])
        seen[samples] = ours
    assert_same(seen[4], seen[0])
    assert_same(seen[10_000], seen[0])
    assert [look.step for look in seen[0].looks[0]] == [10, 20, 30, 40]
    assert [look.step for look in seen[4].looks[0]] == [3, 6, 9, 10, 14, 20, 30, 40]
    full = {look.step: look for look in seen[10_000].looks[0]}
    few = {look.step: look for look in seen[4].looks[0]}
    assert full[3].values["loss"] != few[3].values["loss"]
    assert few[3].values["train_loss"] == full[3].values["train_loss"]
    np.testing.assert_allclose(few[3].values["train_loss"], np.mean(seen[4].losses[0][:3]), rtol=1e-6)


def test_runs_that_diverge_before_or_at_a_pause_do_not_pause():
    wild = Recipe("wild", "sgd(momentum=0.9)", 0.05, "constant(over=12) >> constant(1e30)")
    task, entries = made("dropout", [RECIPES[0], wild], seeds=(0,))
    whole, ours = Kept(task, entries).whole(), Kept(task, entries)
    lost = whole.over[1]
    assert 12 <= lost < 20
    ours.go([([[0, 1]], [None], {0: Pause(12), 1: Pause(12, 5)})])
    assert ours.held.keys() == {0, 1}
    ours.go([([[0], [1]], [0, 1], {0: Pause(lost + 1), 1: Pause(lost + 1, 5)})])
    assert ours.over == {1: lost}
    assert ours.held[1][0] == 12
    ours.go([([[0]], [0], {})])
    assert_same(ours, whole)


class Fades(Double):
    """Its loss is not finite where it is measured, as soon as it has been trained a little."""

    def __init__(self):
        super().__init__(nn.Linear(6, 3))
        self.register_buffer("first", self.body[0].weight.detach().clone())

    def forward(self, x):
        far = (self.body[0].weight - self.first).abs().max() > 0.3
        return super().forward(x) * torch.where(far & (not self.training), torch.inf, 1.0)


def test_a_glance_that_is_not_finite_is_divergence_at_that_step():
    task, entries = made(Fades, [Recipe("fast", "sgd", 5.0), Recipe("slow", "sgd", 1e-6)], seeds=(0,))
    for samples in (0, 5):
        ours = Kept(task, entries)
        ours.go([([[0], [1]], [None, None], {0: Pause(4, samples), 1: Pause(4, samples)})])
        assert ours.over == ({0: 4} if samples else {})
        assert set(ours.held) == ({1} if samples else {0, 1})
        assert [seen.step for seen in ours.looks.get(0, [])] == []
        assert len(ours.losses[0]) == 4


def test_who_goes_on_is_not_lost_with_who_was_looked_at():
    later = Recipe("later", "sgd", 5.0, "step('80%')")
    task, entries = made(Fades, [Recipe("fast", "sgd", 5.0), later], seeds=(0,))
    whole, ours = Kept(task, entries).whole(), Kept(task, entries)
    ours.go([([[0, 1]], [None], {0: Pause(4, 5)})])
    assert (whole.over, ours.over) == ({0: 10, 1: 10}, {0: 4, 1: 10})
    assert_same(ours, whole, runs=[1])


def test_checkpoints_of_before_tensors_had_names_are_read():
    task, entries = made(recipes=RECIPES[3:], seeds=(0,))
    whole, ours = Kept(task, entries, "fused").whole(), Kept(task, entries, "fused")
    ours.go([([[0], [1]], [None, None], {0: Pause(13), 1: Pause(13)})])
    (name,) = ours.files
    tensors, about = ours.files[name]
    rows = {k: [key for key in tensors if key.startswith(f"{k} ")] for k in (0, 1)}
    old = {key: f"{k} {place}" for k, keys in rows.items() for place, key in enumerate(keys)}
    ours.files[name] = {old.get(key, key): tensor for key, tensor in tensors.items()}, about
    ours.go([([[0], [1]], [0, 1], {})])
    assert_same(ours, whole)


def test_progress_counts_to_the_pause():
    task, entries = made(recipes=RECIPES[:2], seeds=(0,))
    ours = Kept(task, entries)
    ours.go([([[0], [1]], [None, None], {0: Pause(5), 1: Pause(12)})])
    told = [event for event in ours.events if isinstance(event, Progress)]
    assert (told[0].done, told[0].total) == (0, 17)
    assert (told[-1].done, told[-1].total, told[-1].alive) == (17, 17, 0)
    ours.events.clear()
    ours.go([([[0]], [0], {0: Pause(9)}), ([[1]], [1], {})])
    told = [event for event in ours.events if isinstance(event, Progress)]
    assert (told[-1].done, told[-1].alive) == (told[-1].total, 1)  # the one that went to its end


# Processes


class Files(Kept):
    """Checkpoints in a folder, so that other processes can write them."""

    def __init__(self, folder, *given):
        super().__init__(*given)
        self.folder = folder

    def save(self, tensors, about):
        name = f"{os.getpid()} {len(list(self.folder.iterdir()))}"
        torch.save((dict(tensors), about), self.folder / name)
        return name

    def go(self, tiles):
        self.files = {each.name: torch.load(each, weights_only=True) for each in self.folder.iterdir()}
        super().go(tiles)


@pytest.mark.parametrize(("trainer", "how"), [("loop", "forked"), ("fused", "forked"), ("loop", "spawned")])
def test_processes_pause_and_go_on_with_the_same_numbers(tmp_path, trainer, how, monkeypatch):
    if how == "spawned":
        monkeypatch.setattr("surefoot.training.pool.can_fork", lambda task: False)
    task, entries = made(recipes=RECIPES[:4], seeds=(0,))
    whole = Kept(task, entries, trainer).whole()
    ours = Files(tmp_path, task, entries, trainer, "pool")
    for stop in (7, 20, None) if how == "forked" else (13, None):
        tiles = []
        for part in ([0, 3], [1, 2]):
            pauses = {} if stop is None else {run: Pause(stop, 5) for run in part}
            tiles.append(([[run] for run in part], part if ours.held else [None] * len(part), pauses))
        ours.go(tiles)
    assert_same(ours, whole)
    assert [event for event in ours.events if isinstance(event, Note)] == []


def test_a_process_that_is_killed_after_a_run_of_its_paused_is_begun_again(tmp_path):
    """What the first process told is not told twice: neither the numbers, nor that the run paused."""
    marker, parent = tmp_path / "killed", os.getpid()
    (tmp_path / "kept").mkdir()

    def deadly(outputs, targets):
        if os.getpid() != parent and len(targets) == 17 and not marker.exists():  # the second pause looks at 17
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.functional.cross_entropy(outputs, targets)

    task, entries = made(recipes=RECIPES[:2], seeds=(0,), loss=deadly)
    whole = Kept(task, entries).whole()
    ours = Files(tmp_path / "kept", task, entries, "loop", "pool")
    ours.go([([[0], [1]], [None, None], {0: Pause(7, 5), 1: Pause(13, 17)})])
    assert marker.exists()
    (note,) = [event.text for event in ours.events if isinstance(event, Note)]
    assert "its process died (SIGKILL" in note
    assert [event for event in ours.events if isinstance(event, Failed)] == []
    assert [(event.run, event.step) for event in ours.events if isinstance(event, Paused)] == [(0, 7), (1, 13)]
    assert [seen.step for seen in ours.looks[0]] == [7]
    ours.go([([[0]], [0], {}), ([[1]], [1], {})])
    assert_same(ours, whole)


def test_a_run_that_paused_is_not_given_up_with_its_tile(tmp_path):
    parent = os.getpid()

    def deadly(outputs, targets):
        if os.getpid() != parent and len(targets) == 17:
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.functional.cross_entropy(outputs, targets)

    task, entries = made(recipes=RECIPES[:2], seeds=(0,), loss=deadly)
    ours = Files(tmp_path, task, entries, "loop", "pool")
    ours.go([([[0], [1]], [None, None], {0: Pause(7, 5), 1: Pause(13, 17)})])
    assert [event.run for event in ours.events if isinstance(event, Failed)] == [1]
    assert set(ours.held) == {0}
