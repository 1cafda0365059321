"""Schedules whose time is another's, and schedules side by side: each against its equation, at every step."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation

N = 240
shapes = st.sampled_from(
    [
        s.linear(),
        s.cosine(end=0.1),
        s.warmup(30) >> s.cosine(),
        s.step(17, factor=0.7),
        s.piecewise([20, 60], values=[1.0, 0.4, 0.7]),
        s.one_cycle(),
        s.linear() * s.step("10%", factor=0.9),
    ]
)
closed = st.sampled_from([s.linear(40), s.cosine(25, end=0.2), s.warmup(10) >> s.linear("10%"), s.linear("1.7ep")])
lengths = st.sampled_from([1, 7, 40, "12.5%", "2ep", "0.3ep"])


def values(schedule, steps=N, stop=None):
    return schedule.bind(steps, steps_per_epoch=24).values(stop=stop)


def steps_of(length, steps=N):
    return math.floor(
        s.during(s.linear(), length).length(s.linear().bind(steps, steps_per_epoch=24).clock) + Fraction(1, 2)
    )


@settings(deadline=None)
@given(shapes, shapes, st.floats(0.1, 0.9))
def test_extremes_and_clip_are_what_numpy_calls_so(a, b, bound):
    np.testing.assert_array_equal(values(s.minimum(a, b, bound)), np.minimum(np.minimum(values(a), values(b)), bound))
    np.testing.assert_array_equal(values(s.maximum(a, bound, b)), np.maximum(np.maximum(values(a), values(b)), bound))
    np.testing.assert_array_equal(values(s.clip(a, 0.3, bound + 0.3)), np.clip(values(a), 0.3, bound + 0.3))
    assert s.minimum(a, s.minimum(b, bound), 0.05) == s.minimum(a, b, min(bound, 0.05))


@settings(deadline=None)
@given(st.sampled_from([s.linear(), s.cosine(end=0.1), s.step(17, factor=0.7)]), lengths)
def test_during_plays_the_beginning(part, over):
    cut = values(s.during(part, over) >> s.constant(5.0))
    end = steps_of(over)
    np.testing.assert_array_equal(cut[end:], 5.0)
    np.testing.assert_allclose(cut[:end], values(part, max(end, 1))[:end])


@settings(deadline=None)
@given(closed, lengths)
def test_during_cuts_or_holds_what_has_a_length(part, over):
    end = steps_of(over)
    np.testing.assert_allclose(values(s.during(part, over), stop=end), values(part, stop=end), rtol=1e-12)


@settings(deadline=None)
@given(closed, st.integers(0, 40))
def test_skip_leaves_the_beginning_out(part, first):
    np.testing.assert_allclose(
        values(s.skip(part, first), stop=100), values(part, stop=first + 100)[first:], rtol=1e-12
    )
    assert s.skip(part, first).length(part.bind(N, 24).clock) == max(part.length(part.bind(N, 24).clock) - first, 0)


def test_skip_of_an_open_part_begins_in_its_midst():
    """The part then has the skipped steps and those that are left."""
    np.testing.assert_allclose(values(s.skip(s.linear(), 60), 100), 1 - (60 + np.arange(100)) / 160)


@settings(deadline=None)
@given(closed, st.integers(1, 200))
def test_stretch_changes_the_pace(part, over):
    curve, own = part.bind(N, steps_per_epoch=24), steps_of("100%") and part.length(part.bind(N, 24).clock)
    pace = math.floor(own + Fraction(1, 2)) / over
    expected = [curve(t * pace) for t in range(over)]
    np.testing.assert_allclose(values(s.stretch(part, over), stop=over), expected, rtol=1e-9)


@settings(deadline=None)
@given(closed, st.integers(1, 4) | st.none())
def test_repeat_begins_again_at_rounded_multiples(part, times):
    each = part.length(part.bind(N, 24).clock)
    curve, got = part.bind(N, steps_per_epoch=24), values(s.repeat(part, times), stop=N)
    for t in range(N):
        k = max(k for k in range(N) if math.floor(k * each + Fraction(1, 2)) <= t)
        k = k if times is None else min(k, times - 1)
        assert got[t] == pytest.approx(curve(t - math.floor(k * each + Fraction(1, 2))), rel=1e-12)


@settings(deadline=None)
@given(shapes, st.sampled_from([1, 3, 10, "1ep", "0.3ep"]))
def test_every_holds_the_value_of_the_last_edge(part, n):
    each = s.during(s.linear(), n).length(part.bind(N, 24).clock)
    plain = values(part)
    edges = [math.floor(k * each + Fraction(1, 2)) for k in range(N)]
    expected = [plain[max(edge for edge in edges if edge <= t)] for t in range(N)]
    np.testing.assert_array_equal(values(s.every(part, n)), expected)


@settings(deadline=None)
@given(shapes, st.integers(1, 600))
def test_planned_is_deaf_to_the_horizon(part, steps):
    np.testing.assert_array_equal(values(s.planned(part, N), steps), values(part, N, stop=steps))


def test_planned_has_a_clock_of_its_own():
    plan = s.planned(s.step("2ep", factor=0.5), steps=100, steps_per_epoch=10)
    np.testing.assert_array_equal(plan.bind(200, steps_per_epoch=1).values()[[19, 20, 40]], [1, 0.5, 0.25])


@settings(deadline=None)
@given(shapes, st.integers(1, N - 1), st.integers(1, 500))
def test_paced_is_the_plan_and_then_the_rest_of_it_over_what_is_left(part, at, left):
    curve, got = part.bind(N, steps_per_epoch=24), values(s.paced(s.planned(part, N), at), at + left)
    np.testing.assert_allclose(got[:at], curve.values(stop=at), rtol=1e-12)
    pace = (N - at) / left
    np.testing.assert_allclose(got[at:], curve(at + np.arange(left) * pace), rtol=1e-7, atol=1e-7)


def test_a_plateau_inside_another_time_keeps_its_state():
    """In a repetition, a stretch or a changed horizon the plateau is one piece with one state."""
    for schedule in (
        0.1 * s.repeat(s.linear(20, end=0.5) * s.plateau(0.5, patience=0, over=20), 5),
        0.1 * s.paced(s.planned(s.constant() * s.plateau(0.5, patience=0), 50), 10),
        0.1 * s.every(s.plateau(0.5, patience=0), 10),
    ):
        curve = schedule.bind(100)
        assert len(curve.reducers) == 1
        state, plain = curve.start(), curve(80)
        for step in (5, 60, 70):
            state = curve.update(state, Observation(step, {"loss": 1.0}))
        assert curve(80, state) == pytest.approx(plain / 4)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: s.minimum(0.1 * s.cosine(), s.cosine()), "units differ"),
        (lambda: s.minimum(0.1, 0.2), "no schedule among these"),
        (lambda: s.maximum(s.cosine(), math.nan), "finite"),
        (lambda: s.clip(s.cosine(), 2, 1), "above its high"),
        (lambda: s.clip(3), "must be a schedule"),
        (lambda: s.repeat(s.cosine()), "length of its own"),
        (lambda: s.repeat(s.cosine(10), 0), "whole number of at least 1"),
        (lambda: s.repeat(s.cosine("0.1%")).bind(10), "last a step"),
        (lambda: s.every(s.cosine(), 0).bind(10), "at least one step"),
        (lambda: s.planned(s.cosine(), 0), "steps"),
        (lambda: s.planned(s.cosine(), 1.5), "steps"),
        (lambda: s.paced(s.cosine(), 5), "length of its own"),
        (lambda: s.paced(s.cosine(10), 10).bind(50), "must lie before the end"),
        (lambda: s.cosine().bind(10)(-1), "no update before the first"),
        (lambda: s.cosine().bind(10)("3"), "takes numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()


def test_nesting_without_end_is_refused_in_words():
    deep = s.linear(10)
    for _ in range(3000):
        deep = s.skip(deep, 1)
    with pytest.raises(ScheduleError, match="nested too deeply"):
        deep.bind(10)
