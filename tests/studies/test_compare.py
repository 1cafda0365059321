"""`sf.compare`, whole: the same numbers from Python, from the store, and from either trainer."""

import io

import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot.core.record import Doing, Note, Progress
from surefoot.core.run import Run
from surefoot.report import Comparison
from surefoot.store import Store
from surefoot.studies.progress import Watcher

RECIPES = [
    sf.Recipe("adam", sf.like.torch.Adam(), 0.01, sf.warmup("10%") >> sf.cosine()),
    sf.Recipe("slow", "sgd", 1e-5),
]


def made(**options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(240, 4, generator=generator)
    given = {"name": "made", "model": lambda: nn.Linear(4, 2), "loss": "cross_entropy", "epochs": 3}
    return sf.Task(**{**given, "train": (x, (x.sum(1) > 0).long()), **options})


def test_the_result_and_the_store_say_the_same(tmp_path):
    found = sf.compare(made(), RECIPES, seeds=[4, 2], out=tmp_path, progress=False)
    assert found.best.recipe == RECIPES[0]
    with Store(tmp_path / "surefoot.sqlite", create=False) as store:
        kept = Comparison.of(store.load())
    assert kept.to_json() == found.to_json()
    assert kept.table() == found.table()
    assert [run.run.seed for run in kept.study.runs] == [4, 2, 4, 2]
    assert {len(run.losses) for run in kept.study.runs} == {kept.study.facts.steps} == {18}


def test_runs_repeat_exactly():
    first, again = (sf.compare(made(), RECIPES, seeds=2, out=None, progress=False) for _ in range(2))
    for a, b in zip(first.study.runs, again.study.runs, strict=True):
        assert a.observations == b.observations


def test_a_recipes_numbers_do_not_depend_on_the_others():
    """Within the rounding of the fused trainer; the loop is exact."""
    for trainer, close in (("fused", 1e-5), ("loop", 0.0)):
        both = sf.compare(made(), RECIPES, seeds=2, out=None, progress=False, trainer=trainer)
        alone = sf.compare(made(), RECIPES[1:], seeds=2, out=None, progress=False, trainer=trainer)
        for a, b in zip(both.study.runs[2:], alone.study.runs, strict=True):
            for one, other in zip(a.observations, b.observations, strict=True):
                assert one.values == pytest.approx(other.values, rel=close, abs=close)


def test_the_callers_random_state_is_left_alone():
    before = torch.get_rng_state()
    sf.compare(made(), RECIPES, seeds=1, out=None, progress=False)
    assert torch.equal(before, torch.get_rng_state())


def test_nothing_is_kept_where_out_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sf.compare(made(), RECIPES, seeds=1, out=None, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_regression_with_a_test_set():
    x = torch.randn(200, 3)
    y = x.sum(1, keepdim=True)
    task = made(model=lambda: nn.Linear(3, 1), loss="mse", train=(x, y), test=(x[:50], y[:50]))
    found = sf.compare(task, RECIPES, seeds=2, out=None, progress=False)
    assert (found.study.facts.rank, found.study.facts.goal) == ("loss", "min")
    assert found.summaries[0].test.mean > 0
    assert " test " in found.table()
    assert [axes.get_ylabel() for axes in found.plot().axes] == ["validation loss", "training loss"]


def test_curves_on_the_test_set_are_marked_everywhere():
    from surefoot.studies import RecipeSet

    x = torch.randn(100, 4)
    task = made(test=(x, (x.sum(1) > 0).long()))
    found = sf.compare(task, RecipeSet(RECIPES, curves="test"), seeds=1, out=None, progress=False)
    assert found.study.facts.watched == "test"
    assert found.study.facts.samples == {"train": 240, "test": 100}
    assert "the test set was looked at while comparing" in found.table()
    assert "curves on the test set" in found.plot()._suptitle.get_text()
    assert "ranking are on the test set" in found.to_html()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"recipes": []}, "no recipes"),
        ({"recipes": [RECIPES[0], RECIPES[0]]}, "same name"),
        ({"recipes": "clasic"}, "Did you mean 'classic'"),
        ({"recipes": ["adam"]}, "not a recipe; received 'adam'"),
        ({"recipes": None}, "not a recipe"),
        ({"seeds": 3.0}, "seeds must be"),
        ({"seeds": None}, "seeds must be"),
        ({"task": None}, "task"),
        ({"epochs": 10**12}, "longer than 100,000,000 steps"),
        ({"seeds": 0}, "seeds must be"),
        ({"seeds": [1, -1]}, "seeds must be"),
        ({"seeds": True}, "seeds must be"),
        ({"lr": float("nan")}, "learning rate"),
        ({"lr": [0.1, -0.1]}, "learning rate"),
        ({"trainer": "quantum"}, "auto, fused, loop"),
        ({"target": float("inf")}, "finite"),
        ({"epochs": 0}, "epochs"),
        ({"task": made(train=(torch.randn(0, 4), torch.zeros(0).long()))}, "empty|no samples"),
        ({"task": made(train=(torch.randn(9, 4), torch.zeros(8).long()))}, "8"),
    ],
)
def test_mistakes_are_refused_before_anything_is_kept(tmp_path, options, complaint):
    with pytest.raises(sf.UsageError, match=complaint):
        sf.compare(**{"task": made(), "recipes": RECIPES, "out": tmp_path, "progress": False, **options})
    assert list(tmp_path.iterdir()) == []


