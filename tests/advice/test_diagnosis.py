"""What a history shows: on trainings that were made to go wrong, on recorded ones, and by laws that curves obey."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from torch import nn

import surefoot as sf
from surefoot.advice.diagnosis import FIT, QUESTION, diagnose
from surefoot.advice.history import History, Series
from surefoot.advice.trend import Curve
from surefoot.core.language import words
from surefoot.tasks.digits import digits

SEEDS = 4
KINDS = {"diverging", "over-fitting", "oscillating", "plateau", "too slow", "healthy", "too short"}
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "deepobs"  # beside the project, where there is one


def history(loss=None, val_loss=None, lr=None, unit="epoch", x=None):
    given = {"loss": loss, "val_loss": val_loss, "lr": lr}
    arrays = {key: np.asarray(y, dtype=np.float64) for key, y in given.items() if y is not None}
    return History(
        {key: Series(np.arange(1.0, len(y) + 1) if x is None else x, y, key, unit) for key, y in arrays.items()}
    )


def kinds(*args, **options):
    return diagnose(history(*args, **options)).kinds


def of_run(run):
    """A run of a comparison as its log would be; what diverged ends in nan."""
    ends = [np.nan] if run.diverged is not None else []
    losses = {name: [seen.values[key] for seen in run.observations] for name, key in NAMES.items()}
    return history(**{name: [*values, *ends] for name, values in losses.items()})


NAMES = {"loss": "train_loss", "val_loss": "loss"}


# Trainings of small networks on digits --------------------------------------------------------------------------------

RECIPES = {
    "slow, SGD": ("sgd", 1e-3, "constant()"),
    "slow, Adam": ("adam", 1e-4, "constant()"),
    "edge, momentum": ("sgd(momentum=0.9)", 0.3, "constant()"),
    "dropped": ("sgd(momentum=0.9)", 0.05, "multistep(['40%'], factor=1e-4)"),
    "far too high": ("sgd", 20.0, "constant()"),
    "good, SGD": ("sgd", 0.1, "constant()"),
    "good, momentum": ("sgd(momentum=0.9)", 0.03, "constant()"),
    "good, cosine": ("sgd(momentum=0.9)", 0.05, "cosine()"),
    "good, Adam": ("adam", 3e-3, "constant()"),
}


def trained(task, recipes, epochs):
    found = sf.compare(
        task,
        [sf.Recipe(name, *recipe) for name, recipe in recipes.items()],
        seeds=SEEDS,
        epochs=epochs,
        out=None,
        progress=False,
        place="here",
        compile=False,
    )
    runs = {}
    for run in found.study.runs:
        runs.setdefault(run.run.recipe.name, []).append(run)
    return runs


@pytest.fixture(scope="module")
def runs():
    return trained("digits", RECIPES, 15)


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        ("slow, SGD", "too slow"),
        ("slow, Adam", "too slow"),
        ("edge, momentum", "oscillating"),
        ("dropped", "plateau"),
        ("far too high", "plateau"),
        ("good, SGD", "healthy"),
        ("good, momentum", "healthy"),
        ("good, cosine", "healthy"),
        ("good, Adam", "healthy"),
    ],
)
def test_a_training_shows_what_was_done_to_it(runs, recipe, kind):
    """On every seed but one at most: near the edge, chance decides."""
    shown = Counter(diagnose(of_run(run)).findings[0].kind for run in runs[recipe])
    assert shown[kind] >= SEEDS - 1, shown


def test_what_the_validation_loss_answers(runs):
    answers = {
        name: Counter(diagnose(of_run(run)).answers.get(QUESTION) for run in each) for name, each in runs.items()
    }
    assert answers["slow, SGD"] == answers["good, SGD"] == {"steady": SEEDS}
    assert answers["dropped"] == {None: SEEDS}  # it stands still: neither
    assert answers["edge, momentum"]["unstable"] >= SEEDS // 2


def test_every_step_shows_the_same_as_every_epoch(runs):
    """Blocks of steps take the noise of batches out."""
    for name, kind in {"slow, Adam": "too slow", "good, SGD": "healthy", "good, momentum": "healthy"}.items():
        shown = Counter(kinds(loss=run.losses, unit="step") for run in runs[name])
        assert shown[(kind,)] >= SEEDS - 1, (name, shown)


def test_a_rate_beyond_the_edge_diverges():
    ready = digits()
    one_hot = [(x, nn.functional.one_hot(y, 10).float()) for x, y in (ready.train, ready.validation)]
    task = sf.Task(
        name="squares",
        model=lambda: nn.Linear(64, 10),
        loss="mse",
        train=one_hot[0],
        validation=one_hot[1],
        batch_size=32,
        epochs=12,
    )
    shown = trained(task, {"beyond": ("sgd", 1.0, "constant()"), "below": ("sgd", 0.1, "constant()")}, 12)
    for run in shown["beyond"]:
        seen = diagnose(of_run(run))
        assert seen.kinds == ("diverging",)
        assert seen.answers == {}  # nothing fluctuates
    # Before it is nan the loss has long left its first value.
    assert kinds(loss=[2.3, 2.5, 3.1, 5.2, 9.9]) == ("diverging",)
    assert all("diverging" not in diagnose(of_run(run)).kinds for run in shown["below"])


def test_few_samples_and_a_wide_network_over_fit():
    ready = digits()
    x, y = ready.train
    few = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:150]
    y = y[few].clone()
    y[:20] = y[:20].roll(1)  # a few wrong labels, to be learnt by heart
    task = sf.Task(
        name="few",
        model=lambda: nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 10)),
        loss="cross_entropy",
        train=(x[few], y),
        validation=ready.validation,
        batch_size=32,
        epochs=60,
    )
    for run in trained(task, {"no decay": ("adam", 3e-3, "constant()")}, 60)["no decay"]:
        found = diagnose(of_run(run))
        assert found.kinds == ("over-fitting",)
        assert found.answers == {FIT: "over"}
        losses = [seen.values["loss"] for seen in run.observations]
        said = int(found.findings[0].evidence.split("at epoch ")[1].split(" ")[0])
        assert losses[said - 1] < 1.02 * min(losses)


# Recorded trainings ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    """(problem, run, diagnosis) of every run, read where it lies."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded curves are not on this machine")
    shown = []
    for file in sorted(RECORDED.glob("*.json.gz")):
        with gzip.open(file) as opened:
            data = json.load(opened)
        for run in data["runs"]:
            losses = [
                np.array([np.nan if v is None else v for v in run[key]]) for key in ("train_losses", "test_losses")
            ]
            shown.append((run, losses, diagnose(history(*losses))))
    return shown


