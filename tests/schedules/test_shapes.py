"""Every shape against its source's formula, written out again in plain Python, step by step."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError

N = 300
STEPS = range(N + 1)


def held(values, last):
    """A list of values as a function of t that stays at the last."""
    return lambda t: values[min(t, last)]


def cos_decay(u):
    return 0.5 * (1 + math.cos(math.pi * u))


def keras_polynomial_cycle(t, steps=70, end=0.1, power=2.0):
    steps = steps * (1 if t == 0 else math.ceil(t / steps))
    return (1 - end) * (1 - t / steps) ** power + end


def clr(t, up, down, scale):
    """torch's CyclicLR._compute_lr between 0 and 1."""
    total, ratio = up + down, up / (up + down)
    cycle = math.floor(1 + t / total)
    x = 1.0 + t / total - cycle
    height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
    return height * scale(cycle, t)


def radam(t, beta2=0.999):
    """pytorch-warmup's RAdamWarmup.warmup_factor, with ρ in exact fractions."""
    beta, last = Fraction(beta2), 2.0 / (1 - beta2) - 1

    def rho(n):
        return last - float(2 * n * beta**n / (1 - beta**n))

    offset = next(n for n in range(1, 20) if rho(n) > 4)
    now = rho(t + offset)
    return math.sqrt((now - 4) * (now - 2) * last / ((last - 4) * (last - 2) * now))


def hyperbolic(t, end, log, upper=750.0):
    """pytorch-scheduler's (Exp)HyperbolicLRScheduler with a base rate of 1."""

    def f(x):
        return math.sqrt((N - x) / upper * (2 - (N + x) / upper))

    delta = f(t) - f(0)
    return (1 / end) ** delta if log else 1 + (1 - end) * delta


def fractal_steps(count, low):
    """pytorch_optimizer's get_chebyshev_steps in the order of get_chebyshev_permutation."""
    order = np.array([0])
    while len(order) < count:
        order = np.vstack([order, 2 * len(order) - 1 - order]).T.flatten()
    thetas = (np.arange(count) + 0.5) * np.pi / count
    return (1 / ((1 + low) / 2 - (1 - low) / 2 * np.cos(thetas)))[order]


def slanted(t, cut_frac=0.1, ratio=32):
    """As in the paper; cut_frac · N is whole here."""
    cut = math.floor(N * cut_frac)
    p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
    return (1 + p * (ratio - 1)) / ratio


