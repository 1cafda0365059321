"""Benchmarks that need a machine of their own can at least be started here."""

import json
import math
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from surefoot.optimizers.inductor import compiler_found

FOLDER = Path(__file__).parent.parent / "benchmarks"


def said_by(name, *arguments):
    run = subprocess.run([sys.executable, str(FOLDER / name), *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing():
    assert said_by("gpu.py") == "not measured: no GPU here\n"


@pytest.mark.skipif(not compiler_found(), reason="there is no C++ compiler")
def test_the_gpus_benchmark_runs_on_a_processor():
    said = said_by("gpu.py", "--device", "cpu", "--rows", "1,2", "--rounds", "1", "--models", "mlp")
    assert "mlp, 2 rows: compiling took" in said
    (line,) = [line for line in said.splitlines() if line.startswith("mlp, 2 rows ")]
    assert line.count("[") == 5  # all that needs no CUDA graph


def test_the_benchmark_of_scale_runs():
    pytest.importorskip("ray")
    said = said_by("scale.py", "--workers", "2", "--stages", "5", "--rounds", "1")
    assert "an empty task of Ray:" in said
    assert [line.split()[:3] for line in said.splitlines()[-3:]] == [
        ["2", "11", "no"],
        ["2", "1", "no"],
        ["2", "1", "yes"],
    ]


@pytest.fixture
def deciding(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def told(trial, value, lr):
    return {"trial": trial, "value": value, "optimizer": "sgd", "lr": lr, "schedule": "cosine()"}


@pytest.mark.usefixtures("deciding")
def test_whoever_has_the_best_latest_value_leads():
    from deciding.competitors import leaders

    reports = [told("a", 0.7, 0.1), told("b", 0.8, 0.2), told("b", math.nan, 0.2), told("c", 0.9, 0.30001)]
    reports = list(enumerate(reports, 1))
    assert [(when, choice.lr) for when, choice in leaders(reports, "max")] == [(1, 0.1), (2, 0.2), (3, 0.1), (4, 0.3)]
    assert [(when, choice.lr) for when, choice in leaders(reports, "min")] == [(1, 0.1)]


@pytest.mark.usefixtures("deciding")
def test_being_within_reach_is_measured_from_what_the_grid_held():
    from deciding.competitors import Ran
    from deciding.results import first, for_good, reach, rows
    from deciding.setting import TASKS, Choice

    def held(name, *values):  # the rate of a choice says what it is worth
        return Ran(name, 0, 60.0, [(10.0 * i, Choice("sgd", value, "cosine()")) for i, value in enumerate(values, 1)])

    found = {"grid": [held("grid", 0.8, 0.9, 0.89)], "Surefoot": [held("Surefoot", 0.898, 0.5, 0.899)]}
    accuracy = reach(TASKS["digits"], found["grid"], lambda choice: choice.lr)
    assert (accuracy.best, accuracy.aim) == (0.9, pytest.approx(0.897))
    assert reach(TASKS["char-lm"], found["grid"], lambda choice: choice.lr).aim == pytest.approx(0.8 * 1.02)
    assert reach(TASKS["diabetes"], found["grid"], lambda choice: choice.lr).aim == pytest.approx(0.9 - 0.02 * 0.1)
    curve = [(10.0, 0.898), (20.0, 0.5), (30.0, 0.899)]
    assert (first(curve, accuracy), for_good(curve, accuracy)) == (10.0, 30.0)
    assert for_good(curve[:2], accuracy) == first(curve[1:2], accuracy) == math.inf
    (grid, ours) = rows(found, accuracy, lambda choice: choice.lr)
    assert grid[1:4] == ["20", "never", "0.89"]
    assert grid[6] == "2"
    assert ours[1:4] == ["10", "30", "0.899"]


STAND_IN = """
import json
recipe = {"name": "Adam", "optimizer": "adam", "lr": 0.01, "schedule": "cosine()", "hyper": {}}
found = [{"seconds": 0.001, "recipe": recipe}]
print(json.dumps({"incumbents": found, "confirmed": {"seconds": 0.002}, "cost": {}}, indent=1))
"""


def test_ways_of_choosing_are_timed_and_retrained_alike(tmp_path):
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    size = ["--task", "diabetes", "--epochs", "3", "--rates", "2", "--rounds", "1", "--out", str(tmp_path)]
    stand_in = ["--surefoot", shlex.join([sys.executable, str(tmp_path / "stand_in.py")])]
    said = said_by("decide.py", *size, *stand_in, "--only", "grid", "--only", "Surefoot")
    assert "a grid of 30 configurations" in said
    assert "Surefoot  0.001" in said or "Surefoot is not within reach" in said
    assert (tmp_path / "decide-diabetes.png").stat().st_size > 10_000
    stored = json.loads((tmp_path / "decide-diabetes.json").read_text())
    assert {ran["name"]: ran["round"] for ran in stored["ran"]} == {"grid": 0, "Surefoot": 0}
    values = [json.loads(line) for line in (tmp_path / "retrained.jsonl").read_text().splitlines()]
    assert len(values) == len({key for key, _ in values}) >= 10  # what either held, on five seeds each
