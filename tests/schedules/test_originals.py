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


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_as_torch_where_torch_places_the_phases(strategy, three_phase):
    """torch ends its phases one step early (pct·N − 1 after the start); ours are placed at pct·N and end at N.

    A horizon of N + 1/pct steps would be needed to compare every point, so the two agree on the shape of each phase:
    the values torch takes over a phase are ours at the same progress through it.
    """
    options = {"anneal_strategy": strategy, "three_phase": three_phase}
    make = lambda o: torch_schedulers.OneCycleLR(o, 0.1, total_steps=STEPS, **options)  # noqa: E731
    theirs, their_momentum = stepped(make, 0.1), stepped(make, 0.1, key="momentum")
    curve = (0.1 * s.one_cycle(**options)).bind(STEPS)
    momentum = s.one_cycle_momentum(**options).bind(STEPS)
    shares = [0.3, 0.3, 0.4] if three_phase else [0.3, 0.7]
    torch_ends = [0.3 * STEPS - 1, 2 * 0.3 * STEPS - 2, STEPS - 1] if three_phase else [0.3 * STEPS - 1, STEPS - 1]
    start_ours = start_torch = 0.0
    for share, end in zip(shares, torch_ends, strict=True):
        for t in range(math.ceil(start_torch), math.floor(end) + 1):
            place = start_ours + (t - start_torch) / (end - start_torch) * share * STEPS
            assert curve(place) == pytest.approx(theirs[t], abs=1e-13)
            assert momentum(place) == pytest.approx(their_momentum[t], abs=1e-13)
        start_ours, start_torch = start_ours + share * STEPS, end


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
