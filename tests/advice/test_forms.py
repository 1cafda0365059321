"""The optimizers of scripts for Keras and optax do what the recipe's rule does: the same weights after some updates."""

import os
import warnings

import pytest
import torch

from surefoot.advice.answers import Answers
from surefoot.advice.candidates import optimizers, recipe_of
from surefoot.advice.optimizer_code import coupled_decay, keras_optimizer, optax_optimizer
from surefoot.optimizers import parse

os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras's own imports
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install keras")
optax = pytest.importorskip("optax", reason="optax is not installed: pip install optax")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

# Keras's torch backend and NumPy 2 disagree about __array__; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

START, RATE, UPDATES = 1.0, 0.01, 8
CASES = [(name, decay) for name in optimizers() for decay in (False, True)]


def rule_of(name, decay):
    recipe = recipe_of(name, "linear", Answers(), frozenset({"decay_more"} if decay else ()))
    rule = parse(recipe.optimizer)
    hyper = rule.hyper | {"lr": RATE} | {key: float(value) for key, value in recipe.hyper}
    return rule, hyper


def ours(rule, hyper, clip=False):
    p = torch.tensor(START, dtype=torch.float64)
    state = rule.init(p, hyper)
    for t in range(1, UPDATES + 1):
        g = 3 * p.clone()
        rule.update(p, g.clamp(-1, 1) if clip else g, state, rule.coefficients(hyper, t))
    return float(p)


@pytest.fixture
def wide():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("name", "decay"), CASES)
def test_keras_does_what_the_rule_does(name, decay, clip, wide):
    rule, hyper = rule_of(name, decay)
    optimizer = eval(keras_optimizer(rule, hyper, str(RATE), clip=clip), {"keras": keras})
    penalty = coupled_decay(rule, hyper)  # as the script has it: an L2 penalty of half of it, whose gradient is λ·w
    if clip and penalty:
        pytest.skip("a penalty is clipped with the loss, a coupled decay is added after clipping")
    w = keras.Variable(START, dtype="float64")
    optimizer.build([w])
    for _ in range(UPDATES):
        now = float(keras.ops.convert_to_numpy(w.value))
        optimizer.apply([keras.ops.convert_to_tensor(3 * now + penalty * now, "float64")], [w])
    assert float(keras.ops.convert_to_numpy(w.value)) == pytest.approx(ours(rule, hyper, clip), rel=1e-6)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("name", "decay"), CASES)
def test_optax_does_what_the_rule_does(name, decay, clip):
    rule, hyper = rule_of(name, decay)
    with jax.enable_x64(True):
        optimizer = eval(optax_optimizer(rule, hyper, str(RATE), clip=clip), {"optax": optax})
        w = jnp.asarray(START, dtype=jnp.float64)
        state = optimizer.init(w)
        for _ in range(UPDATES):
            updates, state = optimizer.update(3 * w, state, w)
            w = optax.apply_updates(w, updates)
    assert float(w) == pytest.approx(ours(rule, hyper, clip), rel=1e-6)


def test_momentum_that_moves_in_optax():
    rule, hyper = rule_of("momentum", False)
    source = optax_optimizer(rule, hyper, str(RATE), clip=False, momentum="momentum")
    optimizer = eval(source, {"optax": optax, "momentum": lambda count: 0.9 - 0.05 * count})
    w, state = jnp.asarray(1.0), None
    state = optimizer.init(w)
    seen = []
    for _ in range(3):
        _, state = optimizer.update(w, state, w)
        seen.append(float(state.hyperparams["momentum"]))
    assert seen == pytest.approx([0.9, 0.85, 0.8])
