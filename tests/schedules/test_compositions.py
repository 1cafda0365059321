"""Compositions against the formulas of their sources, and as text knows them."""

import math

import numpy as np
import pytest

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.schedules.compositions import COMPOSITIONS

N = 1000


def kozistr(t, shape, warmup=50, stable=750, decay=200):
    """pytorch_optimizer's get_wsd_scheduler_lambda, with the warm-up that gives (t + 1)/W."""
    if t < warmup:
        return (t + 1) / warmup
    if t < warmup + stable:
        return 1.0
    if t >= warmup + stable + decay:
        return 0.0
    u = (t - warmup - stable) / decay
    match shape:
        case "cosine":
            return max(0.0, 0.5 * (1.0 + math.cos(math.pi * 0.5 * 2.0 * u)))
        case "1-sqrt":
            return 1.0 - math.sqrt(u)
        case "square":
            return 1.0 - math.pow(u, 2)
        case "exponential":
            return (0.1**u - 0.1) / 0.9
    return 1.0 - u


@pytest.mark.parametrize("shape", ["linear", "1-sqrt", "cosine", "square", "exponential"])
def test_wsd(shape):
    values = s.wsd(shape=shape).bind(N).values(stop=N + 10)
    np.testing.assert_allclose(values, [kozistr(t, shape) for t in range(N + 10)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", ["linear", "1-sqrt", "cosine", "square", "exponential"])
def test_wsd_falls_to_its_end_without_a_leap(shape):
    """pytorch_optimizer's ignores min_lr_ratio until it jumps to it."""
    values = s.wsd(shape=shape, end=0.3).bind(1000).values(stop=1100)
    assert values[1000:] == pytest.approx(0.3)
    assert np.abs(np.diff(values[50:])).max() < 0.06  # 1-sqrt is steepest where it begins
    assert values[50:].min() >= 0.3 - 1e-12


def fairseq(t, warmup=100, hold=400, decay=500, start=0.01, end=0.01):
    """TriStageLRSchedule.step_update with a peak of 1."""
    if t < warmup:
        return start + (1 - start) / warmup * t
    if t < warmup + hold:
        return 1.0
    if t <= warmup + hold + decay:
        return math.exp(math.log(end) / decay * (t - warmup - hold))
    return end


def knee(step, warmup=50, explore=500):
    """KneeLRScheduler.get_lr; it counts its steps from 1, so the line down is a step ahead of ours."""
    if step <= warmup:
        return step / warmup
    if step <= warmup + explore:
        return 1.0
    return max(0.0, 1 - (step - explore - warmup) / (N - explore - warmup))


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        (s.tri_stage(), fairseq),
        (s.tri_stage(50, 200, 300, start=0.1, end=0.05), lambda t: fairseq(t, 50, 200, 300, 0.1, 0.05)),
        (s.knee("5%"), lambda t: knee(t + 1) if t < 50 else knee(t)),
        (s.knee(), lambda t: min(1.0, 2 - t / 500)),
        (s.flat_cosine(), lambda t: 0.5 * (1 + math.cos(math.pi * max(0, t - 750) / 250))),
        (
            s.warmup_hold_cosine(),
            lambda t: (t + 1) / 50 if t < 50 else 0.5 * (1 + math.cos(math.pi * max(0, t - 150) / 850)),
        ),
        (
            s.warmup_hold_cosine_constant(),
            lambda t: (
                (t + 1) / 50 if t < 50 else 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(max(0, t - 150) / 750, 1)))
            ),
        ),
        (
            s.cosine_cooldown(None),
            lambda t: 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * t / 900)) if t < 900 else 0.1 * (1000 - t) / 100,
        ),
        (
            s.wsd(100, 200, stable=s.inverse_power(100, power=0.5)),
            lambda t: (t + 1) / 100 if t < 100 else (1 + (t - 100) / 100) ** -0.5 * min(1, (1000 - t) / 200),
        ),
        (
            s.wsd_s([400, "60%"], warmup=50, decay=100),
            lambda t: min((t + 1) / 50, 1, (400 - t) / 100) if t < 400 else min(1, (1000 - t) / 100),
        ),
    ],
)
def test_a_composition_is_its_formula(schedule, formula):
    values = schedule.bind(N).values(stop=N + 1)
    np.testing.assert_allclose(values, [formula(t) for t in range(N + 1)], rtol=0, atol=1e-12)


def test_text_knows_every_composition():
    for name, made in COMPOSITIONS.items():
        assert getattr(s, name) is made
    assert s.parse("0.1 * wsd('1%', decay='10%', shape='1-sqrt')") == 0.1 * s.wsd("1%", "10%", "1-sqrt")
    assert s.parse("trapezoid()") == s.wsd()
    assert s.parse("wsd_s(['40%', '60%'])") == s.wsd_s(["40%", "60%"])
    assert s.parse("wsd(stable=inverse_power(100))") == s.wsd(stable=s.inverse_power(100))
    assert s.parse("cosine_restarts(10, mult=2)") == s.restarts(s.cosine(), 10, mult=2)
    for schedule in (s.wsd(), s.wsd_s([400, "60%"]), s.tri_stage()):
        assert s.parse(str(schedule)) == s.from_json(s.to_json(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wsdd()", "Did you mean 'wsd'"),
        ("wsd(decays='5%')", "wsd has no argument 'decays'. Did you mean 'decay'"),
        ("cosine_restarts()", r"missing a required argument: 'first'. Write cosine_restarts\(first, mult"),
        ("knee(1, 2, 3, 4)", "too many positional arguments"),
        ("tri_stage(warmup=cosine())", "not a length"),
        ("wsd(shape=['linear'])", "unknown shape"),
        ("wsd_s(5)", "lengths of its periods"),
        ("wsd(stable='x')", "must be a shape"),
    ],
)
def test_mistakes_are_named(text, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        s.parse(text)


def test_none_leaves_the_warm_up_out():
    assert s.wsd(warmup=None) == s.constant() >> s.linear("20%")
    assert s.wsd(warmup=0) == s.wsd(warmup=None)
