"""Noise: the same numbers from wherever they are asked; timm's are torch's."""

import json
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.schedules import emit
from surefoot.schedules.noise import PhiloxDraw, TimmDraw

STEPS = 3000


def timm_calculates(t, *, pct, std, seed, kind):
    """timm.scheduler.scheduler.Scheduler._calculate_noise, as timm 1.0.31 has it."""
    generator = torch.Generator()
    generator.manual_seed(seed + t)
    if kind != "normal":
        return 2 * (torch.rand(1, generator=generator).item() - 0.5) * pct
    while True:
        noise = torch.randn(1, generator=generator).item() * std
        if abs(noise) < pct:
            return noise


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize(("pct", "std", "seed"), [(0.67, 1.0, 42), (0.05, 1.0, 0), (3.0, 2.0, 2**32 - 500)])
def test_timm_noise_is_torchs_for_two_thousand_seeds(kind, pct, std, seed):
    curve = s.timm_noise(pct, std=std, seed=seed, kind=kind).bind(2000)
    theirs = [1 + timm_calculates(t, pct=pct, std=std, seed=seed, kind=kind) for t in range(2000)]
    assert curve.values().tolist() == theirs
    assert [curve(t) for t in range(0, 2000, 97)] == theirs[::97]


def test_timm_noise_only_within_its_range_and_by_epoch():
    curve = (0.1 * s.cosine() * s.timm_noise(start=2, stop=4, every="1ep")).bind(60, steps_per_epoch=10)
    plain = (0.1 * s.cosine()).bind(60).values()
    factors = curve.values() / plain
    options = {"pct": 0.67, "std": 1.0, "seed": 42, "kind": "normal"}
    expected = [1, 1, 1 + timm_calculates(2, **options), 1 + timm_calculates(3, **options), 1, 1]
    np.testing.assert_allclose(factors, np.repeat(expected, 10), rtol=1e-12)


draws = st.one_of(
    st.builds(
        PhiloxDraw,
        st.floats(0.01, 2),
        st.integers(0, 2**63),
        st.sampled_from(["normal", "uniform"]),
        st.none() | st.floats(0.01, 3),
    ),
    st.builds(
        TimmDraw, st.floats(0.1, 2), st.floats(0.1, 2), st.integers(0, 2**40), st.sampled_from(["normal", "uniform"])
    ),
)


@settings(deadline=None, max_examples=60)
@given(draws, st.lists(st.integers(0, 10**9), min_size=1, max_size=5), st.integers(0, 10**6), st.integers(1, 40))
def test_a_number_does_not_depend_on_how_it_is_asked_for(draw, sparse, start, count):
    ranged = draw.many(np.arange(start, start + count, dtype=float))
    assert ranged.tolist() == [draw(k) for k in range(start, start + count)]
    shaped = draw.many(np.array([sparse, sparse[::-1]], dtype=float))
    assert shaped.tolist() == [[draw(k) for k in sparse], [draw(k) for k in reversed(sparse)]]


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_has_the_distribution_it_says(kind):
    count = 200_000
    drawn = s.noise(0.5, seed=3, kind=kind).bind(count).values() - 1
    even = (np.arange(count) + 0.5) / count
    if kind == "normal":
        near = np.array([statistics.NormalDist(0, 0.5).cdf(x) for x in np.sort(drawn)[::50]])
    else:
        near = (np.sort(drawn)[::50] / (0.5 * math.sqrt(3)) + 1) / 2
    assert abs(near - even[::50]).max() < 1.63 / math.sqrt(count) + 1e-4  # Kolmogorov and Smirnov, 1 %
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1]) < 0.01
    other = s.noise(0.5, seed=4, kind=kind).bind(count).values() - 1
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.01


def test_noise_is_clipped_at_its_limit_and_held_for_every():
    free, clipped = (s.noise(0.5, seed=1, limit=limit).bind(STEPS).values() for limit in (None, 0.3))
    np.testing.assert_array_equal(clipped, np.clip(free, 0.7, 1.3))
    assert (abs(free - 1) > 0.3).any()
    held = s.noise(0.5, seed=1, every="1.5ep").bind(60, steps_per_epoch=10).values()
    np.testing.assert_array_equal(held, np.repeat(free[:4], 15))


