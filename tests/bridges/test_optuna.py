"""Optuna's trials suggest recipes of a space, and are pruned as a race drops arms."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")

from surefoot.bridges.optuna import RacePruner, suggest  # noqa: E402
from surefoot.core.errors import RecipeError  # noqa: E402
from surefoot.search import Rates, Space  # noqa: E402

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
SPACE = Space(
    {"sgd": Rates(1e-3, 1.0), "adam": Rates(1e-5, 1e-2)}, ["cosine()", "constant()"], {"momentum": ["0", "0.9"]}
)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(curves, horizon=16, direction="maximize", schedules=None):
    """Trials in turn, each reporting its curve until it is pruned; how far each came."""
    study = optuna.create_study(
        direction=direction, pruner=RacePruner(horizon), sampler=optuna.samplers.RandomSampler(0)
    )
    came = []
    for number, curve in enumerate(curves):
        schedule = schedules[number] if schedules else "cosine()"
        study.enqueue_trial({"schedule": schedule})
        trial = study.ask()
        trial.suggest_categorical("schedule", ["cosine()", "constant()"])
        for step, value in enumerate(curve, 1):
            trial.report(value, step)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
        came.append(step)
    return came


def test_a_recipe_is_suggested_within_the_space():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    recipes = [suggest(study.ask(), SPACE) for _ in range(40)]
    assert {recipe.optimizer for recipe in recipes} == {"sgd", "adam"}
    assert {recipe.schedule for recipe in recipes} == {"cosine()", "constant()"}
    assert {dict(recipe.hyper)["momentum"] for recipe in recipes} == {"0", "0.9"}
    for recipe in recipes:
        rates = SPACE.branches[recipe.optimizer]
        assert rates.low <= recipe.lr <= rates.high
    adams = [math.log10(recipe.lr) for recipe in recipes if recipe.optimizer == "adam"]
    assert min(adams) < -4 < -3 < max(adams)


def test_listed_rates_are_the_only_ones():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    space = Space({"sgd": Rates.of([0.1, 0.3])})
    assert {suggest(study.ask(), space).lr for _ in range(20)} == {0.1, 0.3}


def test_the_worse_half_at_a_rung_ends_and_two_go_on_at_least():
    curves = [[level] * 16 for level in (0.5, 0.6, 0.1, 0.2, 0.3, 0.7)]
    assert study_of(curves) == [16, 16, 1, 1, 2, 16]
    assert study_of([[-each for each in curve] for curve in curves], direction="minimize") == [16, 16, 1, 1, 2, 16]


def test_a_trial_is_judged_at_rungs_alone_and_never_at_its_end():
    good, late = [0.5] * 16, [0.6, 0.6, 0.1, 0.6, 0.1, 0.1, *[0.6] * 9, 0.0]
    assert study_of([good, good, late]) == [16, 16, 16]
    assert study_of([good, good, [0.6, 0.6, 0.6, 0.1, *[0.6] * 12]]) == [16, 16, 4]


def test_the_last_fifth_counts_not_one_look():
    good = [0.5] * 32
    dip = [0.6] * 13 + [0.9, 0.9, 0.0]  # at 16 of 32 the mean of the last four is 0.6
    assert study_of([good, good, dip + [0.6] * 16], horizon=32) == [32, 32, 32]
    assert study_of([good, good, [0.6] * 13 + [0.1, 0.1, 0.9] + [0.6] * 16], horizon=32) == [32, 32, 16]


def test_other_schedules_are_not_compared():
    curves = [[0.5] * 16, [0.5] * 16, [0.1] * 16, [0.1] * 16, [0.05] * 16]
    assert study_of(curves, schedules=["cosine()"] * 2 + ["constant()"] * 3) == [16, 16, 16, 16, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_ends_at_once_and_stands_last(bad):
    assert study_of([[0.5, 0.5, bad, 0.5]]) == [3]
    assert study_of([[bad, *[9.0] * 15], [0.5] * 16]) == [1, 16]


def test_reports_need_not_hit_the_rungs():
    study = optuna.create_study(direction="maximize", pruner=RacePruner(1000, grain=30))
    came = []
    for value in (0.5, 0.5, 0.4):
        trial = study.ask()
        for step in range(37, 1000, 37):
            trial.report(value, step)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
        came.append(step)
    assert came == [999, 999, 37]


def test_a_horizon_is_above_0():
    with pytest.raises(RecipeError, match="a race needs a horizon above 0"):
        RacePruner(0)


def test_the_documented_example_runs(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/optuna.md").read_text(), re.S)
    script = tmp_path / "example.py"
    script.write_text(block)
    command = [sys.executable, "-W", "ignore", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    pruned, of, accuracy = re.search(r"(\d+) of (\d+) trials pruned.* accuracy (0\.\d+)", done.stdout).groups()
    assert int(pruned) >= int(of) / 5
    assert float(accuracy) > 0.94


def test_without_optuna_the_extra_is_named():
    code = "import sys; sys.modules['optuna'] = None\nimport surefoot.bridges.optuna"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert "pip install 'surefoot[optuna]'" in done.stderr
