"""Shapes against the schedulers they are named after, stepped for real, and against the formulas of the sources."""

import math

import numpy as np
import pytest
import torch
from torch.optim import SGD
from torch.optim import lr_scheduler as torch_schedulers

from surefoot import schedules as s
from surefoot.core.record import Observation

STEPS = 400


def stepped(make, lr, steps=STEPS, key="lr"):
    """The values a torch scheduler gives to successive updates."""
    optimizer = SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=lr, momentum=0.9)
    scheduler, values = make(optimizer), []
    for _ in range(steps):
        values.append(float(optimizer.param_groups[0][key]))
        optimizer.step()
        scheduler.step()
    return np.array(values)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (s.step(50, factor=0.5), lambda o: torch_schedulers.StepLR(o, 50, 0.5)),
        (s.multistep([50, 125, 160], factor=0.5), lambda o: torch_schedulers.MultiStepLR(o, [50, 125, 160], 0.5)),
        (s.exponential(0.95, every=1), lambda o: torch_schedulers.ExponentialLR(o, 0.95)),
        (s.cosine(end=0.1), lambda o: torch_schedulers.CosineAnnealingLR(o, STEPS, eta_min=0.01)),
        (s.linear(5, start=1 / 3, end=1.0), lambda o: torch_schedulers.LinearLR(o)),
        (s.polynomial(30, power=2.0), lambda o: torch_schedulers.PolynomialLR(o, 30, 2.0)),
        (s.inverse_time(0.1, every=10), lambda o: torch_schedulers.LambdaLR(o, lambda t: 1 / (1 + 0.1 * t / 10))),
        (s.cyclical(20, down=35, low=0.25), lambda o: torch_schedulers.CyclicLR(o, 0.025, 0.1, 20, 35)),
    ],
)
def test_as_torch(ours, theirs):
    np.testing.assert_allclose((0.1 * ours).bind(STEPS).values(), stepped(theirs, 0.1), rtol=0, atol=1e-13)


OVER_AND_OVER = [
    (s.cosine_wave(37, end=0.1), lambda o: torch_schedulers.CosineAnnealingLR(o, 37, eta_min=0.01)),
    (
        s.cyclical(20, down=35, low=0.25, policy="triangular2"),
        lambda o: torch_schedulers.CyclicLR(o, 0.025, 0.1, 20, 35, mode="triangular2"),
    ),
    (
        s.cyclical(20, low=0.25, policy="exp_range", gamma=0.99),
        lambda o: torch_schedulers.CyclicLR(o, 0.025, 0.1, 20, mode="exp_range", gamma=0.99),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), OVER_AND_OVER)
