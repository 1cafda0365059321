"""The Keras presets against Keras itself, stepped for real in float64; skipped where Keras is not installed."""

import inspect
import math
import os
import warnings

import pytest
import torch

from surefoot.optimizers import Average, clip_gradients_, like, set_hyper, torch_optimizer

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
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.8, "weight_decay": 0.01}),
    ("Adamax", {}),
    ("Adamax", {"epsilon": 1e-3, "weight_decay": 0.01}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "weight_decay": 0.01}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.8, "weight_decay": 0.1}),
    ("Lamb", {}),
    ("Lamb", {"weight_decay": 0.1, "epsilon": 1e-3}),
    ("Adafactor", {}),
    ("Adafactor", {"weight_decay": 0.1, "clip_threshold": 0.5, "relative_step": False}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.1, "weight_decay": None, "ns_steps": 4}),
    ("SGD", {"clipnorm": 1.0}),
    ("SGD", {"global_clipnorm": 1.0, "momentum": 0.9}),
    ("Adam", {"clipvalue": 0.3, "use_ema": True, "ema_momentum": 0.9}),
]
# NAdam's product of momenta is in float32, as torch has it; Keras's minimum, maximum and norm round to float32.
ROUGH = {"Nadam": 1e-6, "Adafactor": 1e-6, "Muon": 1e-6}
SHAPES = [(5,), (4, 3), (2, 3), ()]


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

    def random():
        return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]

    start, rule = random(), getattr(like.keras, name)(**options)
    variables = [keras.Variable(p.numpy(), dtype="float64") for p in start]
    theirs = getattr(keras.optimizers, name)(**options)
    theirs.build(variables)
    ours = [p.clone().requires_grad_(True) for p in start]
    optimizer, average = torch_optimizer(rule, ours), Average(ours)
    for t in range(60):
        gradients = random()
        rate = rule.hyper["lr"] * (1 + 0.5 * math.sin(t))
        theirs.learning_rate = rate
        theirs.apply([keras.ops.convert_to_tensor(g.numpy(), dtype="float64") for g in gradients], variables)
        for p, g in zip(ours, gradients, strict=True):
            p.grad = g
        clip_gradients_(ours, rule, {})
        set_hyper(optimizer, rule, {**rule.hyper, "lr": rate})
        optimizer.step()
        average.update(rule.hyper["ema"])
    rtol = 1e-6 if {"clipnorm", "global_clipnorm"} & options.keys() else ROUGH.get(name, 1e-13)
    for p, variable in zip(ours, variables, strict=True):
        reached = torch.as_tensor(keras.ops.convert_to_numpy(variable))
        torch.testing.assert_close(p.detach(), reached, rtol=rtol, atol=rtol / 10)
    if options.get("use_ema"):
        for mine, variable in zip(average.weights, theirs._model_variables_moving_average, strict=True):
            reached = torch.as_tensor(keras.ops.convert_to_numpy(variable))
            torch.testing.assert_close(mine, reached, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", like.keras.__all__)
def test_arguments_and_defaults_are_keras(name):
    def described(thing):
        every = inspect.signature(thing).parameters.values()
        return [(p.name, p.default) for p in every if p.name not in ("self", "kwargs")]

    assert described(getattr(like.keras, name)) == described(getattr(keras.optimizers, name).__init__)
