"""The laws of the algebra, for schedules that Hypothesis makes up."""

import inspect
import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.core.units import length
from surefoot.schedules.leaf import Leaf
from surefoot.schedules.named import NAMED
from surefoot.schedules.span import Span

STEPS, EPOCH = 240, 24

shares = st.sampled_from(["10%", "12.5%", "2ep", 13, "480samples", "0.3ep"])
numbers = st.floats(0.01, 4).map(lambda x: round(x, 3))
falls = st.floats(0.05, 1).map(lambda x: round(x, 3))


def leaves(over):
    """Every shape, with the given strategy for its length."""
    optional = {"over": over}
    flags = {"inclusive": st.booleans()}
    ends = {"end": numbers, **flags}
    policies = st.sampled_from(["triangular", "triangular2", "exp_range"])
    kinds = st.sampled_from(["linear", "cosine", "1-sqrt", "log"])
    return st.one_of(
        st.builds(s.constant, numbers, **optional),
        st.builds(s.step, shares, factor=falls, **optional),
        st.builds(s.multistep, st.just([20, "50%"]), factor=falls, **optional),
        st.builds(s.piecewise, st.just(["25%", 100]), values=st.tuples(numbers, numbers, numbers), **optional),
        st.builds(s.exponential, falls, every=shares, staircase=st.booleans(), **optional),
        st.builds(s.natural_exponential, numbers, every=shares, staircase=st.booleans(), **optional),
        st.builds(s.inverse_time, numbers, every=shares, staircase=st.booleans(), **optional),
        st.builds(s.linear, start=numbers, end=numbers, inclusive=st.booleans(), **optional),
        st.builds(s.polynomial, power=numbers, cycle=st.booleans(), **ends, **optional),
        st.builds(s.cosine, cycles=numbers, exponent=numbers, **ends, **optional),
        st.builds(s.cosine_wave, shares, end=numbers, **optional),
        st.builds(s.cyclical, shares, down=st.none() | shares, low=falls, policy=policies, gamma=falls, **optional),
        st.builds(s.one_cycle, pct_start=st.floats(0, 0.5), three_phase=st.booleans(), **flags, **optional),
        st.builds(s.plateau, falls, patience=st.integers(0, 3), **optional),
        st.builds(s.warmup, shares, from_zero=st.booleans(), kind=kinds, start=falls),
        st.builds(s.exponential_warmup, shares, **optional),
        st.builds(s.untuned_linear_warmup, st.floats(0, 0.999), **optional),
        st.builds(s.untuned_exponential_warmup, st.floats(0, 0.999), **optional),
        st.builds(s.radam_warmup, st.floats(0.61, 0.9999), **optional),
        st.builds(s.cooldown, power=numbers, **ends, **optional),
        st.builds(s.exponential_cooldown, ratio=numbers, **ends, **optional),
        st.builds(s.geometric, end=numbers, **flags, **optional),
        st.builds(s.rex, d=st.floats(0, 0.9), **ends, **optional),
        st.builds(s.k_decay, k=numbers, power=st.none() | numbers, **ends, **optional),
        st.builds(s.tanh_decay, low=st.floats(-7, 0), high=st.floats(0, 7), **ends, **optional),
        st.builds(s.hyperbolic, upper=st.sampled_from(["100%", "250%"]), log=st.booleans(), **ends, **optional),
        st.builds(s.chebyshev, **ends, **optional),
        st.builds(s.chebyshev_steps, count=st.sampled_from([1, 2, 8, 64]), low=falls, **optional),
        st.builds(s.slanted_triangular, cut_frac=st.floats(0, 1), ratio=st.floats(1, 100), **optional),
        st.builds(s.range_test, low=falls, log=st.booleans(), **flags, **optional),
        st.builds(s.inverse_sqrt, shares, **optional),
        st.builds(s.inverse_power, shares, power=numbers, **optional),
        st.builds(s.noam, shares, **optional),
    )


def chains(parts):
    return st.tuples(st.lists(parts, min_size=1, max_size=2), leaves(st.none())).map(
        lambda found: s.time.then(*found[0], found[1])
    )


