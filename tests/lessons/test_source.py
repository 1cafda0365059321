"""The formulas of the source document, by their own numbers: its six strategies and its schedules."""

import math

import numpy as np
import pytest
import torch

import surefoot as sf


def values(schedule, steps, per_epoch=None):
    return schedule.bind(steps, per_epoch).values()


def test_step_decay():
    lr = values(0.1 * sf.strategy("step_decay"), 300, 10)
    assert lr == pytest.approx([0.1 * 0.5 ** (t // 100) for t in range(300)])


def test_exponential_decay():
    lr = values(0.1 * sf.strategy("exponential_decay"), 300, 10)
    assert lr == pytest.approx([0.1 * 0.9 ** (t // 10) for t in range(300)])


def test_cosine_annealing():
    low, high, period = 0.0, 0.1, 30
    lr = values(0.1 * sf.strategy("cosine_annealing"), 30)
    assert lr == pytest.approx([low + (high - low) * (1 + math.cos(math.pi * t / period)) / 2 for t in range(30)])


def test_reduce_on_plateau():
    losses = [1.0, 0.9, *[0.9] * 13]
    curve = (0.1 * sf.strategy("reduce_on_plateau")).bind(steps=len(losses))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=5)
    state, rates = curve.start(), []
    for step, loss in enumerate(losses, 1):
        state = curve.update(state, sf.Observation(step, {"loss": loss}))
        scheduler.step(loss)
        rates.append(curve(step, state))
        assert rates[-1] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert rates[-1] == pytest.approx(0.001)  # it fell twice: the test would not notice otherwise


def test_cyclical():
    base, top, step_size = 0.001, 0.006, 2000
    t = np.arange(10_000)
    cycle = np.floor(1 + t / (2 * step_size))
    x = np.abs(t / step_size - 2 * cycle + 1)
    expected = base + (top - base) * np.maximum(0, 1 - x)
    assert values(0.006 * sf.strategy("cyclical"), 10_000) == pytest.approx(expected)


def test_one_cycle():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, steps_per_epoch=100, epochs=10)
    theirs = []
    for _ in range(999):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    preset = sf.like.torch.OneCycleLR(max_lr=0.1, steps_per_epoch=100, epochs=10)
    assert values(preset, 1000)[:999] == pytest.approx(theirs)
    ours = values(0.1 * sf.strategy("one_cycle"), 1000)
    # The same up to the place of the phases' ends, which torch has one step earlier.
    assert np.abs(ours[:999] - theirs).max() < 0.001


def test_the_factory_knows_six_names_and_refuses_others():
    assert set(sf.STRATEGIES) >= {
        "step_decay", "exponential_decay", "cosine_annealing", "reduce_on_plateau", "one_cycle", "cyclical",
    }  # fmt: skip
    with pytest.raises(ValueError, match="unknown strategy 'warm_restarts'"):
        sf.strategy("warm_restarts")


def test_gradient_descent_from_one_at_a_tenth():
    found = sf.learn("descent", coefficient=0.5, start=1.0, lr=[0.1], iterations=1, steps=1).found
    assert found.descents[0].x[1] == pytest.approx(0.9)