def test_what_is_periodic_goes_on_as_torch_does(ours, theirs):
    curve = (0.1 * ours).bind(100)
    np.testing.assert_allclose(curve.values(stop=STEPS), stepped(theirs, 0.1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("policy", ["triangular", "triangular2", "exp_range"])
def test_cyclical_momentum_as_torch(policy):
    make = lambda o: torch_schedulers.CyclicLR(o, 0.01, 0.1, 30, 20, mode=policy, gamma=0.99)  # noqa: E731
    ours = s.cyclical_momentum(30, down=20, policy=policy, gamma=0.99).bind(STEPS)
    np.testing.assert_allclose(ours.values(), stepped(make, 0.1, key="momentum"), rtol=0, atol=1e-13)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize(
    ("steps", "pct"), [(400, 0.3), (401, 0.25), (10, 0.3), (37, 0.5), (9, 0.05), (1, 0.3), (2, 0.4)]
)
def test_one_cycle_as_torch_at_every_legal_step(strategy, three_phase, steps, pct):
    options = {"anneal_strategy": strategy, "three_phase": three_phase, "pct_start": pct}
    make = lambda o: torch_schedulers.OneCycleLR(o, 0.1, total_steps=steps, **options)  # noqa: E731
    curve = (0.1 * s.one_cycle(**options, inclusive=True)).bind(steps)
    momentum = s.one_cycle_momentum(**options, inclusive=True).bind(steps)
    np.testing.assert_allclose(curve.values(), legal(make, steps, "lr"), rtol=0, atol=1e-13)
    np.testing.assert_allclose(momentum.values(), legal(make, steps, "momentum"), rtol=0, atol=1e-13)
    assert curve(steps) == curve(10 * steps) == pytest.approx(0.1 / 25 / 1e4, rel=1e-9)


def legal(make, steps, key):
    """As `stepped`, without the step that torch takes past the end."""
    optimizer = SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    scheduler, values = make(optimizer), []
    for t in range(steps):
        if t:
            optimizer.step()
            scheduler.step()
        values.append(optimizer.param_groups[0][key])
    return values


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_has_none_of_torchs_defects(strategy):
    """pytorch/pytorch#91765: one more step is legal, and goes beyond the end; a phase of no width divides by zero."""
    make = lambda o: torch_schedulers.OneCycleLR(o, 1.0, total_steps=10, anneal_strategy=strategy)  # noqa: E731
    past = legal(make, 11, "lr")[10]
    ours = s.one_cycle(anneal_strategy=strategy, inclusive=True).bind(10)
    lowest = 1 / 25 / 1e4
    assert abs(past - lowest) > 0.01
    assert ours(10) == ours(9) == pytest.approx(lowest, rel=1e-9)
    with pytest.raises(ZeroDivisionError):
        torch_schedulers.OneCycleLR(SGD([torch.zeros(1)], lr=1.0, momentum=0.9), 1.0, total_steps=10, pct_start=0.1)
    for options in ({}, {"three_phase": True}):
        sudden = s.one_cycle(pct_start=0.1, anneal_strategy=strategy, inclusive=True, **options).bind(10)
        assert sudden(0) == (1 if not options else 1 / 25)  # in three phases the way back has no width either
        assert np.isfinite(sudden.values(stop=20)).all()
        assert sudden(9) == sudden(19) == pytest.approx(lowest, rel=1e-9)
    whole = s.one_cycle(pct_start=1.0, anneal_strategy=strategy, inclusive=True).bind(10)
    assert whole(9) == whole(10) == pytest.approx(1)
    assert s.one_cycle(pct_start=1.0, anneal_strategy=strategy, inclusive=True).bind(1)(0) == lowest


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_begins_peaks_and_ends_where_it_says(inclusive, three_phase):
    curve = s.one_cycle(pct_start=0.25, three_phase=three_phase, inclusive=inclusive).bind(100)
    early = int(inclusive)
    assert curve(0) == pytest.approx(1 / 25)
    assert curve(25 - early) == pytest.approx(1)
    assert curve(2 * (25 - early)) == pytest.approx(1 / 25) or not three_phase
    assert curve(99 - early) > 1 / 25 / 1e4 + 1e-6
    assert curve(100 - early) == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_plateau_counts_as_torch(mode, threshold_mode, cooldown):
    options = {"mode": mode, "factor": 0.5, "patience": 2, "threshold": 0.05, "threshold_mode": threshold_mode}
    options["cooldown"] = cooldown
    optimizer = SGD([torch.zeros(1)], lr=0.1)
    theirs = torch_schedulers.ReduceLROnPlateau(optimizer, min_lr=0.002, **options)
    curve = (0.1 * s.plateau(min_factor=0.02, **options)).bind(200)
    state, losses = curve.start(), np.random.default_rng(0).normal(1.0, 0.3, 100).tolist()
    seen = []
    for step, loss in enumerate(losses, start=1):
        theirs.step(loss)
        state = curve.update(state, Observation(step, {"loss": loss}))
        seen.append(curve(step, state))
        assert seen[-1] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert len(set(seen)) > 3
    observations = [Observation(step, {"loss": loss}) for step, loss in enumerate(losses, start=1)]
    replayed = curve.values(stop=100, observations=observations)
    np.testing.assert_array_equal(replayed[1:], seen[:99])


def test_plateau_inside_a_chain_looks_at_its_own_stretch():
    curve = (0.1 * (s.warmup(10) >> s.plateau(0.5, patience=0))).bind(40)
    state = curve.start()
    for step in (5, 10):
        state = curve.update(state, Observation(step, {"loss": 1.0}))
    assert curve(11, state) == 0.1
    for step in (15, 20):
        state = curve.update(state, Observation(step, {"loss": 1.0}))
    assert curve(21, state) == 0.05
    assert curve(9, state) == 0.1
    with pytest.raises(ValueError, match="watches 'loss'"):
        curve.update(state, Observation(25, {"accuracy": 1.0}))


def test_the_numbers_of_the_keras_page():
    """Staircase ×0.5 every 10 000; boundaries; ×0.96 every 1000, on a staircase and smooth."""
    fixed = (0.1 * s.exponential(0.5, every=10_000, staircase=True)).bind(40_000)
    assert [fixed(t) for t in (0, 9_999, 10_000, 20_000)] == [0.1, 0.1, 0.05, 0.025]
    pieces = (1.0 * s.piecewise([10, 20, 30], values=[1.0, 0.5, 0.1, 0.01])).bind(40)
    assert [pieces(t) for t in (0, 10, 20, 30, 39)] == [1.0, 0.5, 0.1, 0.01, 0.01]
    stairs = (0.1 * s.exponential(0.96, every=1000, staircase=True)).bind(5000)
    smooth = (0.1 * s.exponential(0.96, every=1000)).bind(5000)
    assert stairs(2500) == pytest.approx(0.1 * 0.96**2)
    assert smooth(2500) == pytest.approx(0.1 * 0.96**2.5)


def test_the_decay_of_the_experiment_holds_for_each_epoch():
    curve = (0.1 * s.natural_exponential(0.1, staircase=True)).bind(18_750, steps_per_epoch=1875)
    for epoch in range(10):
        for t in (epoch * 1875, epoch * 1875 + 1874):
            assert curve(t) == pytest.approx(0.1 * math.exp(-0.1 * epoch), rel=1e-14)


def test_the_triangular_formula_of_the_source():
    curve = (0.006 * s.cyclical(2000, low=1 / 6)).bind(10_000)
    t = np.arange(10_000)
    cycle = np.floor(1 + t / 4000)
    x = np.abs(t / 2000 - 2 * cycle + 1)
    np.testing.assert_allclose(curve.values(), 0.001 + 0.005 * np.maximum(0, 1 - x), atol=1e-15)


@pytest.mark.parametrize("tenths", range(11, 400))
def test_a_staircase_of_fractional_periods_has_rounded_edges(tenths):
    """The k-th edge of a staircase of r steps is k·r rounded half up."""
    epoch, steps = 1000, 900
    values = s.step(f"{tenths / epoch / 10:.4f}ep", factor=0.5).bind(steps, steps_per_epoch=epoch).values(stop=150)
    edges = [(2 * k * tenths + 10) // 20 for k in range(1, steps)]
    np.testing.assert_array_equal(np.flatnonzero(np.diff(values)) + 1, [edge for edge in edges if edge < 150])


@pytest.mark.parametrize("shape", [s.linear, s.cosine, s.polynomial])
def test_the_end_is_reached_at_n_or_at_the_last_update(shape):
    assert shape().bind(50)(49) > 0
    assert shape().bind(50)(50) == pytest.approx(0, abs=1e-16)
    assert shape(inclusive=True).bind(50)(49) == pytest.approx(0, abs=1e-16)
