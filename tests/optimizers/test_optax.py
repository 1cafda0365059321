"""The optax presets against optax itself, stepped for real in float64; skipped where optax is not installed."""

import inspect
import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.optimizers import init, like, parse, population, update

pytestmark = pytest.mark.skipif(not (find_spec("jax") and find_spec("optax")), reason="optax is not installed")

STEPS = 25
SHAPES = {"w": (6, 4), "tall": (3, 5), "k": (2, 4, 3), "b": (5,), "s": ()}
CASES = [
    ("sgd", 0.1, {}),
    ("sgd", 0.1, {"momentum": 0.9}),
    ("sgd", 0.1, {"momentum": 0.9, "nesterov": True}),
    ("sgd", 0.1, {"momentum": 0.9, "clip": 1.5}),
    ("adam", 0.01, {}),
    ("adam", 0.01, {"nesterov": True}),
    ("adamw", 0.01, {"weight_decay": 0.1}),
    ("nadam", 0.01, {}),
    ("nadamw", 0.01, {"b1": 0.8, "weight_decay": 0.1}),
    ("amsgrad", 0.01, {"b2": 0.9}),
    ("radam", 0.01, {}),
    ("radam", 0.01, {"b2": 0.9, "eps": 1e-3}),
    ("adamax", 0.01, {"eps": 1e-3}),
    ("adamaxw", 0.01, {"weight_decay": 0.1}),
    ("adadelta", 1.0, {}),
    ("adadelta", 0.5, {"rho": 0.95, "weight_decay": 0.1}),
    ("adagrad", 0.1, {}),
    ("adagrad", 0.1, {"initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("rmsprop", 0.01, {}),
    ("rmsprop", 0.01, {"eps_in_sqrt": False, "momentum": 0.9}),
    ("rmsprop", 0.01, {"centered": True, "decay": 0.8, "eps": 1e-3}),
    ("lion", 0.001, {}),
    ("sign_sgd", 0.001, {}),
    ("signum", 0.001, {"beta": 0.8}),
    ("lamb", 0.01, {}),
    ("lamb", 0.01, {"weight_decay": 0.1}),
    ("adafactor", 0.01, {}),
    ("adafactor", 0.01, {"min_dim_size_to_factor": 3, "weight_decay_rate": 0.01}),
    ("adafactor", 0.01, {"factored": False, "multiply_by_parameter_scale": False, "clipping_threshold": None}),
    ("muon", 0.02, {}),
    ("muon", 0.02, {"nesterov": False, "weight_decay": 0.1, "adam_weight_decay": 0.01, "adam_learning_rate": 0.005}),
    ("muon", 0.02, {"consistent_rms": 0.2, "beta": 0.9, "ns_coeffs": [3.0, -4.0, 2.0], "ns_steps": 4}),
    ("schedule_free_sgd", 0.1, {"weight_decay": 0.01}),
    ("schedule_free_adamw", 0.01, {"weight_decay": 0.1, "b1": 0.95}),
]
# optax computes Adafactor's memory in float32, whatever the parameters.
ROUGH = {"adafactor": 1e-6}
# Types, callables and masks, whose defaults are JAX's.
OTHERS = {"dtype_momentum"}


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(0)
    made = {f"start {n}": generator.normal(size=shape) for n, shape in SHAPES.items()}
    for t in range(STEPS):
        size = 10 ** generator.uniform(-2, 0.5)
        made |= {f"grad {t} {n}": size * generator.normal(size=shape) for n, shape in SHAPES.items()}
    return made


@pytest.fixture(scope="module")
def theirs(arrays, tmp_path_factory):
    place = tmp_path_factory.mktemp("optax")
    np.savez(place / "arrays.npz", **arrays)
    cases = {"steps": STEPS, "cases": CASES, "names": like.optax.__all__}
    (place / "cases.json").write_text(json.dumps(cases))
    process = Path(__file__).with_name("optax_process.py")
    subprocess.run([sys.executable, str(process), str(place)], check=True)
    return np.load(place / "results.npz"), json.loads((place / "signatures.json").read_text())


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{name} {options}" for name, _, options in CASES])
def test_a_preset_is_optax(index, arrays, theirs):
    name, rate, options = CASES[index]
    clip = {"clip_norm": options["clip"]} if "clip" in options else {}
    rule = getattr(like.optax, name)(rate, **{key: value for key, value in options.items() if key != "clip"})
    if clip:
        rule = parse(str(rule)[:-1] + f", clip='optax', clip_norm={options['clip']})")
    params = {n: torch.tensor(arrays[f"start {n}"])[None] for n in SHAPES}
    state = init(rule, params, [rule.hyper])
    for t in range(STEPS):
        grads = {n: torch.tensor(arrays[f"grad {t} {n}"])[None] for n in SHAPES}
        moving = rate if name.startswith("schedule_free") or name == "muon" else rate * (1 + 0.5 * math.sin(t))
        update(rule, params, grads, state, [rule.filled({"lr": moving})], t + 1)
    measured = population.evaluated(rule, params, state, rule.hyper, {})
    rtol = ROUGH.get(name, 1e-11)
    for n, p in measured.items():
        np.testing.assert_allclose(p[0].numpy(), theirs[0][f"{index} {n}"], rtol=rtol, atol=rtol / 10, err_msg=n)


@pytest.mark.parametrize("name", like.optax.__all__)
def test_arguments_and_defaults_are_optax(name, theirs):
    ours = inspect.signature(getattr(like.optax, name)).parameters.values()
    pairs = [[p.name, repr(p.default)] for p in ours if p.name not in OTHERS]
    expected = [pair for pair in theirs[1][name] if pair[0] not in OTHERS]
    assert [n for n, _ in pairs] == [n for n, _ in expected]
    for (argument, ours_default), (_, default) in zip(pairs, expected, strict=True):
        assert _value(ours_default) == _value(default), argument


def _value(text):
    return "required" if "_empty" in text else eval(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("optax.adam(0.1, eps_root=1e-8)", "eps_root of optax.adam has no counterpart; received 1e-08"),
        ("optax.adamw(0.1, mask='all')", "mask of optax.adamw has no counterpart"),
        ("optax.radam(0.1, threshold=4.0)", "threshold of optax.radam has no counterpart"),
        ("optax.amsgrad(0.1, bias_correction_mu=False)", "amsgrad without bias correction"),
        ("optax.rmsprop(0.1, momentum=0.9, nesterov=True)", "nesterov of optax.rmsprop has no counterpart"),
        ("optax.adafactor(0.1, momentum=0.9)", "momentum of optax.adafactor has no counterpart"),
        ("optax.adafactor(0.1, eps=0)", "an eps of 0"),
        ("optax.adadelta", "needs a learning rate"),
        ("optax.muon(0.1, ns_coeffs='dion')", "ns_coeffs must be three numbers"),
        ("optax.muon(0.1, preconditioning='aol')", "preconditioning of optax.muon has no counterpart"),
        ("optax.muon(0, adam_learning_rate=0.1)", "a share of learning_rate"),
        ("optax.schedule_free_sgd(warmup_steps=10)", r"with the schedule warmup\(10\)"),
        ("optax.adam", r"cannot call optax.adam: missing a required argument: 'learning_rate'.*learning_rate=\.\.\."),
    ],
)
def test_what_has_no_counterpart_is_refused(text, says):
    with pytest.raises(RecipeError, match=says):
        parse(text)


def test_text_of_presets():
    assert parse("optax.lamb(0.01, weight_decay=0.1)") == like.optax.lamb(0.01, weight_decay=0.1)
    assert parse("optax.muon(learning_rate=0.1, ns_coeffs='standard')") == like.optax.muon(0.1)
    assert (
        str(parse("optax.nadamw(0.1)")) == "nadam(lr=0.1, weight_decay=0.0001, momentum_schedule=False, decoupled=True)"
    )
