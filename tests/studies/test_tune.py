"""`sf.tune`, whole: the same from Python and from the store, whatever is searched; and what it says where it cannot."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from scripted import interposed
from sittings import numbers
from torch import nn

import surefoot as sf
from surefoot.core.errors import StoreError, SurefootError, UsageError
from surefoot.search import Rates, Space
from surefoot.store import FILE, Store
from surefoot.studies import Tuned
from surefoot.studies.question import budget_of

SPACE = {"optimizers": ["sgd", "adam"], "schedules": ["constant()", "cosine()"], "lr": [1e-3, 1.0]}
SMALL = {"optimizers": ["adam"], "schedules": ["cosine()", "constant()"], "lr": [0.01, 1.0]}


def made(**options):
    """Ten updates an epoch, three epochs."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100, 4, generator=generator, dtype=torch.float64)
    given = {"name": "made", "model": lambda: nn.Linear(4, 2).double(), "loss": "cross_entropy", "epochs": 3}
    return sf.Task(**{**given, "batch_size": 8, "train": (x, (x.sum(1) > 0).long()), **options})


def bowl(**options):
    """Least squares: too high a rate diverges, the higher the sooner."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100, 4, generator=generator, dtype=torch.float64)
    y = x @ torch.randn(4, 1, generator=generator, dtype=torch.float64)
    return made(
        **{"name": "bowl", "model": lambda: nn.Linear(4, 1).double(), "loss": "mse", "train": (x, y), **options}
    )


def tune(folder, task=None, space=SMALL, budget=3, **options):
    given = {"trainer": "loop", "place": "here", "confirm": 2, "progress": False, "out": folder}
    return sf.tune(task or made(), space, budget, **{**given, **options})


def loaded(folder, study=None):
    with Store(folder / FILE, create=False) as store:
        assert store.check().findings == ()
        if store.load(study).status == "done":
            assert store.checkpoints.names() == []
        return Tuned.of(store.load(study))


def told(tuned):
    """All it says but for the moments, which only whoever searched knows."""
    return {name: value for name, value in tuned.to_json().items() if name not in ("incumbents", "confirmed")}


def decided(tuned):
    """What was decided, and to what end."""
    whole = [(arm, value) for arm, value in tuned.whole()]
    return tuned.decisions, tuned.outcome, whole, tuned.cost, tuned.searched, tuned.best


def test_the_result_and_the_store_say_the_same(tmp_path):
    found = tune(tmp_path, space=SPACE, budget=5)
    kept = loaded(tmp_path)
    assert told(kept) == told(found)
    assert kept.table() == found.table()
    assert decided(kept) == decided(found)
    assert found.best.optimizer in SPACE["optimizers"]
    assert {arm["schedule"] for arm, _ in found.whole()} == set(SPACE["schedules"])
    assert found.searched <= 5
    assert found.cost - found.searched == pytest.approx(2 * len(found.outcome.rivals))
    assert [moment.confirmed for moment in found.moments][-1]
    assert found.moments[-1].recipe.optimizer in SPACE["optimizers"]
    assert found.comparison.study.facts.seeds == (1, 2)
    assert len(found.tried) == len({d.arm for d in found.decisions if d.kind in ("begun", "added", "whole")})
    json.dumps(found.to_json(), allow_nan=False)


def test_searches_repeat_exactly_in_memory_too(tmp_path):
    tune(tmp_path / "one", out=tmp_path / "one")
    tune(tmp_path / "two", out=tmp_path / "two")
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    assert decided(tune(None)) == decided(loaded(tmp_path / "one"))


def test_what_was_looked_at_is_what_a_whole_run_shows(tmp_path):
    """An arm that ran whole, from where its trunk was left, has the numbers of a run that nothing paused."""
    found = tune(tmp_path)
    arms = [arm for arm, _ in found.whole()]
    recipes = [found._runs([0], [arm])[0].run.recipe for arm in arms]
    apart = sf.compare(made(), recipes, seeds=1, trainer="loop", place="here", out=None, progress=False)
    for arm, run in zip(arms, apart.study.runs, strict=True):
        (ours,) = found._runs([0], [arm])
        assert ours.losses.tolist() == run.losses.tolist()
        assert [seen for seen in ours.observations if seen.step % 10 == 0] == list(run.observations)


WAYS = {
    "two seeds": {"seeds": 2, "budget": 8},
    "first seed": {"first_seed": 3},
    "nothing confirmed": {"confirm": 0},
    "fused": {"trainer": "fused"},
    "pool": {"place": "pool"},
    "auto": {"trainer": "auto", "place": "auto"},
    "patience": {"patience": 1},
    "seconds": {"budget": "2s"},
    "text": {"budget": "3x"},
}


@pytest.mark.parametrize("way", WAYS)
def test_ways(tmp_path, way):
    found = tune(tmp_path, **WAYS[way])
    assert found.is_found
    assert told(loaded(tmp_path)) == told(found)
    fresh, seeds = WAYS[way].get("confirm", 2), WAYS[way].get("seeds", 1)
    first = WAYS[way].get("first_seed", 0)
    assert found.terms.seeds == tuple(range(first, first + seeds))
    assert found.terms.fresh == tuple(range(first + seeds, first + seeds + fresh))
    assert (found.comparison is None) == (fresh == 0)
    if way != "patience":
        assert found.searched <= found.terms.budget
    if not fresh:
        assert found.cost == found.searched
        assert "It was not confirmed on fresh seeds" in found.table()


def test_the_place_changes_nothing(tmp_path):
    here, pool = (tune(tmp_path / place, space=SPACE, budget=5, place=place) for place in ("here", "pool"))
    assert decided(here) == decided(pool)
    assert numbers(tmp_path / "here") == numbers(tmp_path / "pool")


SPACES = {
    "one": {"optimizers": ["adam"], "schedules": ["cosine()"], "lr": [0.1]},
    "constant alone": {"optimizers": ["sgd"], "schedules": ["constant()"], "lr": [1e-3, 1.0]},
    "ranges": {"optimizers": {"sgd": [0.01, 1.0], "adam": [0.001, 0.1]}, "schedules": ["cosine()"]},
    "some ranges": {"optimizers": {"sgd": None, "adam": [0.1, 0.1]}, "schedules": ["cosine()"], "lr": [0.1, 0.5]},
    "listed": {"optimizers": ["sgd"], "schedules": ["cosine()", "linear()"], "lr": [0.001, 0.01, 0.1, 0.3, 1.0]},
    "weight decay": SMALL | {"optimizers": ["sgd(momentum=0.9)", "adamw"], "weight_decay": [0.01, 0, 0.1]},
    "some have it": SMALL | {"optimizers": ["adam", "sgd"], "momentum": [0, 0.9]},
    "of parts": SMALL | {"weight_decay@vectors": [0, 0.1]},
    "reactive": SMALL | {"schedules": ["plateau(0.5, patience=0)", "constant()"]},
    "texts": SMALL | {"lr": ["1e-2", "1e0"]},
}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_spaces(tmp_path, name):
    space = SPACES[name]
    found = tune(tmp_path, space=space, budget=5)
    assert found.is_found
    assert told(loaded(tmp_path)) == told(found)
    given = space.get("lr", [])
    rates = {arm.lr for arm in found.tried}
    assert rates <= set(given) if len(given) > 2 or len(given) == 1 else rates
    if "momentum" in space:
        assert {"momentum" in dict(arm.choices) for arm in found.tried if arm["optimizer"] == "adam"} == {False}
        assert {"momentum" in dict(arm.choices) for arm in found.tried if arm["optimizer"] == "sgd"} == {True}
    if "weight_decay" in space:
        assert {"0.01", "0"} <= {arm["weight_decay"] for arm in found.tried} <= {"0.01", "0", "0.1"}


def test_a_space_is_a_mapping_a_file_or_an_object(tmp_path):
    (tmp_path / "list.yaml").write_text("optimizers: [adam]\nschedules: [cosine(), constant()]\nlr: [1e-2, 1]\n")
    (tmp_path / "map.yaml").write_text("optimizers: {adam: [0.01, 1.0]}\nschedules:\n- cosine()\n- constant()\n")
    built = Space({"adam": Rates(0.01, 1.0)}, ["cosine()", "constant()"])
    first = tune(tmp_path)
    for space in (tmp_path / "list.yaml", str(tmp_path / "map.yaml"), built):
        assert decided(tune(None, space=space)) == decided(first)
        with mock.patch("surefoot.studies.search.Search._sitting", None):  # it is the same search: nothing is trained
            assert told(tune(tmp_path, space=space, resume=True)) == told(first)


def test_a_metric_that_is_to_be_small(tmp_path):
    found = tune(tmp_path, bowl(), SPACE | {"schedules": ["constant()", "linear()"]}, 5)
    assert told(loaded(tmp_path)) == told(found)
    ends = [value for _, value in found.whole()]
    assert ends == sorted(ends)
    assert found.study.facts.goal == "min"


class Branching(nn.Module):
    """Looks at its values: rows cannot share that."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 2).double()

    def forward(self, x):
        return self.body(x) if x.sum() > 0 else self.body(-x)


