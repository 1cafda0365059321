"""Laws of reading short runs, on curves that are known exactly."""

import numpy as np
import pytest

from surefoot.analysis.finding import Seen, basin, edge_of, read, slowed, vertex, window
from surefoot.analysis.ramp import Ramp, smoothed, steepest, valley

LOOKS = (3, 6, 12, 24, 48)


def quadratic(scale=1.0, curvatures=(1.0, 0.1, 0.01), noise=0.0, looks=LOOKS, horizon=480, rates=None):
    """Gradient descent on ½·scale·Σ λ·x², from 1: x is multiplied by 1 − η·scale·λ; the edge is 2/(scale·λ_max).

    `noise`: what the losses end at, in units of the rate, as with gradients that stay noisy.
    """
    rates = np.logspace(-4, 2, 13) if rates is None else rates
    curves = np.asarray(curvatures) * scale
    start = 0.5 * curves.sum()
    losses = [
        [0.5 * (curves * (1 - rate * curves) ** (2 * n)).sum() + noise * rate * scale**2 for rate in rates]
        for n in looks
    ]
    return Seen(rates, horizon, np.array([start]), tuple(looks), np.array(losses)[:, :, None])


def test_the_edge_of_a_quadratic_is_two_over_its_curvature():
    for scale in (0.3, 1.0, 5.0):
        edge = edge_of(quadratic(scale))
        assert edge.low <= 2 / scale <= edge.high
        assert edge.high / edge.low == pytest.approx(10**0.5)


def test_a_loss_times_ten_has_a_tenth_of_the_rate():
    one, ten = read(quadratic()), read(quadratic(10.0))
    assert ten.suggestion == pytest.approx(one.suggestion / 10, rel=1e-9)
    assert np.allclose(ten.interval, np.array(one.interval) / 10)
    assert (ten.edge.low, ten.edge.high) == pytest.approx((one.edge.low / 10, one.edge.high / 10))


def test_no_suggestion_comes_near_the_edge():
    for curvatures in ((1.0,), (1.0, 1e-3), (1.0, 0.3, 0.1)):
        found = read(quadratic(curvatures=curvatures))
        assert found.suggestion <= np.sqrt(found.edge.low * found.edge.high) / 2
        assert found.interval[0] <= found.suggestion <= found.interval[1]


def test_the_interval_covers_the_best_rate_of_the_whole_horizon():
    """Of a quadratic with noise: the best rate falls as the horizon grows."""
    fine = np.logspace(-4, 0.3, 601)
    before = None
    for horizon in (50, 500, 5000):
        noise = 0.05
        whole = quadratic(noise=noise, looks=(horizon,), rates=fine)
        best = fine[np.argmin(whole.capped[0, :, 0])]
        found = read(quadratic(noise=noise, horizon=horizon))
        assert found.interval[0] <= best <= found.interval[1]
        assert before is None or found.suggestion <= before
        before = found.suggestion


def test_a_loss_that_has_stopped_keeps_rate_times_updates():
    """Where progress is over, a = 1; where it is as fast as ever, a = 0."""
    steps = np.array([0, 2, 4, 8, 16, 32, 64, 128])
    assert slowed(steps, np.array([3.0, 2, 1, 1, 1, 1, 1, 1])) == 1
    assert slowed(steps, -np.log1p(steps)) == pytest.approx(0, abs=1e-9)
    half = slowed(steps, -np.where(steps < 17, np.log1p(steps), np.log1p(16) + 0.5 * np.log((1 + steps) / 17)))
    assert half == pytest.approx(0.5, abs=0.1)
    assert slowed(steps, np.arange(8.0)) == 1  # it never fell


def test_a_parabola_is_found_between_its_points_whatever_their_distance():
    rates = np.array([0.01, 0.05, 0.1, 1.0])
    assert vertex(rates, (np.log(rates) - np.log(0.07)) ** 2) == pytest.approx(0.07)
    assert vertex(rates, np.array([4.0, 3.0, 2.0, 1.0])) == 1.0
    assert vertex(rates, np.ones(4)) == 0.01


def test_the_window_has_one_rate_above_the_best_and_three_below():
    seen = quadratic(looks=(4,))
    best = int(np.argmin(seen.capped[0, :, 0]))
    assert window(seen) == list(range(best - 3, best + 2))
    lost = Seen(seen.rates, 100, seen.start, (4,), np.full((1, 13, 1), np.inf))
    assert window(lost) == []


def test_one_seed_that_diverges_moves_the_edge():
    seen = quadratic()
    two = np.repeat(seen.losses, 2, axis=2)
    last = int(np.flatnonzero(seen.rates <= edge_of(seen).low)[-1])
    two[:, last, 1] = np.inf
    found = edge_of(Seen(seen.rates, 480, np.repeat(seen.start, 2), LOOKS, two))
    assert found.low == seen.rates[last - 1]
    assert found.high == seen.rates[last + 1]


def test_nothing_diverging_leaves_the_edge_open():
    seen = quadratic(rates=np.logspace(-4, -1, 7))
    found = read(seen)
    assert found.edge.high is None
    assert found.highest
    assert not found.lowest
    assert read(quadratic(rates=np.logspace(0.1, 2, 5))).lowest


def test_losses_below_nothing_are_read_without_logarithms():
    seen = quadratic()
    shifted = Seen(seen.rates, 480, seen.start - 5, LOOKS, seen.losses - 5)
    found = read(shifted)
    assert found.edge == read(seen).edge
    assert found.interval[0] <= found.suggestion <= found.interval[1]


def test_the_basin_is_what_noise_cannot_tell_from_the_best():
    rates = np.array([0.01, 0.1, 1.0, 10.0])
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(8, 1))  # of a seed: no difference between rates
    apart = rng.normal(size=(8, 4)) * 0.1
    assert basin(rates, np.array([2.0, 1.0, 1.01, 2.0]) + shared + apart) == (0.1, 1.0)
    assert basin(rates, np.array([2.0, 1.0, 1.5, 2.0]) + shared + apart) == (0.1, 0.1)


def test_a_ramp_is_read_where_it_falls_fastest_and_in_its_valley():
    rates = np.logspace(-4, 1, 101)
    losses = 2 - 1.5 / (1 + (0.01 / rates) ** 2) + (rates / 3) ** 4
    assert steepest(rates, losses) == pytest.approx(0.01, rel=0.15)
    low = rates[np.argmin(losses)]
    assert 0.01 < valley(rates, losses) < low
    assert steepest(rates, np.arange(101.0)) is None
    assert valley(rates, np.arange(101.0)) is None
    assert valley(rates[:0], losses[:0]) is None
    ramp = Ramp.of(rates, losses)
    assert ramp.steepest > steepest(rates, losses)  # a running mean lags


def test_the_running_mean_has_no_bias():
    assert np.allclose(smoothed(np.full(50, 3.0)), 3.0)
    assert smoothed(np.array([1.0, 3.0]))[1] == pytest.approx((0.98 * 0.02 * 1 + 0.02 * 3) / (1 - 0.98**2))