def test_what_was_not_finite_diverged(recorded):
    lost = [found.kinds for _, losses, found in recorded if not np.isfinite(losses).all()]
    assert len(lost) > 100
    assert set(lost) == {("diverging",)}


def test_what_ends_above_its_beginning_diverges(recorded):
    """Or goes up and down so much that no more can be said."""
    high = [found.kinds for _, (t, _v), found in recorded if np.isfinite(t).all() and t[-3:].min() > 1.05 * t[0]]
    assert len(high) > 30
    assert set(high) <= {("diverging",), ("oscillating",)}
    assert Counter(high)[("diverging",)] >= 0.85 * len(high)


def test_the_best_rates_are_never_called_diverging_slow_or_straying(recorded):
    """The seeds beside 42 were trained at each optimizer's best rate."""
    best = Counter(kind for run, _, found in recorded if run["seed"] != 42 for kind in found.kinds)
    assert best.total() > 100
    assert set(best) <= {"healthy", "plateau", "over-fitting"}


def test_the_smallest_rates_are_too_slow(recorded):
    small = [
        found.kinds
        for run, (t, _v), found in recorded
        if run["learning_rate"] < 1e-3 and np.isfinite(t).all() and 0.02 * t[0] < t[0] - t[-1] < 0.15 * t[0]
    ]
    assert len(small) >= 8
    assert set(small) == {("too slow",)}


def test_networks_that_never_moved_stand_still(recorded):
    still = [found.kinds for _, (t, _v), found in recorded if np.isfinite(t).all() and np.ptp(t) < 0.01 * t[0]]
    assert len(still) > 10
    assert set(still) == {("plateau",)}


