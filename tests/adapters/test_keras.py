"""Keras on its three backends. Each trains in processes of its own, since a process has one backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not all(map(importlib.util.find_spec, ("keras", name))), reason=f"keras or {name} is not installed"
        ),
    )
    for name in ("torch", "jax", "tensorflow")
]
PROCESS = Path(__file__).with_name("keras_process.py")


@pytest.fixture(scope="module", params=BACKENDS)
def trained(request, tmp_path_factory):
    """What a first process did until it saved its models, and a second that loaded them and went on."""
    place = tmp_path_factory.mktemp(request.param)
    known = {**os.environ, "KERAS_BACKEND": request.param, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for part in ("first", "second"):
        ran = subprocess.run(
            [sys.executable, str(PROCESS), part, str(place)], env=known, capture_output=True, text=True, timeout=300
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        assert "AutoGraph" not in ran.stderr
    report = {}
    for part in ("first", "second"):
        report |= json.loads((place / f"{part}.json").read_text())
    return report, place


def weights(place, name):
    return [*np.load(place / f"{name}.npz").values()]


def test_values_are_the_curves(trained):
    report, _ = trained
    assert len(report["values"]) > 8
    for rate, (narrow, wide) in report["values"].items():
        assert narrow < 1.2e-7, rate  # a rounding to float32
        assert wide is None or wide < 1e-12, rate


@pytest.mark.parametrize("run", ["a", "b"])
def test_a_saved_model_goes_on_in_a_new_process_as_if_nothing_had_happened(trained, run):
    report, place = trained
    assert report[f"{run} first"] + report[f"{run} second"] == report[f"{run} whole"]
    for whole, broken in zip(weights(place, f"{run}-whole"), weights(place, f"{run}-broken"), strict=True):
        assert np.array_equal(whole, broken)


def test_a_plateau_reduced_on_both_sides_of_the_break(trained):
    used = np.array(trained[0]["b whole"])
    factors = used / (0.05 * 0.5 * (1 + np.cos(np.pi * np.arange(32) / 32)))
    assert factors[0] == pytest.approx(1)
    assert factors[15] > factors[16] > factors[31]


def test_the_callback_trains_as_the_learning_rate_does(trained):
    _, place = trained
    for one, other in zip(weights(place, "callback"), weights(place, "a-whole"), strict=True):
        assert np.array_equal(one, other)


def test_other_hyperparameters_move_in_the_compiled_step(trained):
    for name, (from_hand, from_unmoved) in trained[0]["moved"].items():
        assert from_hand < 1e-4 < 1e-2 < from_unmoved, name


def test_another_schedule_of_momentum_replaces_the_first(trained):
    assert trained[0]["again"] < 1e-6


def test_accumulated_gradients_count_as_one_update(trained):
    used = trained[0]["in updates"]
    assert used[::2] == used[1::2] == pytest.approx([0.1 * (1 - k / 16) for k in range(4)])


def test_the_saved_configuration_holds_numbers(trained):
    assert isinstance(trained[0]["config"], float)


def test_the_examples_hold(trained):
    assert trained[0]["doctests"] == 0


@pytest.mark.parametrize(
    ("mistake", "answer"),
    [
        ("a shape", "Multiply it by the learning rate: 0.1 * (cosine())"),
        ("reactive", "HyperparameterScheduler"),
        ("a reactive momentum", "schedule of the step alone"),
        ("nothing", "Name a hyperparameter"),
        ("no schedule", "received 0.1"),
        ("no epochs", "steps_per_epoch"),
        ("validation_freq", "validation_freq must be"),
        ("an unknown name", "no hyperparameter 'momentun'"),
        ("no momentum", "SGD(momentum=0.1)"),
        ("two rates", "received 'LearningRate'"),
        ("a shape midway", "16 updates so far"),
        ("other schedules", "momentum: None → cosine()"),
    ],
)
def test_mistakes_are_answered(trained, mistake, answer):
    assert answer in trained[0]["refusals"][mistake]
