"""A bound schedule traces under JAX's jit and vmap; skipped where JAX is not installed."""

import numpy as np
import pytest

import surefoot as sf

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax")

SCHEDULES = [
    "0.1 * (warmup('10%') >> cosine())",
    "0.1 * one_cycle()",
    "0.1 * step('1ep', factor=0.5) * plateau()",
    "0.1 * cyclical(20)",
    "0.1 * piecewise([5, 9], values=[1.0, 0.5, 0.1]) + 0.01",
    "0.1 * exponential(0.9, every=7, staircase=True)",
    "0.1 * polynomial(power=2)",
]


@pytest.fixture(autouse=True)
def x64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("text", SCHEDULES)
def test_the_formula_traces(text):
    curve, t = sf.parse(text).bind(100, steps_per_epoch=10), jax.numpy.arange(130)
    expected = curve.values(stop=130)
    np.testing.assert_allclose(np.asarray(curve(t)), expected, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(np.asarray(jax.jit(jax.vmap(curve))(t)), expected, rtol=1e-12, atol=1e-16)