def test_a_model_that_cannot_be_stacked(tmp_path):
    found = tune(tmp_path, made(model=Branching), trainer="auto")
    assert found.study.trainer.startswith("loop")
    assert told(loaded(tmp_path)) == told(found)


@pytest.mark.parametrize("batch_size", [80, 40])
@pytest.mark.parametrize("space", [SMALL, SPACES["constant alone"]], ids=["schedules", "constant"])
def test_a_horizon_of_one_or_two_updates(tmp_path, batch_size, space):
    found = tune(tmp_path, made(batch_size=batch_size, epochs=1), space, 12)
    assert found.terms.horizon == 80 // batch_size
    assert told(loaded(tmp_path)) == told(found)
    assert found.searched <= 12


# What diverges


def test_a_run_that_diverges_late_was_good_before(tmp_path):
    """At constant rate, without forks: what was answered of an arm stays, whatever became of it later."""
    space = {"optimizers": ["sgd"], "schedules": ["constant()"], "lr": [0.5, 2.0, 3.0, 5.0, 8.0]}
    found = tune(tmp_path, bowl(epochs=40), space, 4, confirm=0)
    late = [step for step in found.outcome.diverged.values() if step > 8]
    assert late
    kept = loaded(tmp_path)
    assert decided(kept) == decided(found)
    assert [answer for _, answer in kept.asked] == [answer for _, answer in found.asked]
    assert found.edge("sgd") == min(arm.lr for arm in found.outcome.diverged)