NOISY = "0.1 * (warmup(20) >> cosine(inclusive=True) * noise(0.3, seed=5, every=3) * timm_noise(start=4, every=10))"


def test_noise_reads_back_and_values_agree():
    curve = s.parse(NOISY).bind(STEPS)
    assert s.parse(str(curve.schedule)) == curve.schedule
    assert s.from_json(json.loads(json.dumps(s.to_json(curve.schedule)))) == curve.schedule
    values = curve.values(stop=STEPS + 20)
    assert [curve(t) for t in range(0, STEPS + 20, 13)] == pytest.approx(values[::13].tolist(), rel=1e-14)
    assert np.unique(values[200:300]).size > 90
    np.testing.assert_array_equal(curve.values(start=1234, stop=1300), values[1234:1300])


def test_torch_reads_noise_from_a_table():
    curve = s.parse(NOISY).bind(STEPS)
    expected = curve.values(stop=STEPS + 20)
    np.testing.assert_allclose(curve(torch.arange(STEPS + 20)).numpy(), expected, rtol=1e-13, atol=1e-17)
    assert curve(torch.tensor([[7, 9]])).shape == (1, 2)
    torch._dynamo.reset()
    traced = torch.compile(lambda t: 2 * curve(t), backend="eager", fullgraph=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        found = [traced(torch.tensor(t)).item() for t in range(0, STEPS + 20, 201)]
    assert found == pytest.approx((2 * expected[::201]).tolist(), rel=1e-13)


def test_a_curve_traces_under_torch_compile_without_having_been_called():
    curve = s.parse("0.1 * plateau() * (warmup(20) >> step(700, factor=0.5))").bind(STEPS)
    torch._dynamo.reset()
    traced = torch.compile(curve, backend="eager", fullgraph=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        found = [traced(torch.tensor(t)).item() for t in range(0, STEPS + 20, 201)]
    assert found == pytest.approx(curve.values(stop=STEPS + 20)[::201].tolist(), rel=1e-14)


def test_a_noisy_curve_breaks_the_graph_of_torch_compile_once():
    curve = s.parse(NOISY).bind(STEPS)
    torch._dynamo.reset()
    traced = torch.compile(lambda t: 2 * curve(t), backend="eager")
    assert [traced(torch.tensor(t)).item() for t in (30, 31)] == pytest.approx(
        [2 * curve(30), 2 * curve(31)], rel=1e-14
    )


def test_jax_reads_noise_from_a_table():
    jax = pytest.importorskip("jax", reason="the extra frameworks")
    curve = s.parse(NOISY).bind(STEPS)
    with jax.enable_x64(True):
        found = jax.jit(curve)(jax.numpy.arange(STEPS + 20))
        one = jax.jit(curve)(77)
    np.testing.assert_allclose(np.asarray(found), curve.values(stop=STEPS + 20), rtol=1e-12, atol=1e-17)
    assert float(one) == pytest.approx(curve(77), rel=1e-12)


@pytest.mark.parametrize("dialect", [emit.PYTHON, emit.JAX, emit.KERAS], ids=lambda d: d.name)
def test_no_code_is_written_for_noise(dialect):
    with pytest.raises(ScheduleError, match="draws a value for every step"):
        emit.function(s.noise().bind(10).expression, dialect)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: s.noise(-0.1), "noise's std"),
        (lambda: s.noise(seed=1.5), "whole number"),
        (lambda: s.noise(seed=-1), "noise's seed"),
        (lambda: s.noise(kind="gauss"), "'normal', 'uniform'"),
        (lambda: s.noise(limit=-1), "noise's limit"),
        (lambda: s.noise(every=0).bind(10), "at least one step"),
        (lambda: s.timm_noise(pct=1e-6), "thousands of draws"),
        (lambda: s.timm_noise(pct=0), "thousands of draws"),
        (lambda: s.timm_noise(start=-1), "timm_noise's start"),
        (lambda: s.timm_noise(kind="laplace"), "'normal', 'uniform'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()
