"""The Keras presets against Keras itself, stepped for real in float64; skipped where Keras is not installed."""

import math
import os
import warnings

import pytest
import torch

from surefoot.optimizers import like, set_hyper, torch_optimizer

os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras's own imports
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install keras==3.15.1")

# Keras's torch backend and NumPy 2 disagree about __array__; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"beta_1": 0.8, "epsilon": 1e-3, "weight_decay": 0.02}),
    ("AdamW", {}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.3, "epsilon": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "rho": 0.8}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.01}),
]


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_preset_is_keras(name, options):
    """Sixty updates with a rate that changes each time: equal to the last digits of float64."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(5, generator=generator, dtype=torch.float64)
    variable, theirs = keras.Variable(start.numpy(), dtype="float64"), getattr(keras.optimizers, name)(**options)
    theirs.build([variable])
    ours, rule = start.clone().requires_grad_(True), getattr(like.keras, name)(**options)
    optimizer = torch_optimizer(rule, [ours])
    for t in range(60):
        gradient = torch.randn(5, generator=generator, dtype=torch.float64)
        rate = rule.hyper["lr"] * (1 + 0.5 * math.sin(t))
        theirs.learning_rate = rate
        theirs.apply([keras.ops.convert_to_tensor(gradient.numpy(), dtype="float64")], [variable])
        ours.grad = gradient
        set_hyper(optimizer, rule, {**rule.hyper, "lr": rate})
        optimizer.step()
    reached = torch.as_tensor(keras.ops.convert_to_numpy(variable))
    torch.testing.assert_close(ours.detach(), reached, rtol=1e-14, atol=1e-15)