def test_schedules_that_diverge_where_their_trunk_did_not(tmp_path):
    rising = "constant(over='50%') >> constant(1e30)"
    space = {"optimizers": ["sgd"], "schedules": [rising, "constant()"], "lr": [0.01, 0.1]}
    found = tune(tmp_path, bowl(), space, 5)
    assert found.best.schedule == "constant()"
    assert {arm["schedule"] for arm in found.outcome.diverged} == {rising}
    assert told(loaded(tmp_path)) == told(found)


WILD = {"optimizers": ["sgd"], "schedules": ["cosine()", "constant()"], "lr": [1e27, 1e30]}


def test_every_row_diverging_is_told_with_a_rate_to_begin_with(tmp_path):
    found = tune(tmp_path, bowl(), WILD, 40)
    assert not found.is_found
    assert "Every arm diverged" in found.table()
    lowest = min(arm.lr for arm in found.outcome.diverged)
    assert f"the lowest at a rate of {lowest:g}: begin far below it, with lr: [" in " ".join(found.table().split())
    with pytest.raises(SurefootError, match="Every arm diverged"):
        found.best  # noqa: B018
    assert told(loaded(tmp_path)) == told(found)
    assert found.to_json()["best"] is None
    assert "Every arm diverged" in found.to_html(tmp_path / "report.html")
    found.to_png(tmp_path / "race.png")
    with mock.patch("surefoot.studies.search.Search._sitting", None):
        assert told(tune(tmp_path, bowl(), WILD, 40, resume=True)) == told(found)


def test_a_winner_that_diverges_on_fresh_seeds_is_not_taken(tmp_path):
    """A task that loses the best arm on every seed but the first."""

    class Lost(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 2).double()
            self.register_buffer("bad", self.body.weight.detach().flatten()[0].clone())

        def forward(self, x):
            moved = (self.body.weight.flatten()[0] - self.bad).abs()
            return self.body(x) * torch.where((self.bad != first) & (moved > 0.2), torch.inf, 1.0)

    torch.manual_seed(0)
    from surefoot.tasks import prepare
    from surefoot.training import initial_model

    first = 0.0
    first = float(initial_model(prepare(made(model=Lost)), 0).bad)
    found = tune(tmp_path, made(model=Lost), SMALL | {"lr": [0.1, 1.0]})
    assert found.outcome.rivals == ()
    assert "diverged on fresh seeds" in found.table()
    assert told(loaded(tmp_path)) == told(found)


# What could not be searched