open_shapes = st.recursive(
    leaves(st.none()),
    lambda inner: st.one_of(
        chains(leaves(shares)),
        st.tuples(inner, inner).map(lambda ab: ab[0] * ab[1] if not (ab[0].is_rate and ab[1].is_rate) else ab[0]),
        st.tuples(inner, inner).map(lambda ab: ab[0] + ab[1] if ab[0].is_rate == ab[1].is_rate else ab[0]),
        st.tuples(numbers, inner).map(lambda ab: ab[0] * ab[1]),
        st.tuples(inner, numbers).map(lambda ab: ab[0] + ab[1]),
        st.builds(
            s.restarts,
            inner.filter(lambda part: part.is_open and not part.is_rate),
            st.sampled_from(["50%", "60.3%", 110]),  # long enough for the chains above
            mult=st.sampled_from([1, 1.5, 2]),
            decay=falls,
            end=falls,
        ),
    ),
    max_leaves=6,
)


def bind(schedule):
    return schedule.bind(STEPS, steps_per_epoch=EPOCH, batch_size=32, tokens_per_step=1000)


@settings(deadline=None, max_examples=150)
@given(open_shapes)
def test_text_and_json_read_back(schedule):
    assert s.parse(str(schedule)) == schedule
    assert s.from_json(json.loads(json.dumps(s.to_json(schedule)))) == schedule
    assert hash(s.parse(str(schedule))) == hash(schedule)