FORMULAS = [
    ("constant(0.3)", lambda t: 0.3),
    ("step(40, factor=0.5)", lambda t: 0.5 ** (t // 40)),
    ("multistep([40, 100, 200])", lambda t: 0.1 ** sum(t >= at for at in (40, 100, 200))),
    ("piecewise([5], values=[1/3, 1.0])", lambda t: 1 / 3 if t < 5 else 1),
    ("exponential(0.9, every=7)", lambda t: 0.9 ** (t / 7)),
    ("exponential(0.9, every=7, staircase=True)", lambda t: 0.9 ** (t // 7)),
    ("natural_exponential(0.1, every=7)", lambda t: math.exp(-0.1 * t / 7)),
    ("inverse_time(0.5, every=7)", lambda t: 1 / (1 + 0.5 * t / 7)),
    ("linear(start=0.2, end=3.0)", lambda t: 0.2 + 2.8 * t / N),
    ("polynomial(power=0.5, end=0.1)", lambda t: 0.1 + 0.9 * (1 - t / N) ** 0.5),
    ("polynomial(70, power=2.0, end=0.1, cycle=True)", keras_polynomial_cycle),
    ("warmup(40)", lambda t: min((t + 1) / 40, 1)),
    ("warmup(40, from_zero=True, start=0.25)", lambda t: 0.25 + 0.75 * min(t / 40, 1)),
    ("warmup(40, kind='cosine')", lambda t: 0.5 * (1 - math.cos(math.pi * min((t + 1) / 40, 1)))),
    ("warmup(40, kind='1-sqrt', from_zero=True)", lambda t: 1 - math.sqrt(1 - min(t / 40, 1))),
    ("warmup(40, kind='log', from_zero=True)", lambda t: math.log1p(min(t / 40, 1) * (math.e - 1))),
    ("exponential_warmup(40)", lambda t: 1 - math.exp(-(t + 1) / 40)),
    ("untuned_linear_warmup(0.98)", lambda t: min(1.0, (1 - 0.98) / 2 * (t + 1))),
    ("untuned_exponential_warmup(0.98)", lambda t: 1 - math.exp(-(1 - 0.98) * (t + 1))),
    ("radam_warmup()", radam),
    ("radam_warmup(0.9)", lambda t: radam(t, 0.9)),
    ("cosine(end=0.1)", lambda t: 0.1 + 0.9 * cos_decay(t / N)),
    ("cosine(cycles=1.75)", lambda t: 0.5 * (1 + math.cos(math.pi * 1.75 * 2 * t / N))),
    ("cosine(end=0.1, exponent=3.0)", lambda t: 0.9 * cos_decay(t / N) ** 3 + 0.1),
    ("cosine_wave(40, end=0.1)", lambda t: 0.1 + 0.9 * cos_decay(t / 40)),
    ("cyclical(40, down=20, low=0.25)", lambda t: 0.25 + 0.75 * clr(t, 40, 20, lambda c, t: 1)),
    ("cyclical(40, policy='triangular2')", lambda t: 1 / 6 + 5 / 6 * clr(t, 40, 40, lambda c, t: 1 / 2 ** (c - 1))),
    (
        "cyclical(40, policy='exp_range', gamma=0.99)",
        lambda t: 1 / 6 + 5 / 6 * clr(t, 40, 40, lambda c, t: 0.99**t),
    ),
    (
        "cyclical_momentum(40, down=20, policy='triangular2')",
        lambda t: 0.9 - 0.1 * clr(t, 40, 20, lambda c, t: 1 / 2 ** (c - 1)),
    ),
    ("cooldown(end=0.1)", lambda t: 0.1 + 0.9 * (1 - math.sqrt(t / N))),
    ("cooldown(power=2.0)", lambda t: 1 - (t / N) ** 2),
    ("exponential_cooldown()", lambda t: (0.1 ** (t / N) - 0.1) / 0.9),
    ("exponential_cooldown(ratio=0.5)", lambda t: 2 * 0.5 ** (t / N) - 1),
    ("exponential_cooldown(ratio=1)", lambda t: 1 - t / N),
    ("geometric(end=0.02)", lambda t: 0.02 ** (t / N)),
    ("rex()", lambda t: (1 - t / N) / (1 - t / N / 2)),
    ("rex(d=0.9, end=0.1)", lambda t: 0.1 + 0.9 * (1 - t / N) / ((1 - 0.9) + 0.9 * (1 - t / N))),
    ("k_decay()", lambda t: 0.5 * (1 + math.cos(math.pi * t**1.5 / N**1.5))),
    ("k_decay(k=3.0, power=2.0, end=0.1)", lambda t: 0.9 * (1 - t**3 / N**3) ** 2 + 0.1),
    ("tanh_decay(end=0.1)", lambda t: 0.1 + 0.5 * 0.9 * (1 - math.tanh(-7 * (1 - t / N) + 3 * t / N))),
    ("hyperbolic(upper=750, end=0.01)", lambda t: hyperbolic(t, 0.01, False)),
    ("hyperbolic(upper='250%', end=0.01, log=True)", lambda t: hyperbolic(t, 0.01, True)),
    ("chebyshev(end=0.1)", lambda t: 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (2 * min(t, N - 1) + 1) / (2 * N)))),
    ("chebyshev_steps(64, count=64)", held(fractal_steps(64, 0.05), 63)),
    ("chebyshev_steps(64, count=8, low=0.2)", held(np.repeat(fractal_steps(8, 0.2), 8), 63)),
    ("slanted_triangular()", slanted),
    ("range_test(low=1e-7)", lambda t: 1e-7 * (1e7 ** (t / N))),
    ("range_test(low=0.1, log=False)", lambda t: 0.1 + 0.9 * t / N),
    ("inverse_sqrt(40)", lambda t: 1 / math.sqrt((t + 40) / 40)),
    ("inverse_power(40, power=0.7)", lambda t: (1 + t / 40) ** -0.7),
    ("noam(40)", lambda t: min((t + 1) ** -0.5, (t + 1) * 40**-1.5) / 40**-0.5),
    ("noam(40, d_model=512)", lambda t: 512**-0.5 * min((t + 1) ** -0.5, (t + 1) * 40**-1.5)),
    ("power_law(4.0, -0.51, max_rate=0.02)", lambda t: min(0.02, 4 * (1000 * (t + 1)) ** -0.51)),
    ("power_law(4.6, -0.51, beta=32)", lambda t: 32 * 4.6 * (1000 * (t + 1)) ** -0.51),
]


@pytest.mark.parametrize(("text", "formula"), FORMULAS, ids=[text for text, _ in FORMULAS])
def test_a_shape_is_its_formula(text, formula):
    curve = s.parse(text).bind(N, tokens_per_step=1000)
    expected = [formula(t) for t in STEPS]
    np.testing.assert_allclose(curve.values(stop=N + 1), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([curve(t) for t in STEPS], expected, rtol=1e-12, atol=1e-12)


def test_every_shape_has_a_formula_here():
    apart = {"plateau", "one_cycle", "one_cycle_momentum"}  # their originals are stepped, elsewhere
    apart |= {"greedy", "noise", "timm_noise"}  # so are these
    named = {text.split("(")[0] for text, _ in FORMULAS}
    assert {name for name, kind in s.named.NAMED.items() if issubclass(kind, s.leaf.Leaf)} - apart == named


DECAYS = [
    lambda **o: s.linear(**o),
    lambda **o: s.polynomial(power=1.7, **o),
    lambda **o: s.cosine(**o),
    lambda **o: s.cosine(exponent=2.5, **o),
    lambda **o: s.cooldown(**o),
    lambda **o: s.exponential_cooldown(**o),
    lambda **o: s.rex(d=0.8, **o),
    lambda **o: s.k_decay(**o),
    lambda **o: s.k_decay(power=2, **o),
]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(DECAYS), st.floats(0, 0.9), st.booleans(), st.integers(2, 60))
def test_decays_fall_from_one_to_their_end_and_stay_there(make, end, inclusive, steps):
    values = make(end=end, inclusive=inclusive).bind(steps).values(stop=steps + 5)
    last = steps - inclusive
    assert values[0] == 1
    assert np.all(np.diff(values) <= 1e-15)
    np.testing.assert_allclose(values[last:], end, atol=1e-15)
    assert values[last - 1] > end + 1e-12


@pytest.mark.parametrize(
    ("shape", "end"),
    [(s.geometric(end=0.02, inclusive=True), 0.02), (s.range_test(low=0.1, inclusive=True), 1)],
)
def test_the_last_update_has_the_end_where_that_is_asked_for(shape, end):
    assert shape.bind(50)(48) != pytest.approx(end, rel=1e-3)
    assert shape.bind(50)(49) == pytest.approx(end, rel=1e-12)


@pytest.mark.parametrize("kind", ["linear", "cosine", "1-sqrt", "log"])
@pytest.mark.parametrize("from_zero", [False, True])
def test_warm_ups_rise_to_one(kind, from_zero):
    values = s.warmup(20, kind=kind, from_zero=from_zero, start=0.1).bind(40).values()
    assert np.all(np.diff(values[:20]) > 0)
    assert (values[0] == 0.1) == from_zero
    np.testing.assert_allclose(values[20 - (not from_zero) :], 1, rtol=1e-15)


def test_a_power_law_counts_the_tokens_of_all_training():
    alone = s.power_law(4.0, -0.51).bind(100, tokens_per_step=10)
    chained = (1.0 * s.warmup(30) >> s.power_law(4.0, -0.51)).bind(100, tokens_per_step=10)
    np.testing.assert_allclose(chained.values(30), alone.values(30), rtol=1e-14)
    with pytest.raises(ScheduleError, match="tokens_per_step"):
        s.power_law(4.0, -0.51).bind(100)


def test_periodic_shapes_go_on_past_their_end():
    for shape in (s.cosine_wave(10), s.cyclical(5), s.polynomial(10, cycle=True), s.cosine_restarts(10)):
        values = shape.bind(10).values(stop=100)
        assert np.ptp(values[10:]) > 0.2


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: s.rex(d=1), "below 1"),
        (lambda: s.rex(d=1.2), "from 0 to 1"),
        (lambda: s.cooldown(power=0), "above 0"),
        (lambda: s.exponential_cooldown(ratio=-1), "above 0"),
        (lambda: s.geometric(end=0.0), "above 0"),
        (lambda: s.geometric(end="0.1"), "a number"),
        (lambda: s.k_decay(k=0), "above 0"),
        (lambda: s.hyperbolic(upper=500, log=True), "above 0 with log"),
        (lambda: s.hyperbolic(upper=50).bind(100), "upper"),
        (lambda: s.chebyshev_steps(count=6), "power of 2"),
        (lambda: s.chebyshev_steps(low=0), "above 0"),
        (lambda: s.slanted_triangular(ratio=0.5), "ratio"),
        (lambda: s.range_test(low=0), "above 0"),
        (lambda: s.warmup(5, kind="sine"), "kind"),
        (lambda: s.untuned_linear_warmup(1), "below 1"),
        (lambda: s.radam_warmup(0.6), "above 0.6"),
        (lambda: s.radam_warmup(math.nan), "a number"),
        (lambda: s.exponential_warmup(0).bind(100), "at least one step"),
        (lambda: s.noam(10, d_model=0.5), "whole number"),
        (lambda: s.cyclical(policy="square"), "policy"),
        (lambda: s.cyclical(10, down=0).bind(100), "down must be at least one step"),
        (lambda: s.cosine(cycles=-1), "cycles"),
        (lambda: s.polynomial(cycle=1), "True or False"),
        (lambda: s.one_cycle_momentum(pct_start=0.7, three_phase=True), "at most 0.5"),
        (lambda: s.restarts(0.1 * s.cosine(), 10), "must be a shape"),
        (lambda: s.restarts(s.cosine(10), 10), "Leave its length out"),
        (lambda: s.restarts(s.cosine(), 10, mult=0.5), "at least 1"),
        (lambda: s.restarts(s.cosine(), 10, limit=0), "at least 1"),
        (lambda: s.cosine_restarts("0.1%").bind(100), "at least one step"),
        (lambda: s.wsd(shape="sine"), "Known"),
        (lambda: s.wsd(stable=0.5), "must be a shape"),
        (lambda: s.wsd_s("50%"), "lengths of its periods"),
        (lambda: s.wsd_s([]), "lengths of its periods"),
        (lambda: s.wsd(warmup="70%", decay="50%").bind(100), "Shorten a part"),
    ],
)
def test_what_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()