WRONG = {
    "empty": ({}, "the space is empty: it has no optimizers"),
    "no schedules": ({"optimizers": ["sgd"], "lr": [0.1, 1]}, "it has no schedules"),
    "empty list": (SMALL | {"schedules": []}, "it has no schedules"),
    "no rates": ({"optimizers": ["sgd"], "schedules": ["cosine()"]}, "says no rates for sgd"),
    "no rates of one": (SMALL | {"optimizers": {"sgd": []}}, "a list of rates needs one at least"),
    "upside down": (SMALL | {"lr": [1.0, 0.1]}, "the lower first"),
    "negative": (SMALL | {"lr": [-0.1, 0.1]}, "rates are numbers above 0"),
    "zero": (SMALL | {"lr": [0, 0.1]}, "rates are numbers above 0"),
    "words": (SMALL | {"lr": "high"}, "rates are numbers above 0"),
    "infinite": (SMALL | {"lr": [0.1, float("inf")]}, "rates are numbers above 0"),
    "listed words": (SMALL | {"optimizers": {"sgd": {"listed": ["a"]}}}, "rates are numbers above 0"),
    "a mapping": (SMALL | {"optimizers": {"sgd": {"low": 3}}}, "rates are numbers above 0"),
    "unknown optimizer": (SMALL | {"optimizers": ["sdg"]}, "sgd"),
    "unknown schedule": (SMALL | {"schedules": ["cosin()"]}, "cosine"),
    "a rate": (SMALL | {"schedules": ["0.1 * cosine()"]}, "a schedule of a space is a shape"),
    "twice": (SMALL | {"schedules": ["cosine()", "cosine()"]}, "schedules are given twice"),
    "a text": (SMALL | {"schedules": "cosine()"}, "schedules must be a list"),
    "a number": (SMALL | {"optimizers": 3}, "optimizers must be a list"),
    "nobody has it": (SMALL | {"momentum": [0.9, 0]}, "no optimizer of the space has 'momentum'"),
    "misspelt": (SMALL | {"wait_decay": [0.9, 0]}, "weight_decay"),
    "no name": (SMALL | {3: [0.9, 0]}, "no optimizer of the space has '3'"),
    "no list": (SMALL | {"weight_decay": 0.1}, "weight_decay must be a list"),
    "no values": (SMALL | {"weight_decay": []}, "it has no weight_decay"),
    "too high in the end": (SMALL | {"schedules": ["cosine()", "constant(2e30)"]}, "1e+30"),
    "out of range": (SMALL | {"weight_decay": [-1]}, "weight_decay"),
    "longer than the horizon": (SMALL | {"schedules": ["linear(31)"]}, "linear"),
    "of the clock": (SMALL | {"schedules": ["during(cosine(), '1min')"]}, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_spaces_that_are_wrong_are_refused_before_anything_is_made(tmp_path, name):
    space, message = WRONG[name]
    with pytest.raises(UsageError) as raised:
        tune(tmp_path / "out", space=space)
    assert message in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "", "a: [", "optimizers: [\x00]", "3"])
def test_files_that_are_no_space_are_refused(tmp_path, text):
    (tmp_path / "space.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"space\.yaml"):
        tune(tmp_path / "out", space=tmp_path / "space.yaml")
    with pytest.raises(UsageError, match="cannot read the space"):
        tune(tmp_path / "out", space=tmp_path / "nowhere.yaml")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "given", ["", "x", "much", "-1x", 0, -3, "nanx", "infx", float("nan"), "0s", "-2min", True, "1d"]
)
def test_budgets_that_are_none_are_refused(given):
    with pytest.raises(UsageError, match="this is no budget"):
        budget_of(given)


@pytest.mark.parametrize(
    ("given", "budget"),
    [("8x", (8, None)), (8, (8, None)), ("0.5", (0.5, None)), ("90s", (0, 90)), ("1.5min", (0, 90)), ("2h", (0, 7200))],
)
def test_budgets(given, budget):
    assert budget_of(given) == budget


