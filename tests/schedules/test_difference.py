"""What differs between two schedules is said in words, all of it and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.units import Clock
from surefoot.schedules.algebra import minimum
from surefoot.schedules.difference import clock_difference, difference

warm, fall = s.warmup(5), s.cosine(100)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (s.cosine(100), s.cosine(200), ["cosine.over: 100 → 200"]),
        (s.cosine("10%"), s.cosine(end=0.1), ["cosine.over: 10% → None", "cosine.end: 0.0 → 0.1"]),
        (s.cosine(), s.linear(), ["cosine() → linear()"]),
        (0.1 * fall, 0.2 * fall, ["factor: 0.1 → 0.2"]),
        (0.1 * fall, fall, ["0.1 * cosine(100) → cosine(100)"]),
        (0.1 * (warm >> fall), 0.1 * fall, ["removed: warmup(5)"]),
        (0.1 * fall, 0.1 * (warm >> fall), ["added: warmup(5)"]),
        (warm >> s.cosine(9), s.cosine(8), ["removed: warmup(5)", "cosine.over: 9 → 8"]),
        (warm >> fall, warm >> s.linear(), ["cosine(100) → linear()"]),
        (warm >> fall, s.constant() * s.linear(), ["warmup(5) >> cosine(100) → constant() * linear()"]),
        (s.linear(5) >> s.linear(6), s.linear(5) >> s.linear(7), ["linear 2.over: 6 → 7"]),
        (s.linear(4) >> s.linear(5) >> fall, s.linear(5) >> fall, ["removed: linear(4)"]),
        (fall + 0.1, fall + 0.2, ["sum.offset: 0.1 → 0.2"]),
        (fall + 0.1, fall, ["cosine(100) + 0.1 → cosine(100)"]),
        (minimum(fall, 0.5), minimum(fall, 0.4), ["minimum.offset: 0.5 → 0.4"]),
        (
            0.1 * fall + 0.2 * s.cosine(50),
            0.1 * fall + 0.3 * s.cosine(40),
            ["scale 2.factor: 0.2 → 0.3", "scale 2.cosine.over: 50 → 40"],
        ),
        (s.repeat(s.linear(4)), s.repeat(s.linear(5), 2), ["repeat.linear.over: 4 → 5", "repeat.times: None → 2"]),
        (s.multistep([30, "80%"]), s.multistep([30, 90]), ["multistep.at: [30, 80%] → [30, 90]"]),
        (s.every(fall, "1ep"), s.every(s.linear(), "1ep"), ["every.cosine(100) → linear()"]),
    ],
)
def test_it_says(old, new, words):
    assert difference(old, new) == words


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (Clock(1000, 10), []),
        (Clock(2000, 10), ["horizon: 1000 → 2000 steps"]),
        (Clock(1000, 20, 64), ["steps_per_epoch: 10 → 20", "batch_size: None → 64"]),
    ],
)
def test_of_horizons(new, words):
    assert clock_difference(Clock(1000, 10), new) == words


shapes = st.recursive(
    st.builds(s.cosine, st.sampled_from([5, 9, "10%"]), end=st.sampled_from([0.0, 0.1]))
    | st.builds(s.warmup, st.sampled_from([5, 9]))
    | st.builds(s.plateau, st.sampled_from([0.5, 0.1]), patience=st.integers(0, 1), over=st.just(5)),
    lambda part: st.one_of(
        st.builds(lambda a, b: a >> b, part, part),
        st.builds(lambda a, b: a * b, part, part),
        st.builds(lambda a, x: a + x, part, st.sampled_from([0.0, 0.1])),
        st.builds(s.stretch, part, st.sampled_from([50, 60])),
        st.builds(lambda a, x: minimum(a, x), part, st.sampled_from([0.2, 0.4])),
    ),
    max_leaves=4,
)


@given(shapes, shapes)
def test_equal_schedules_have_no_difference_and_others_have(a, b):
    assert (difference(a, b) == []) == (a == b)
    assert (difference(0.1 * a, 0.1 * b) == []) == (a == b)
    assert difference(a, a) == []