@settings(deadline=None, max_examples=80)
@given(open_shapes)
def test_one_formula_serves_floats_numpy_and_torch(schedule):
    curve, t = bind(schedule), np.arange(STEPS + 30)
    vector = curve.values(stop=STEPS + 30)
    one_by_one = [curve(int(i)) for i in t]
    in_torch = curve(torch.arange(STEPS + 30))
    np.testing.assert_allclose(vector, one_by_one, rtol=1e-12, atol=1e-300)
    assert np.broadcast_to(np.asarray(in_torch), vector.shape) == pytest.approx(vector, rel=1e-12, abs=1e-300)
    assert curve(np.int64(7)) == pytest.approx(one_by_one[7], rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(a=leaves(shares), b=leaves(shares), c=leaves(st.none()), x=numbers)
def test_laws(a, b, c, x):
    assert (a >> b) >> c == a >> (b >> c)
    assert (a * b) * c == a * (b * c)
    same = [bind(x * a * c), bind(a * (x * c)), bind(x * (a * c)), bind(c * a * x)]
    for other in same[1:]:
        np.testing.assert_allclose(other.values(), same[0].values(), rtol=1e-12)
    np.testing.assert_allclose(bind(a + b).values(), bind(a).values() + bind(b).values(), rtol=1e-12)
    np.testing.assert_allclose(bind(x + c + 1).values(), bind(c).values() + x + 1, rtol=1e-12)
    assert c + 0 == c
    np.testing.assert_allclose(bind(x * (a >> c)).values(), bind((x * a) >> (x * c)).values(), rtol=1e-12)


@settings(deadline=None, max_examples=100)
@given(st.lists(shares, min_size=1, max_size=4), st.integers(0, 4))
def test_boundaries_are_rounded_half_up_and_add_up(lengths, where):
    """Part k begins at the exact sum of what comes before it, rounded half up, and the parts fill the horizon."""
    parts = [s.constant(over=each) for each in lengths]
    parts.insert(min(where, len(parts)), s.constant(9.0))
    curve = bind(s.time.then(*parts))
    bounds = s.time.then(*parts).bounds(Span(curve.clock, 0, STEPS, STEPS))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == STEPS
    assert all(left[1] == right[0] for left, right in itertools.pairwise(bounds))
    exact = sum(length(each).steps(curve.clock) for each in lengths[: min(where, len(lengths))])
    assert bounds[min(where, len(lengths))][0] == math.floor(exact + length(1).amount / 2)


def test_a_chain_evaluates_each_part_in_its_own_time():
    curve = bind(0.5 * (s.warmup(10) >> s.constant(over="50%") >> s.linear()))
    assert curve(0) == 0.05
    assert curve(9) == curve(129) == 0.5
    assert curve(130) == 0.5
    assert curve(185) == 0.25
    assert curve(240) == curve(999) == 0


def test_one_that_is_longer_than_the_horizon_is_cut_off_and_said():
    curve = (s.warmup(60) >> s.cosine(60)).bind(100)
    assert curve(99) == (s.warmup(60) >> s.cosine(60)).bind(120)(99)
    assert "lasts 120 steps" in curve.check()[0]
    rising = (s.warmup(160) >> s.cosine()).bind(100)
    assert rising(99) == 100 / 160
    assert "last 160 steps of 100" in rising.check()[0]


def test_what_has_no_end_goes_on_past_the_horizon():
    for endless in (s.step(30, factor=0.5), s.exponential(0.9, every=10), s.inverse_sqrt(10), s.multistep([50, 130])):
        np.testing.assert_array_equal(endless.bind(100).values(stop=300), endless.bind(300).values())
        np.testing.assert_array_equal(s.during(endless, 100).bind(100).values(stop=300)[100:], endless.bind(300)(100))
    assert (s.warmup(10) >> s.step(30, factor=0.5)).bind(50)(100) == 0.125


def test_a_product_lasts_as_long_as_its_longest_part():
    curve = bind(s.warmup("5ep") * s.cosine())
    assert curve(60) == pytest.approx(61 / 120 * (1 + math.cos(math.pi / 4)) / 2)
    assert curve(240) == pytest.approx(0, abs=1e-15)


def test_every_shape_is_in_the_laws():
    """A new shape must enter the strategies above; those that are rates, or react, have tests of their own."""
    apart = {"one_cycle_momentum", "cyclical_momentum", "power_law", "greedy", "noise", "timm_noise"}
    source = inspect.getsource(leaves)
    shapes = {name for name, kind in NAMED.items() if issubclass(kind, Leaf)} - apart
    assert {name for name in shapes if f"st.builds(s.{name}," not in source} == set()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: 0.1 * s.warmup(5) >> s.cosine(), "parentheses round the shapes"),
        (lambda: s.constant() >> s.cosine(), "only one part"),
        (lambda: (0.1 * s.cosine()) * (0.1 * s.cosine()), "no meaning"),
        (lambda: (0.1 * s.cosine()) + s.cosine(), "units differ"),
        (lambda: math.nan * s.cosine(), "finite"),
        (lambda: s.cosine() * "2", "finite"),
        (lambda: s.step(-3), "not a length"),
        (lambda: s.step("3 parsecs"), "unknown unit 'parsecs'"),
        (lambda: s.step(2.5), "not a length"),
        (lambda: s.step("10ep", factor=-1), "factor"),
        (lambda: s.multistep("50%"), "list of lengths"),
        (lambda: s.piecewise([1, 2], values=[1.0]), "one value more"),
        (lambda: s.piecewise([1], values=[1.0, math.inf]), "list of numbers"),
        (lambda: s.plateau(patience=1.5), "whole number"),
        (lambda: s.plateau(mode="down"), "mode"),
        (lambda: s.one_cycle(anneal_strategy="cosine"), "anneal_strategy"),
        (lambda: s.cosine("60%").bind(0), "above 0"),
        (lambda: s.cosine("5ep").bind(100), "steps_per_epoch"),
        (lambda: s.step("0.1%").bind(100), "at least one step"),
        (lambda: (s.warmup(60) >> s.constant() >> s.cosine(100)).bind(100), "last 160 steps of 100"),
        (lambda: s.multistep([50, 30]).bind(100), "must rise"),
        (lambda: s.cosine(inclusive=50), "True or False"),
        (lambda: s.exponential(staircase="no"), "True or False"),
        (lambda: s.plateau(watch=3), "name of what is observed"),
        (lambda: s.one_cycle(pct_start=0.7, three_phase=True).bind(100), "at most 0.5"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()


def test_check_names_what_looks_wrong():
    curve = (0.1 * s.multistep([50, 300]) + 0.05 * s.linear(end=-2)).bind(100)
    found = "\n".join(curve.check())
    assert "300 (step 300) is never reached" in found
    assert "negative" in found
    assert (0.1 * s.cosine()).bind(100).check() == []


def test_edges_of_the_algebra():
    assert (s.constant(over=0) >> s.constant(0.5, over=0)).bind(10)(3) == 0.5
    long = s.time.then(*[s.constant(over=1) for _ in range(300)])
    assert s.parse(str(long)) == long
    assert s.parse(str(s.warmup("2e16tok"))) == s.warmup("2e16tok")
    assert (0.1 * s.plateau()).bind(10)(np.arange(4)).shape == (4,)
    assert s.exponential(10.0, every=1).bind(2000).values()[-1] == math.inf