def test_a_budget_too_small_names_one_that_works(tmp_path):
    with pytest.raises(UsageError, match=r"(?i)too small to decide anything.*give \S+x at least") as raised:
        tune(tmp_path / "out", budget="0.1x")
    assert not (tmp_path / "out").exists()
    least = str(raised.value).partition("ive ")[2].partition("x at")[0]
    found = tune(tmp_path / "out", budget=f"{least}x")
    assert found.is_found
    assert found.searched <= float(least)
    with pytest.raises(UsageError, match="too short to decide anything"):
        tune(tmp_path / "time", budget="0.001s")


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"seeds": "two"}, {"confirm": -1}, {"first_seed": -1}, {"trainer": "x"}]
)
def test_options_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        tune(tmp_path / "out", **wrong)
    with pytest.raises(UsageError, match="tune has no option 'target'"):
        tune(tmp_path / "out", target=0.5)


# Going on


@contextmanager
def stopped(at, error=KeyboardInterrupt):
    """A task whose metric raises at its look of a number."""
    looks = []

    def accuracy(outputs, targets):
        looks.append(1)
        if len(looks) == at:
            raise error
        return (outputs.argmax(1) == targets).double().mean()

    yield made(metrics=[sf.Metric("accuracy", accuracy)]), looks


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an undisturbed search finds, and how many looks that takes."""
    folder = tmp_path_factory.mktemp("whole")
    with stopped(0) as (task, looks):
        found = tune(folder, task)
    return numbers(folder), decided(found), len(looks)


@pytest.mark.parametrize("share", [0.06, 0.1, 0.3, 0.5, 0.65, 0.8, 0.999])
def test_ctrl_c_at_any_moment_costs_a_tile(tmp_path, whole, share):
    expected, decisions, most = whole
    with stopped(1 + int(share * most)) as (task, looks):
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, task)
        before = loaded(tmp_path)  # as `surefoot show` does
        assert before.study.status == "interrupted"
        assert not before.is_found
        assert "The search is not finished" in before.table()
        before.to_html()
        before.to_png(tmp_path / "race.png")
        assert before.decisions == decisions[0][: len(before.decisions)]
        found = tune(tmp_path, task, resume=True)
        assert len(looks) <= most + 12  # of one tile
    assert decided(found) == decisions
    assert numbers(tmp_path) == expected
    assert told(loaded(tmp_path)) == told(found)
    assert "resumed: the race goes over what was recorded" in found.study.notes


def test_a_task_that_raises_can_be_gone_on_with(tmp_path, whole):
    expected, decisions, most = whole
    with stopped(most // 2, ZeroDivisionError) as (task, _):
        with pytest.raises(ZeroDivisionError):
            tune(tmp_path, task)
        assert loaded(tmp_path).study.status == "failed"
        assert decided(tune(tmp_path, task, resume=True)) == decisions
    assert numbers(tmp_path) == expected


@pytest.mark.parametrize("how", ["damaged", "missing"])
@pytest.mark.parametrize("every", [1, 2])
def test_a_checkpoint_that_is_no_more_is_trained_again(tmp_path, whole, how, every):
    expected, decisions, most = whole
    with stopped(int(0.6 * most)) as (task, _):
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, task)
        files = sorted((tmp_path / f"{FILE}.checkpoints").iterdir())
        assert len(files) > 2
        for file in files[::every]:
            file.unlink() if how == "missing" else file.write_bytes(b"no more")
        with Store(tmp_path / FILE) as store:
            assert not store.check().sound
        found = tune(tmp_path, task, resume=True)
    assert f"is {how}" in " ".join(found.study.notes)
    assert "starts over" in " ".join(found.study.notes)
    assert decided(found) == decisions
    assert numbers(tmp_path) == expected
    loaded(tmp_path)


def test_where_the_race_takes_another_turn_what_came_after_is_gone(tmp_path, whole):
    """As it may where numbers that were trained anew differ in the last digits."""
    _, _, most = whole
    with stopped(int(0.7 * most)) as (task, _):
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, task)
        before = len(loaded(tmp_path).study.runs)
        with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
            turned = "'$.accuracy', 1 - json_extract(seen, '$.accuracy'), '$.loss', 9 - json_extract(seen, '$.loss')"
            db.execute(f"UPDATE observations SET seen = json_set(seen, {turned}) WHERE run < 8")  # on the first rung
        found = tune(tmp_path, task, resume=True)
    assert "the race took another turn than before" in " ".join(found.study.notes)
    assert before
    kept = loaded(tmp_path)
    assert decided(kept) == decided(found)
    assert found.is_found
    assert [run.run.recipe for run in kept.study.runs] == [run.recipe for run in kept.roster.runs]


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("what", ["save_file", "execute"])
def test_a_full_disk_is_told_and_can_be_gone_on_with(tmp_path, whole, what, share):
    expected, decisions, _ = whole
    made_writes = []

    def at(said, when):
        if when == "before" and said.startswith(what):
            made_writes.append(said)
            if len(made_writes) == limit:
                raise (
                    OSError(28, "No space left on device")
                    if what == "save_file"
                    else sqlite3.OperationalError("database or disk is full")
                )

    limit = -1
    with stopped(0) as (task, _):
        with interposed(at):
            tune(tmp_path / "count", task)
        limit = int(share * len(made_writes))
        made_writes.clear()
        with (
            interposed(at),
            pytest.raises(StoreError, match="Free some space, then run the same command with --resume"),
        ):
            tune(tmp_path / "full", task)
        found = tune(tmp_path / "full", task, resume=True)
    assert decided(found) == decisions
    assert numbers(tmp_path / "full") == expected
    loaded(tmp_path / "full")


def test_a_search_that_was_killed_before_it_had_a_plan_begins_anew(tmp_path, whole):
    with stopped(0) as (task, _):
        with mock.patch("surefoot.store.Store.plan", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            tune(tmp_path, task)
        found = tune(tmp_path, task, resume=True)
    assert decided(found) == whole[1]
    assert "nothing to resume" in " ".join(found.study.notes)


def test_another_search_is_another_one(tmp_path):
    with stopped(20) as (task, _), pytest.raises(KeyboardInterrupt):
        tune(tmp_path, task)
    for options in ({"budget": 3.5}, {"confirm": 1}, {"space": SMALL | {"lr": [0.01, 0.9]}}, {"epochs": 2}):
        found = tune(tmp_path, resume=True, **options)
        assert "nothing to resume: no such search was begun here before" in " ".join(found.study.notes)
    with Store(tmp_path / FILE) as store:
        assert [study.status for study in store.studies()] == ["interrupted", *["done"] * 4]


def test_a_process_that_dies_twice_gives_up_its_runs_and_the_others_go_on(tmp_path):
    class Deadly(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 2).double()

        def forward(self, x):
            if os.getpid() != here and self.body.weight.abs().max() > 3.0:
                os.kill(os.getpid(), signal.SIGKILL)
            return self.body(x)

    here = os.getpid()
    space = {"optimizers": ["sgd"], "schedules": ["constant()"], "lr": [0.01, 0.1, 1.0, 300.0]}
    found = tune(tmp_path, made(model=Deadly), space, 8, place="pool", confirm=0)
    assert "its process died twice" in " ".join(found.study.notes)
    assert "failed" in {run.status for run in found.study.runs}
    assert found.best.lr < 300
    assert decided(loaded(tmp_path)) == decided(found)


KILL = """
import os, shutil, sys
from pathlib import Path
tests, folder, numbers = sys.argv[1], Path(sys.argv[2]), [int(each) for each in sys.argv[3].split(",")]
sys.path.insert(0, tests)
import scripted
from studies.test_tune import tune, stopped

