"""Warm restarts: torch's, where torch is right, and exact at the edges of the cycles, where it is not."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from surefoot import schedules as s


def theirs(first, mult, steps):
    optimizer = SGD([torch.zeros(1)], lr=1.0)
    scheduler, values = CosineAnnealingWarmRestarts(optimizer, first, mult), []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(values)


def exactly(t, first, mult, decay=1.0, end=0.0, limit=None, part=lambda u: 0.5 * (1 + math.cos(math.pi * u))):
    """The definition, with edges in exact fractions."""
    start, length, i = Fraction(0), Fraction(first), 0
    while t >= start + length:
        start, length, i = start + length, length * Fraction(mult), i + 1
    return end if limit is not None and i >= limit else end + (decay**i - end) * part(float((t - start) / length))


@pytest.mark.parametrize(("first", "mult"), [(1, 1), (7, 1), (1, 2), (10, 2), (3, 3), (25, 4)])
def test_as_torch(first, mult):
    ours = s.cosine_restarts(first, mult=mult).bind(1000)
    np.testing.assert_allclose(ours.values(stop=2000), theirs(first, mult, 2000), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("first", "mult"), [(1, 2), (1, 3), (1, 10), (7, 2), (10, 5), (3, 1)])
def test_every_cycle_begins_at_its_peak_exactly(first, mult):
    """torch's step(epoch) takes a logarithm for the number of the cycle: T_0 = 1, T_mult = 3 fails at t = 121."""
    curve, edges = s.cosine_restarts(first, mult=mult).bind(100), [0]
    while edges[-1] < 10**9 and len(edges) < 100:
        edges.append(edges[-1] + first * mult ** (len(edges) - 1))
    assert [curve(edge) for edge in edges] == [1.0] * len(edges)
    assert curve(np.array(edges)).tolist() == [1.0] * len(edges)
    for start, stop in pairwise(edges[:20]):
        if stop - start > 1:
            assert curve(stop - 1) == pytest.approx(exactly(stop - start - 1, stop - start, 1), abs=1e-12)
    optimizer = SGD([torch.zeros(1)], lr=1.0)
    scheduler = CosineAnnealingWarmRestarts(optimizer, 1, 3)
    scheduler.step(121)
    assert optimizer.param_groups[0]["lr"] == 0.0
    assert s.cosine_restarts(1, mult=3).bind(10)(121) == 1.0


@settings(deadline=None, max_examples=100)
@given(
    first=st.integers(1, 30),
    mult=st.sampled_from([1, 1.5, 2, 2.5, 3]),
    decay=st.sampled_from([1.0, 0.5, 0.9]),
    end=st.sampled_from([0.0, 0.1]),
    limit=st.none() | st.integers(1, 6),
)
def test_the_definition(first, mult, decay, end, limit):
    curve = s.cosine_restarts(first, mult=mult, decay=decay, end=end, limit=limit).bind(200)
    expected = [exactly(t, first, mult, decay, end, limit) for t in range(400)]
    np.testing.assert_allclose(curve.values(stop=400), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose([curve(t) for t in range(400)], expected, rtol=0, atol=1e-12)


def test_cycles_of_no_whole_number_of_steps_keep_their_length():
    curve = s.restarts(s.linear(), "0.35ep").bind(100, steps_per_epoch=10)
    assert curve(np.arange(8)).round(12).tolist() == pytest.approx([1 - t % 3.5 / 3.5 for t in range(8)])
    tenth = s.cosine_restarts(10, mult=1.1).bind(100)  # cycles begin at 10, 21, 33.1, …
    assert tenth(10) == tenth(21) == 1
    assert tenth(20) < 0.03


def test_any_shape_restarts():
    part = s.warmup("10%") >> s.constant() >> s.linear("5%")
    curve = s.restarts(part, 20).bind(100)
    once = s.during(part, 20).bind(100)
    for cycle in range(5):
        np.testing.assert_allclose(curve.values(cycle * 20, cycle * 20 + 20), once.values(stop=20), atol=1e-12)
    longer = s.restarts(part, 20, mult=2).bind(100)
    assert longer(20 + 2 * 7) == pytest.approx(curve(7))
    assert s.parse(str(s.restarts(part, 20, mult=2, limit=3))) == s.restarts(part, 20, mult=2, limit=3)


def test_a_limit_gives_a_length():
    schedule = s.cosine_restarts(10, mult=2, end=0.2, limit=3) >> s.constant(0.5)
    values = schedule.bind(100).values()
    assert values[[0, 10, 30, 70, 99]].tolist() == [1, 1, 1, 0.5, 0.5]
    assert s.cosine_restarts(10, end=0.2, limit=3).bind(100).values(28, 32)[2:].tolist() == [0.2, 0.2]
    assert "lasts" in s.cosine_restarts(10, mult=2, limit=10_000).bind(100).check()[0]
