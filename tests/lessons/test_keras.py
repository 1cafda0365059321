"""The lessons beside Keras itself: its SGD, its schedules, the optimizers' updates and their defaults."""

import inspect
import os
import warnings

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras's own imports
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install keras")

from surefoot.core.language import words
from surefoot.lessons.adam import SIZES, _first
from surefoot.lessons.annealing import _keras
from surefoot.lessons.updates import defaults_table

# Keras's torch backend and NumPy 2 disagree about __array__; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def wide():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def updates(optimizer, gradients, start=1.0):
    w = keras.Variable(start, dtype="float64")
    optimizer.build([w])
    for gradient in gradients:
        g = float(keras.ops.convert_to_numpy(w.value)) if gradient is None else gradient
        optimizer.apply([keras.ops.convert_to_tensor(g, "float64")], [w])
    return float(keras.ops.convert_to_numpy(w.value))


def test_sgd_on_half_a_square_from_one():
    assert updates(keras.optimizers.SGD(learning_rate=0.1), [None]) == pytest.approx(0.9)


def test_momentums_keras_form():
    moved = updates(keras.optimizers.SGD(learning_rate=1.0, momentum=0.9), [1.0, 2.0, 3.0], start=0.0)
    from surefoot.lessons.momentum import _after

    assert _after("keras", 0.9)[1] == pytest.approx(moved)


@pytest.mark.parametrize("gradient", SIZES)
def test_adams_first_step_in_keras_form(gradient):
    moved = updates(keras.optimizers.Adam(learning_rate=1.0, beta_2=0.99), [gradient], start=0.0)
    assert _first(gradient, 0.9, 0.99, 1e-8).keras == pytest.approx(-moved, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("PiecewiseConstantDecay", lambda s: s.PiecewiseConstantDecay([10, 20, 30], [1.0, 0.5, 0.1, 0.01])),
        ("ExponentialDecay, ×0.5 / 10 000", lambda s: s.ExponentialDecay(0.1, 10_000, 0.5, staircase=True)),
        ("ExponentialDecay, ×0.96 / 1000", lambda s: s.ExponentialDecay(0.1, 1000, 0.96, staircase=True)),
        ("ExponentialDecay, smooth", lambda s: s.ExponentialDecay(0.1, 1000, 0.96)),
        ("PolynomialDecay (linear)", lambda s: s.PolynomialDecay(0.1, 50_000, end_learning_rate=0.0)),
    ],
)
def test_a_schedule_is_keras(name, make):
    theirs = make(keras.optimizers.schedules)
    curve = next(each for each in _keras() if each.name == name)
    for step, value in list(zip(curve.t, curve.lr, strict=True))[::7]:
        assert value == pytest.approx(float(theirs(int(step))), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam"])
def test_the_defaults_shown_are_keras_own(name):
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    ours = inspect.signature(getattr(__import__("surefoot").like.keras, name)).parameters
    for argument, spec in ours.items():
        assert theirs[argument].default == spec.default, argument
    assert defaults_table(name, {"lr": ("learning_rate", "the rate")}, words()).rows[0][2] == (
        f"learning_rate = {theirs['learning_rate'].default}"
    )
