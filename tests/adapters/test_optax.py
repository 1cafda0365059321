"""Schedules inside JAX: traced, in float64 whatever JAX's default, and in a training that is broken off."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import parse

jax = pytest.importorskip("jax", reason="jax is not installed")
optax = pytest.importorskip("optax", reason="optax is not installed")
jnp = jax.numpy

from surefoot.adapters.optax import schedule  # noqa: E402

PROCESS = Path(__file__).with_name("optax_process.py")
LONG = 1_000_000
RATES = [
    "0.1 * constant()",
    "0.1 * (warmup('7%') >> cosine())",
    "0.1 * (constant(over='30%') >> linear('20%') >> constant(0.0))",
    "0.3 * piecewise([10, 900_000], values=[1.0, 0.5, 0.1])",
    "0.1 * one_cycle()",
    "0.1 * cyclical(20)",
    "0.1 * restarts(cosine(), 30, mult=1.5, decay=0.7)",
    "0.1 * step('10.5%', factor=0.5)",
    "every(0.1 * linear(), '0.00075%')",
    "0.1 * repeat(cosine(13))",
    "minimum(0.1 * exponential(0.99, every=7777), 0.05 * constant()) + 0.001",
    "0.1 * cosine() * noise(0.2, seed=3, every='1%')",
]


@pytest.mark.parametrize("rate", [rate.replace("_000", "000") for rate in RATES])
def test_values_are_the_curves_rounded_once(rate):
    """Also near the end of a long cosine, and at every edge: float32 inside would miss both."""
    counts = np.unique(np.r_[:200, np.linspace(0, LONG - 1, 2000).astype(int), LONG - 100 : LONG + 50])
    values = schedule(rate, steps=LONG)
    expected = parse(rate).bind(LONG)(counts)
    found = jax.jit(jax.vmap(values))(jnp.asarray(counts, "int32"))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1.2e-7, atol=1e-16)
    with jax.enable_x64(True):
        wide = jax.jit(values)(jnp.asarray(counts))
    assert wide.dtype == jnp.float64
    np.testing.assert_allclose(wide, expected, rtol=1e-12, atol=1e-16)


def test_it_traces_wherever_a_count_may_be():
    values = schedule("0.1 * (warmup(5) >> cosine())", steps=50)
    expected = values(jnp.arange(50))
    _, scanned = jax.lax.scan(lambda count, _: (count + 1, values(count)), jnp.int32(0), length=50)
    looped = jax.jit(lambda: jax.lax.fori_loop(0, 50, lambda i, a: a.at[i].set(values(i)), jnp.zeros(50)))()
    by_one = [values(count) for count in range(50)]
    for found in (scanned, looped, by_one):
        np.testing.assert_array_equal(found, expected)


def test_a_compiled_update_is_compiled_once():
    values, traces = schedule("0.1 * cosine()", steps=50), []

    @jax.jit
    def rate(count):
        traces.append(count)
        return values(count)

    assert len({float(rate(jnp.int32(count))) for count in range(50)}) == 50
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("rate", "answer"),
    [
        ("cosine()", "Multiply it by the learning rate"),
        ("0.1 * plateau()", "optax.inject_hyperparams"),
        ("0.1 * cosine('3ep')", "steps_per_epoch"),
        (0.1, "not a schedule"),
    ],
)
def test_mistakes_are_answered(rate, answer):
    with pytest.raises(ScheduleError, match=answer):
        schedule(rate, steps=10)


def test_a_reactive_rate_is_set_from_outside():
    """The plain loop of the module's docstring."""
    curve = (0.5 * parse("plateau(factor=0.5, patience=0)")).bind(steps=10)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=0.5)
    parameters = jnp.ones(3)
    opt_state, state, compiled = optimizer.init(parameters), curve.start(), []

    @jax.jit
    def update(parameters, opt_state):
        compiled.append(1)
        changes, opt_state = optimizer.update(jnp.ones(3), opt_state, parameters)
        return optax.apply_updates(parameters, changes), opt_state

    moves = []
    for step in range(4):
        opt_state = optax.tree.set(opt_state, learning_rate=jnp.float32(curve(step, state)))
        before, (parameters, opt_state) = parameters, update(parameters, opt_state)
        moves.append(float((before - parameters)[0]))
        state = curve.update(state, Observation(step + 1, {"loss": 1.0}))
    assert moves == [0.5, 0.5, 0.25, 0.125]
    assert len(compiled) == 1


def test_training_goes_on_in_a_new_process_as_if_nothing_had_happened(tmp_path):
    def train(place, start, stop):
        place.mkdir(exist_ok=True)
        known = {**os.environ, "JAX_PLATFORMS": "cpu"}
        told = [sys.executable, "-W", "error", str(PROCESS), str(place), str(start), str(stop)]
        ran = subprocess.run(told, env=known, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr[-3000:]
        return np.load(place / f"{start}-{stop}.npz")

    whole = train(tmp_path / "whole", 0, 40)
    first, second = train(tmp_path / "broken", 0, 17), train(tmp_path / "broken", 17, 40)
    for name in ("a", "b"):
        assert np.array_equal(whole[name], second[name])
    assert np.array_equal(whole["used"], [*first["used"], *second["used"]])
    curve = parse("0.05 * (warmup('10%') >> cosine()) * noise(0.1, seed=2)").bind(40)
    np.testing.assert_allclose(whole["used"][:, 0], curve.values(), rtol=1.2e-7)
    np.testing.assert_allclose(whole["used"][:, 1], parse("0.1 * linear()").bind(40).values(), rtol=1.2e-7)