def test_a_metric_that_breaks_marks_the_study_failed(tmp_path):
    looks = []

    def broken(outputs, targets):
        looks.append(1)
        return float("nan") if len(looks) > 4 else 1.0

    with pytest.raises(sf.UsageError, match="metric 'broken' is not finite"):
        sf.compare(made(metrics=[sf.Metric("broken", broken)]), RECIPES, out=tmp_path, progress=False)
    with Store(tmp_path / "surefoot.sqlite") as store:
        assert store.load().status == "failed"


def test_progress_is_plain_lines_where_there_is_no_terminal(monkeypatch):
    clock = iter([0.0, 0.0, 6.0, 7.0, 12.0, 13.0, 30.0])
    monkeypatch.setattr("surefoot.studies.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    watcher = Watcher("digits", [Run(0, RECIPES[0], 0)], stream)
    for done in (0, 100, 200, 300, 1000, 1000):
        watcher(Progress(done, 1000, 1, 1, "loop, step"))
    watcher(Note("something"))
    lines = stream.getvalue().splitlines()
    assert lines == [
        "digits: loop, step, 10 %, 1/1 rows alive, 17 updates/s, 54 s left",
        "digits: loop, step, 30 %, 1/1 rows alive, 25 updates/s, 28 s left",
        "digits: loop, step, 100 %, 1/1 rows alive, 77 updates/s, 0 s left",
        "note: something",
    ]


def test_the_time_left_does_not_count_the_time_of_compiling(monkeypatch):
    clock = iter([0.0, 0.0, 20.0, 26.0])
    monkeypatch.setattr("surefoot.studies.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    watcher = Watcher("digits", [Run(0, RECIPES[0], 0)], stream)
    for event in (
        Progress(0, 1000, 1, 1, "fused"),
        Doing("compiling"),
        *(Progress(n, 1000, 1, 1, "") for n in (10, 70)),
    ):
        watcher(event)
    assert stream.getvalue().splitlines() == [
        "compiling",
        "digits: , 7 %, 1/1 rows alive, 10 updates/s, 93 s left",
    ]


def test_fashion_mnist_repeats_the_experiment_in_small():
    """The real data, the set as it ships, a part of an epoch: the task is asked for by name where it is installed."""
    from pathlib import Path

    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist")
    from surefoot.tasks import load

    whole = load("fashion-mnist")
    small = sf.Task(
        name="fashion-mnist", model=whole.model, loss=whole.loss, test=tuple(part[:2000] for part in whole.test),
        train=tuple(part[:6400] for part in whole.train),
    )  # fmt: skip
    found = sf.compare(small, "source", seeds=2, epochs=2, out=None, progress=False)
    facts = found.study.facts
    assert (facts.parameters, facts.batch_size, facts.watched, facts.steps_per_epoch) == (101_770, 32, "test", 200)
    by_name = {summary.name: summary for summary in found.summaries}
    assert by_name["Adam, Keras defaults"].final.mean > 0.78
    assert by_name["Adam, Keras defaults"].final.mean > by_name["SGD, fixed 0.01"].final.mean