def at(what, when):
    global left
    left -= when != "after"
    if left == 0:
        os.kill(os.getpid(), 9)

with stopped(0) as (task, _):
    tune(folder / "warm", task)  # so that no child loads what all of them need
    shutil.rmtree(folder / "warm")
    for number in numbers:
        left, child = number, os.fork()
        if child == 0:
            with scripted.interposed(at):
                tune(folder / str(number), task)
            os._exit(0)
        assert os.waitpid(child, 0)[1] in (0, 9)
"""


def test_a_process_may_be_killed_at_any_write(tmp_path, whole):
    """Of the record file and of checkpoints: before, in the midst and after; here at some of several hundred."""
    expected, decisions, _ = whole
    count = []
    with stopped(0) as (task, _), interposed(lambda what, when: count.append(when != "after")):
        tune(tmp_path / "count", task)
    most = sum(count)
    assert most > 150
    numbers_of = [1, 4, 7, 10, *range(13, most, most // 9)]
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-W", "ignore", "-c", KILL, tests, str(tmp_path), ",".join(map(str, numbers_of))]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    with stopped(0) as (task, _):
        for number in numbers_of:
            folder = tmp_path / str(number)
            with Store(folder / FILE) as store:
                assert store.check().sound, number
                assert {study.status for study in store.studies()} <= {"interrupted"}, number
            assert decided(tune(folder, task, resume=True)) == decisions, number
            assert numbers(folder) == expected, number
            loaded(folder)