def test_scale_and_places_change_nothing(recorded):
    for _run, (t, v), found in recorded[::9]:
        x = 7.0 + 50 * np.arange(len(t))
        assert kinds(0.37 * t, 0.37 * v, unit="step", x=x) == found.kinds


# Laws -----------------------------------------------------------------------------------------------------------------

values = st.floats(-1e3, 1e3, allow_subnormal=False)
curves = npst.arrays(np.float64, st.integers(4, 80), elements=st.one_of(values, st.sampled_from([0.0, 1.0, 2.303])))
shapes = st.builds(
    lambda n, rate, noise, seed: np.exp(-rate * np.arange(n)) + noise * np.random.default_rng(seed).normal(size=n),
    st.integers(4, 300),
    st.floats(-0.1, 1),
    st.floats(0, 0.5),
    st.integers(0, 99),
)
either = st.one_of(curves, shapes)


@given(loss=either, val_loss=st.none() | either, power=st.integers(-40, 40), start=st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_kinds_depend_on_neither_scale_nor_places(loss, val_loss, power, start):
    """A power of two, so that no rounding moves a value across a threshold; the recorded curves take any factor."""
    seen = history(loss, val_loss)
    moved = {key: Series(start + 3 * s.x, np.ldexp(s.y, power), "another", "step") for key, s in seen.series.items()}
    assert diagnose(History(moved)).kinds == diagnose(seen).kinds
    assert diagnose(History(moved)).answers == diagnose(seen).answers


@given(loss=either, lost=st.sampled_from([np.nan, np.inf, -np.inf]))
@settings(deadline=None, max_examples=50)
def test_what_ends_in_nan_diverges(loss, lost):
    found = diagnose(history([*loss, lost]))
    assert found.kinds == ("diverging",)
    assert f"epoch {len(loss) + 1} " in found.findings[0].evidence
    assert kinds(None, [*loss, lost]) == kinds(loss, [*loss, lost]) == ("diverging",)


extreme = npst.arrays(np.float64, st.integers(4, 30), elements=st.floats(allow_nan=False, allow_infinity=False))


@given(
    loss=st.none() | extreme | either,
    val_loss=extreme | either,
    lr=st.none() | extreme,
    lang=st.sampled_from(["en", "zh"]),
)
@settings(deadline=None, max_examples=200)
@example(loss=np.array([1.7e308, -1.7e308] * 5), val_loss=np.full(4, 5e-324), lr=np.zeros(4), lang="en")
def test_every_finite_history_shows_something(loss, val_loss, lr, lang):
    found = diagnose(history(loss, val_loss, lr), words(lang))
    assert found.findings
    assert set(found.kinds) <= KINDS
    assert len(set(found.kinds)) == len(found.kinds)
    assert ("healthy" in found.kinds or "too short" in found.kinds) <= (len(found.kinds) == 1)
    assert found.answers.get(QUESTION) in {"unstable", "steady", None}
    assert found.answers.get(FIT) in {"over", "under", None}
    assert all(finding.evidence and finding.remedy for finding in found.findings)


@given(n=st.integers(10, 200), slope=st.floats(0.001, 0.9))
def test_a_straight_line_down_is_too_slow_and_up_diverges(n, slope):
    line = np.linspace(0, slope, n)
    assert kinds(1 - line) == ("too slow",)
    if slope > 0.06:
        assert kinds(1 + line) == ("diverging",)


@given(n=st.integers(8, 120), rate=st.floats(0.02, 2), floor=st.floats(0, 3), scale=st.floats(1e-3, 1e3))
def test_a_smooth_fall_is_at_worst_slow_or_done(n, rate, floor, scale):
    smooth = scale * (floor + np.exp(-rate * np.arange(n)))
    assert set(kinds(smooth, 1.1 * smooth)) <= {"healthy", "plateau", "too slow"}


@given(noise=st.floats(0.15, 0.5), seed=st.integers(0, 999), n=st.integers(20, 60))
@settings(deadline=None, max_examples=50)
def test_up_and_down_without_a_trend_oscillates(noise, seed, n):
    swing = noise * np.where(np.arange(n) % 2, 1, -1)
    late = 0.5 + swing + 0.02 * np.random.default_rng(seed).normal(size=n)
    assert kinds([2.0, 1.5, 1.0, *late]) == ("oscillating",)


# What is said ---------------------------------------------------------------------------------------------------------

T = np.arange(30.0)
FALLING = 0.2 + 2 * np.exp(-T / 4)


def the(found):
    (finding,) = found.findings
    return finding


def test_numbers_of_divergence():
    found = the(diagnose(history([2.3, 1.9, 4.5, np.nan, np.nan], lr=[0.1] * 5)))
    assert found.evidence == "The training loss is not finite from epoch 4 on; before, it was 4.5."
    assert found.remedy.startswith("Lower the learning rate from 0.1 to about 0.03, and to 0.01")
    assert the(diagnose(history([np.nan] * 3))).evidence == "The training loss is not finite from the first value on."
    assert "is not finite at epoch 2" in the(diagnose(history([2.0, np.inf, 1.0, 0.9]))).evidence
    assert "ends at 4, above the 2" in the(diagnose(history(np.linspace(2, 4.2, 12)))).evidence
    back = np.concatenate([FALLING, np.linspace(0.2, 1.4, 12)])
    assert "was down to 0.2" in the(diagnose(history(back))).evidence


def test_numbers_of_over_fitting():
    val = 0.4 + 1.5 * np.exp(-T / 3) + 0.02 * np.maximum(0, T - 9)
    found = the(diagnose(history(FALLING - 0.1, val)))
    assert found.kind == "over-fitting"
    assert "at epoch 11 " in found.evidence
    assert "to 0.78" in found.evidence
    assert found.remedy.startswith("Take the weights of epoch 11")
    assert kinds(None, val) == ("over-fitting",)
    assert kinds(FALLING[::-1] + val, val) != ("over-fitting",)  # the training loss rises as well


def test_numbers_of_oscillation():
    val = 0.5 + 1.5 * np.exp(-T) + 0.15 * np.where(T % 2, 1, -1)
    found = the(diagnose(history(FALLING, val, lr=np.full(30, 0.3))))
    assert found.kind == "oscillating"
    assert found.evidence == (
        "The validation loss strays by 0.15 about its trend from epoch 21 on, 8% of all it has fallen."
    )
    assert "from 0.3 to about 0.1" in found.remedy
    cycles = 0.1 + 0.1 * np.where(T % 2, 1, -1)
    assert kinds(FALLING, val, lr=cycles) == ("healthy",)  # the schedule asks for it


def test_numbers_of_a_plateau():
    stopped = np.concatenate([FALLING[:10], np.full(20, FALLING[10])])
    found = the(diagnose(history(stopped, lr=np.full(30, 0.1))))
    assert found.kind == "plateau"
    assert "stands at 0.364 from epoch 21 on" in found.evidence
    assert "from 0.1 to about 0.01" in found.remedy
    decayed = the(diagnose(history(stopped, lr=0.1 * 0.5**T)))
    assert "had come down to 9.5e-08" in decayed.remedy
    high = diagnose(history(stopped + 2, stopped + 2.05))
    assert "less weight decay, or a larger model" in the(high).remedy
    assert high.answers == {FIT: "under"}
    assert "weight decay" not in the(diagnose(history(stopped, stopped + 1))).remedy
    never = the(diagnose(history(np.full(12, 2.303), lr=np.full(12, 1e-6))))
    assert never.evidence == "The training loss has stayed at 2.303 from the beginning."
    assert "from 1e-06 to about 1e-05" in never.remedy


def test_numbers_of_slowness():
    found = the(diagnose(history(2.3 - 0.01 * T, lr=np.full(30, 1e-4))))
    assert found.kind == "too slow"
    assert "by 0.09 from epoch 21 on, by 0.28 from 2.3 in all" in found.evidence
    assert "from 0.0001 to between 0.0003 and 0.001" in found.remedy


def test_a_loss_below_zero_is_judged_by_its_fall():
    """A negative loss has no level that could be a measure."""
    val = 1.5 * np.exp(-T) - 3
    assert kinds(FALLING, val + 0.15 * np.where(T % 2, 1, -1)) == ("oscillating",)
    assert kinds(FALLING, val + 0.02 * np.where(T % 2, 1, -1)) == ("healthy",)
    assert kinds(FALLING, val + 0.01 * np.maximum(0, T - 9)) == ("over-fitting",)
    assert kinds(FALLING, val + 0.002 * np.maximum(0, T - 9)) == ("healthy",)


def test_what_nearly_is_but_is_not():
    leaks = 2 + np.concatenate([np.linspace(1, 0.03, 20), np.linspace(0.03, 0.013, 10)])
    assert kinds(leaks) == ("healthy",)  # 1.7 % of its fall in the last third: slowly, but it falls
    stands = 2 + np.concatenate([np.linspace(1, 0.03, 20), np.linspace(0.03, 0.025, 10)])
    assert kinds(stands) == ("plateau",)
    rises = np.concatenate([FALLING[:15], np.linspace(0.3, 1.5, 20)])
    assert kinds(rises + np.random.default_rng(0).normal(0, 0.02, 35)) == ("diverging",)
    recovers = np.concatenate([rises, np.linspace(1.5, 1.0, 15)])
    assert "diverging" not in kinds(recovers)
    val = 0.4 + 1.5 * np.exp(-T / 3) + 0.02 * np.maximum(0, T - 9)
    assert "over-fitting" not in kinds([*FALLING[:-3], 1.0, 1.0, 1.0], val)


def test_noise_about_a_high_level_is_a_plateau():
    """Too noisy for its last third to be flat beyond doubt, but two thirds of the run brought nothing."""
    noise = np.random.default_rng(0).normal(0, 0.007, (40, 28))
    shown = Counter(kinds([2.6, 2.4, *(2.3 + each)]) for each in noise)
    assert shown[("plateau",)] >= 34, shown  # one in twenty falls by chance


def test_too_few_points_say_nothing():
    assert the(diagnose(history([2.0, 1.0]))).evidence == "2 points say nothing yet."
    assert kinds([2.0, 1.0, 0.6]) == ("too short",)
    assert kinds([2.0, 1.0, 0.6, 0.5]) == ("too short",)
    assert kinds([2.0, 1.9, 1.8, 1.7]) == ("too short",)  # of four points the end would be all of them
    assert kinds([2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3]) == ("too slow",)
    assert kinds([2.0, 1.0, 0.6, 0.5, 0.45, 0.42, 0.4, 0.39]) == ("healthy",)
    assert kinds(FALLING, [2.0, 1.0]) == ("healthy",)  # a validation loss too short to judge is left alone


def test_long_series_are_judged_in_blocks():
    curve = Curve.of(np.arange(10_000.0), np.linspace(2, 1, 10_000))
    assert 60 <= len(curve) <= 61
    assert len(Curve.of(T, FALLING)) == 30
    noisy = 1 + np.exp(-np.arange(6000) / 1500) + np.random.default_rng(0).normal(0, 0.3, 6000)
    assert kinds(noisy, unit="step") == ("healthy",)


def test_what_is_found_is_said_in_chinese():
    _ = words("zh")
    assert diagnose(history(2.3 - 0.01 * T), _).kinds == ("too slow",)


@pytest.mark.parametrize("last", [(40.0, 4e3), (3e5, 3e8)])
def test_a_loss_that_explodes_at_the_very_end_diverges(last):
    falls = 2 * np.exp(-np.arange(40) / 8)
    assert kinds(np.concatenate([falls, last])) == ("diverging",)


def test_one_value_that_stands_out_is_told_and_no_more():
    falls = 0.1 + 2 * np.exp(-np.arange(40) / 5)
    falls[20] += 3
    seen = diagnose(history(falls), words("en"))
    assert seen.kinds == ("healthy",)
    assert "One value stands out: 3.14" in seen.findings[0].evidence


@pytest.mark.parametrize(("points", "short"), [(4, True), (7, True), (8, False)])
def test_few_points_are_too_short_for_a_clean_bill(points, short):
    falls = 0.1 + 2 * np.exp(-np.arange(points))
    assert (kinds(falls) == ("too short",)) == short


def test_few_points_that_go_up_and_down_are_no_oscillation():
    assert "oscillating" not in kinds(np.array([2.0, 1.0, 1.5, 0.8, 1.4, 0.7]))
