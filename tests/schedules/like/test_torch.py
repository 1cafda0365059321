"""The presets of torch against torch's own schedulers, stepped for real, and against what torch says they should do."""

from inspect import signature

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim import lr_scheduler as original
from torch.optim.swa_utils import SWALR

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import cosine, from_json, parse, to_json
from surefoot.schedules.like import torch as like

LR = 0.1
STEPS = 1500
EPOCH = 7


def optimizer(lr=LR, momentum=0.9):
    return SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=lr, momentum=momentum)


def stepped(make, steps=STEPS, lr=LR, key="lr"):
    """The values a torch scheduler gives to successive updates."""
    opt = optimizer(lr)
    scheduler, values = make(opt), []
    for step in range(steps):
        values.append(float(opt.param_groups[0][key]))
        if step < steps - 1:
            opt.step()
            scheduler.step()
    return np.array(values)


def rate_of(schedule, lr=LR):
    return schedule if schedule.is_rate else lr * schedule


def assert_same(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def sequential(o):
    parts = [original.LinearLR(o, 0.1, total_iters=100), original.ExponentialLR(o, 0.999), original.StepLR(o, 70, 0.5)]
    return original.SequentialLR(o, parts, [100, 600])


def ours_in_sequence(per):
    parts = [like.LinearLR(0.1, total_iters=100, per=per), like.ExponentialLR(0.999, per=per)]
    return like.SequentialLR([*parts, like.StepLR(70, 0.5, per=per)], [100, 600], per=per)


def warm_then_cosine(o):
    parts = [original.LinearLR(o, 0.01, total_iters=50), original.CosineAnnealingLR(o, 150, 0.01)]
    return original.SequentialLR(o, parts, [50])


def ours_warm_then_cosine(per):
    parts = [like.LinearLR(0.01, total_iters=50, per=per), like.CosineAnnealingLR(150, 0.01, lr=LR, per=per)]
    return like.SequentialLR(parts, [50], lr=LR, per=per)


def swa_after(o, start, strategy="cos"):
    parts = [original.ExponentialLR(o, 0.99), SWALR(o, 0.03, 200, strategy)]
    return original.SequentialLR(o, parts, [start])


# A name, the original and the preset, as stepped per update or per epoch.
CASES = {
    "step": (lambda o: original.StepLR(o, 100, 0.5), lambda per: like.StepLR(100, 0.5, per=per)),
    "step of 1": (lambda o: original.StepLR(o, 1, 0.999), lambda per: like.StepLR(1, 0.999, per=per)),
    "step by 0": (lambda o: original.StepLR(o, 400, 0.0), lambda per: like.StepLR(400, 0.0, per=per)),
    "step upward": (lambda o: original.StepLR(o, 700, 3), lambda per: like.StepLR(700, 3, per=per)),
    "step beyond": (lambda o: original.StepLR(o, 5000), lambda per: like.StepLR(5000, per=per)),
    "multistep": (
        lambda o: original.MultiStepLR(o, [30, 80, 1000], 0.3),
        lambda per: like.MultiStepLR([30, 80, 1000], 0.3, per=per),
    ),
    "multistep unsorted, twice, at 0": (
        lambda o: original.MultiStepLR(o, [80, 0, 30, 80, 2000], 0.5),
        lambda per: like.MultiStepLR([80, 0, 30, 80, 2000], 0.5, per=per),
    ),
    "multistep without a milestone": (
        lambda o: original.MultiStepLR(o, []),
        lambda per: like.MultiStepLR([], per=per),
    ),
    "constant": (original.ConstantLR, lambda per: like.ConstantLR(per=per)),
    "constant, long": (
        lambda o: original.ConstantLR(o, 0.2, 900),
        lambda per: like.ConstantLR(0.2, 900, per=per),
    ),
    "linear": (original.LinearLR, lambda per: like.LinearLR(per=per)),
    "linear, down": (
        lambda o: original.LinearLR(o, 1.0, 0.0, 777),
        lambda per: like.LinearLR(1.0, 0.0, 777, per=per),
    ),
    "linear, low": (
        lambda o: original.LinearLR(o, 1e-3, 0.5, 1200),
        lambda per: like.LinearLR(1e-3, 0.5, 1200, per=per),
    ),
    "linear of 1": (lambda o: original.LinearLR(o, total_iters=1), lambda per: like.LinearLR(total_iters=1, per=per)),
    "exponential": (lambda o: original.ExponentialLR(o, 0.99), lambda per: like.ExponentialLR(0.99, per=per)),
    "exponential, rising": (lambda o: original.ExponentialLR(o, 1.01), lambda per: like.ExponentialLR(1.01, per=per)),
    "polynomial": (original.PolynomialLR, lambda per: like.PolynomialLR(per=per)),
    "polynomial, cubic": (
        lambda o: original.PolynomialLR(o, 1000, 3.0),
        lambda per: like.PolynomialLR(1000, 3.0, per=per),
    ),
    "polynomial, root": (
        lambda o: original.PolynomialLR(o, 600, 0.5),
        lambda per: like.PolynomialLR(600, 0.5, per=per),
    ),
    "cosine": (lambda o: original.CosineAnnealingLR(o, 100), lambda per: like.CosineAnnealingLR(100, per=per)),
    "cosine, floor": (
        lambda o: original.CosineAnnealingLR(o, 37, 0.02),
        lambda per: like.CosineAnnealingLR(37, 0.02, lr=LR, per=per),
    ),
    "cosine, rising": (
        lambda o: original.CosineAnnealingLR(o, 60, 0.5),
        lambda per: like.CosineAnnealingLR(60, 0.5, lr=LR, per=per),
    ),
    "cosine of 1": (lambda o: original.CosineAnnealingLR(o, 1), lambda per: like.CosineAnnealingLR(1, per=per)),
    "cosine beyond": (
        lambda o: original.CosineAnnealingLR(o, 4000),
        lambda per: like.CosineAnnealingLR(4000, per=per),
    ),
    "restarts": (
        lambda o: original.CosineAnnealingWarmRestarts(o, 50),
        lambda per: like.CosineAnnealingWarmRestarts(50, per=per),
    ),
    "restarts, longer": (
        lambda o: original.CosineAnnealingWarmRestarts(o, 10, 2, 0.001),
        lambda per: like.CosineAnnealingWarmRestarts(10, 2, 0.001, lr=LR, per=per),
    ),
    "restarts of 1 by 3": (
        lambda o: original.CosineAnnealingWarmRestarts(o, 1, 3),
        lambda per: like.CosineAnnealingWarmRestarts(1, 3, per=per),
    ),
    "averaging": (lambda o: SWALR(o, 0.05), lambda per: like.SWALR(0.05, lr=LR, per=per)),
    "averaging, linear, upward": (
        lambda o: SWALR(o, 0.3, 333, "linear"),
        lambda per: like.SWALR(0.3, 333, "linear", lr=LR, per=per),
    ),
    "averaging at once": (lambda o: SWALR(o, 0.05, 0), lambda per: like.SWALR(0.05, 0, per=per)),
    "cyclic": (
        lambda o: original.CyclicLR(o, 0.001, 0.01, 200),
        lambda per: like.CyclicLR(0.001, 0.01, 200, per=per),
    ),
    "cyclic, uneven, halved": (
        lambda o: original.CyclicLR(o, 0.0, 0.01, 30, 101, "triangular2"),
        lambda per: like.CyclicLR(0.0, 0.01, 30, 101, "triangular2", per=per),
    ),
    "cyclic, exponential": (
        lambda o: original.CyclicLR(o, 0.002, 0.01, 50, mode="exp_range", gamma=0.999),
        lambda per: like.CyclicLR(0.002, 0.01, 50, mode="exp_range", gamma=0.999, per=per),
    ),
    "cyclic, upside down": (
        lambda o: original.CyclicLR(o, 0.01, 0.001, 1, 2),
        lambda per: like.CyclicLR(0.01, 0.001, 1, 2, per=per),
    ),
    "one cycle": (
        lambda o: original.OneCycleLR(o, 0.5, STEPS),
        lambda per: like.OneCycleLR(0.5, STEPS, per=per),
    ),
    "one cycle, linear, three phases": (
        lambda o: original.OneCycleLR(o, 0.5, None, 15, 100, anneal_strategy="linear", three_phase=True),
        lambda per: like.OneCycleLR(0.5, None, 15, 100, anneal_strategy="linear", three_phase=True, per=per),
    ),
    "one cycle without a rise": (
        lambda o: original.OneCycleLR(o, 0.5, STEPS, pct_start=0.0, div_factor=1.0, final_div_factor=10),
        lambda per: like.OneCycleLR(0.5, STEPS, pct_start=0.0, div_factor=1.0, final_div_factor=10, per=per),
    ),
    "in sequence": (sequential, ours_in_sequence),
    "warm-up, then a wave": (warm_then_cosine, ours_warm_then_cosine),
    "in sequence, one of no length": (
        lambda o: original.SequentialLR(
            o, [original.ConstantLR(o, 0.5, 10), original.StepLR(o, 5), original.ExponentialLR(o, 0.99)], [9, 9]
        ),
        lambda per: like.SequentialLR(
            [like.ConstantLR(0.5, 10, per=per), like.StepLR(5, per=per), like.ExponentialLR(0.99, per=per)],
            [9, 9],
            per=per,
        ),
    ),
    "in sequence, ended by restarts": (
        lambda o: original.SequentialLR(
            o, [original.LinearLR(o), original.CosineAnnealingWarmRestarts(o, 20, 2)], [5]
        ),
        lambda per: like.SequentialLR(
            [like.LinearLR(per=per), like.CosineAnnealingWarmRestarts(20, 2, per=per)], [5], per=per
        ),
    ),
    "chained": (
        lambda o: original.ChainedScheduler(
            [original.LinearLR(o, 0.1, total_iters=300), original.ExponentialLR(o, 0.999), original.StepLR(o, 400, 0.5)]
        ),
        lambda per: like.ChainedScheduler(
            [
                like.LinearLR(0.1, total_iters=300, per=per),
                like.ExponentialLR(0.999, per=per),
                like.StepLR(400, 0.5, per=per),
            ]
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs():
    found = {}
    return lambda case: found.setdefault(case, stepped(CASES[case][0])) if case not in found else found[case]


@pytest.mark.parametrize("case", CASES)
def test_as_torch_at_every_step(case, theirs):
    ours = rate_of(CASES[case][1]("step"))
    assert_same(ours.bind(STEPS).values(), theirs(case))
    curve = ours.bind(STEPS)
    assert [curve(t) for t in (0, 7, STEPS - 1)] == pytest.approx(theirs(case)[[0, 7, STEPS - 1]], rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("horizon", [1, 2, 5, 9, 10, 50, 99, 101, 333])
@pytest.mark.parametrize("case", CASES)
def test_any_horizon_serves_and_changes_nothing(case, horizon, theirs):
    ours = rate_of(CASES[case][1]("step"))
    np.testing.assert_allclose(ours.bind(horizon).values(), theirs(case)[:horizon], rtol=0, atol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_stepped_once_an_epoch(case, theirs):
    values = rate_of(CASES[case][1]("epoch")).bind(STEPS * EPOCH, steps_per_epoch=EPOCH).values()
    assert_same(values, np.repeat(theirs(case), EPOCH))


@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize("case", CASES)
def test_text_and_json_give_it_back(case, per):
    ours = rate_of(CASES[case][1](per))
    assert parse(str(ours)) == ours == from_json(to_json(ours))


@pytest.mark.parametrize("case", CASES)
def test_past_the_end_of_training(case, theirs):
    """Past the horizon, those that end hold, those that come back come back, those without an end go on."""
    ours = rate_of(CASES[case][1]("step")).bind(200)
    assert_same(ours.values(0, STEPS), theirs(case))


MOMENTA = {
    "cyclic": (lambda o: original.CyclicLR(o, 0.001, 0.01, 40, 60, "triangular2"),
               lambda per: like.CyclicLR(0.001, 0.01, 40, 60, "triangular2", of="momentum", per=per)),
    "cyclic, exponential": (
        lambda o: original.CyclicLR(o, 0.1, 0.2, 40, None, "exp_range", 0.99, None, "cycle", True, 0.5, 0.95),
        lambda per: like.CyclicLR(
            0.1, 0.2, 40, None, "exp_range", 0.99, None, "cycle", True, 0.5, 0.95, of="momentum", per=per
        )),
    "one cycle": (lambda o: original.OneCycleLR(o, 0.5, STEPS),
                  lambda per: like.OneCycleLR(0.5, STEPS, of="momentum", per=per)),
    "one cycle, linear, three phases": (
        lambda o: original.OneCycleLR(o, 0.5, STEPS, 0, 0, 0.25, "linear", True, 0.7, 0.99, three_phase=True),
        lambda per: like.OneCycleLR(
            0.5, STEPS, 0, 0, 0.25, "linear", True, 0.7, 0.99, three_phase=True, of="momentum", per=per
        )),
}  # fmt: skip


@pytest.mark.parametrize("case", MOMENTA)
def test_momentum_as_torch(case):
    make, ours = MOMENTA[case]
    theirs = stepped(make, key="momentum")
    assert_same(ours("step").bind(STEPS).values(), theirs)
    epochs = ours("epoch").bind(STEPS * EPOCH, steps_per_epoch=EPOCH).values()
    assert_same(epochs, np.repeat(theirs, EPOCH))


@pytest.mark.parametrize(("eta_min", "drift"), [(0.0, 1e-14), (0.02, 2e-9)])
def test_a_long_wave(eta_min, drift):
    """torch goes from ratio to ratio: above a floor, it drifts once past T_max. Its own closed form is ours."""
    stepwise = stepped(lambda o: original.CosineAnnealingLR(o, 10_000, eta_min), steps=25_000)
    scheduler, closed = original.CosineAnnealingLR(optimizer(), 10_000, eta_min), []
    for scheduler.last_epoch in range(25_000):  # its clock
        closed += scheduler._get_closed_form_lr()
    ours = rate_of(like.CosineAnnealingLR(10_000, eta_min, lr=LR)).bind(25_000).values()
    assert_same(ours, np.array(closed), tolerance=1e-15)
    assert_same(ours[:10_000], stepwise[:10_000])
    assert_same(ours, stepwise, tolerance=drift)


NUMBERS = st.floats(0.0, 1.0)
SHAPES = st.one_of(
    st.builds(
        lambda n, g: (lambda o: original.StepLR(o, n, g), like.StepLR(n, g)),
        st.integers(1, 500), st.floats(0, 1.02),
    ),
    st.builds(
        lambda m, g: (lambda o: original.MultiStepLR(o, m, g), like.MultiStepLR(m, g)),
        st.lists(st.integers(0, 1200), max_size=6), st.floats(0, 1.5),
    ),
    st.builds(
        lambda f, n: (lambda o: original.ConstantLR(o, f, n), like.ConstantLR(f, n)),
        st.floats(1e-3, 1.0), st.integers(1, 1200),
    ),
    st.builds(
        lambda a, b, n: (lambda o: original.LinearLR(o, a, b, n), like.LinearLR(a, b, n)),
        st.floats(1e-3, 1.0), st.floats(1e-3, 1.0), st.integers(1, 1200),
    ),
    st.builds(
        lambda g: (lambda o: original.ExponentialLR(o, g), like.ExponentialLR(g)),
        st.floats(0, 1.01),
    ),
    st.builds(
        lambda n, p: (lambda o: original.PolynomialLR(o, n, p), like.PolynomialLR(n, p)),
        st.integers(1, 1200), st.floats(0.1, 4),
    ),
)  # fmt: skip
CURVES = st.one_of(
    SHAPES,
    st.builds(
        lambda n, e: (lambda o: original.CosineAnnealingLR(o, n, e), like.CosineAnnealingLR(n, e, lr=LR)),
        st.integers(1, 100), st.floats(0, 0.2),  # longer ones drift: see above
    ),
    st.builds(
        lambda n, m, e: (
            lambda o: original.CosineAnnealingWarmRestarts(o, n, m, e),
            like.CosineAnnealingWarmRestarts(n, m, e, lr=LR),
        ),
        st.integers(1, 300), st.integers(1, 4), st.floats(0, 0.2),
    ),
    st.builds(
        lambda low, high, up, down, mode, g: (
            lambda o: original.CyclicLR(o, low, high, up, down, mode, g),
            like.CyclicLR(low, high, up, down, mode, g),
        ),
        NUMBERS, NUMBERS, st.integers(1, 300), st.integers(1, 300),
        st.sampled_from(["triangular", "triangular2", "exp_range"]), st.floats(0.9, 1.0),
    ),
    st.builds(
        lambda lr, n, way: (lambda o: SWALR(o, lr, n, way), like.SWALR(lr, n, way, lr=LR)),
        NUMBERS, st.integers(0, 300), st.sampled_from(["cos", "linear"]),
    ),
)  # fmt: skip


@settings(deadline=None)
@given(CURVES)
def test_whatever_the_arguments(case):
    make, ours = case
    theirs = stepped(make, steps=1000)
    np.testing.assert_allclose(
        rate_of(ours).bind(1000).values(), theirs, rtol=0, atol=1e-12 * max(np.abs(theirs).max(), LR)
    )


@settings(deadline=None)
@given(st.lists(SHAPES, min_size=2, max_size=4), st.data())
def test_whatever_the_sequence(cases, data):
    longest = 300
    gaps = data.draw(st.lists(st.integers(1, longest), min_size=len(cases) - 1, max_size=len(cases) - 1))
    milestones = np.cumsum(gaps).tolist()
    theirs = stepped(lambda o: original.SequentialLR(o, [make(o) for make, _ in cases], milestones), steps=1000)
    ours = LR * like.SequentialLR([shape for _, shape in cases], milestones)
    horizon = data.draw(st.integers(1, 1000))
    np.testing.assert_allclose(ours.bind(horizon).values(), theirs[:horizon], rtol=0, atol=1e-12 * theirs.max())


@settings(deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=4))
def test_whatever_is_chained(cases):
    theirs = stepped(lambda o: original.ChainedScheduler([make(o) for make, _ in cases]), steps=1000)
    ours = LR * like.ChainedScheduler([shape for _, shape in cases])
    np.testing.assert_allclose(ours.bind(1000).values(), theirs, rtol=0, atol=1e-12 * max(theirs.max(), LR))


@settings(deadline=None)
@given(
    st.sampled_from(["cos", "linear"]), st.booleans(), st.floats(0.01, 0.49), st.integers(3, 1200),
    st.floats(1, 100), st.floats(1, 1e5), st.sampled_from(["lr", "momentum"]),
)  # fmt: skip
def test_whatever_the_cycle(way, three, rise, steps, div, final, of):
    assume(abs(rise * steps - 1) > 1e-6)  # a rise of no length: torch divides by it
    make = lambda o: original.OneCycleLR(  # noqa: E731
        o, 1.0, steps, pct_start=rise, anneal_strategy=way, div_factor=div, final_div_factor=final, three_phase=three
    )
    ours = like.OneCycleLR(
        1.0, steps, None, None, rise, way, div_factor=div, final_div_factor=final, three_phase=three, of=of
    )
    np.testing.assert_allclose(ours.bind(steps).values(), stepped(make, steps, key=of), rtol=0, atol=1e-12)


def observations(seed, n=400):
    generator = np.random.default_rng(seed)
    falling = np.exp(-np.arange(n) / 50) + 0.2 * generator.random(n)
    falling[generator.integers(0, n, 5)] = np.nan
    return [float(value) for value in falling - 0.3 * generator.random()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": 0.5, "patience": 3, "cooldown": 4},
        {"mode": "max", "patience": 1, "threshold": 0.01},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "min_lr": 0.02},
        {"mode": "max", "threshold_mode": "abs", "patience": 0, "eps": 1e-3, "factor": 0.3},
        {"patience": 0, "factor": 0.9, "eps": 1e-4, "cooldown": 1},
        {"min_lr": 0.5, "patience": 0},
        {"factor": 0.0, "patience": 30, "eps": 0.0},
    ],
)
def test_reduce_on_plateau_as_torch(options, seed):
    opt = optimizer()
    scheduler = original.ReduceLROnPlateau(opt, **options)
    curve = like.ReduceLROnPlateau(**options, lr=LR).bind(1000)
    state, ours, theirs = curve.start(), [curve(0)], [LR]
    for step, value in enumerate(observations(seed), start=1):
        scheduler.step(value)
        state = curve.update(state, Observation(step, {"loss": value}))
        ours.append(curve(step, state))
        theirs.append(opt.param_groups[0]["lr"])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * LR)
    assert len(set(theirs)) > 1 or options.get("min_lr") == 0.5


def test_a_plateau_without_rates_of_its_own_is_a_shape():
    assert not like.ReduceLROnPlateau(eps=0, watch="accuracy", mode="max").is_rate
    assert str(like.ReduceLROnPlateau(eps=0, watch="accuracy", mode="max")) == "plateau(watch='accuracy', mode='max')"


# Where torch is wrong.


@pytest.mark.parametrize(("way", "wrong"), [("linear", -0.1428), ("cos", 0.0495)])
def test_one_cycle_at_its_last_legal_step(way, wrong):
    """pytorch/pytorch#91765, #38170: torch takes one step past its end, and falls below 0 or rebounds."""
    theirs = stepped(lambda o: original.OneCycleLR(o, 1.0, 10, anneal_strategy=way), steps=11)
    ours = like.OneCycleLR(1.0, 10, anneal_strategy=way).bind(11).values()
    assert theirs[10] == pytest.approx(wrong, abs=1e-3)
    assert ours[10] == ours[9] == pytest.approx(4e-6)
    assert_same(ours[:10], theirs[:10])


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("way", ["linear", "cos"])
def test_one_cycle_whose_rise_takes_no_step(way, three):
    """OneCycleLR(total_steps=10, pct_start=0.1) divides by zero in torch; the peak comes first."""
    options = {"pct_start": 0.1, "anneal_strategy": way, "three_phase": three}
    with pytest.raises(ZeroDivisionError):
        original.OneCycleLR(optimizer(), 1.0, 10, **options)
    values = like.OneCycleLR(1.0, 10, **options).bind(10).values()
    assert np.isfinite(values).all()
    assert values.max() == (0.04 if three else 1.0)
    assert (np.diff(values) <= 0).all()


def test_a_constant_of_zero():
    """ConstantLR(factor=0) divides by zero when it ends."""
    with pytest.raises(ZeroDivisionError):
        stepped(lambda o: original.ConstantLR(o, 0.0, 5), steps=7)
    assert like.ConstantLR(0.0, 5).bind(7).values().tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_a_warm_up_from_zero():
    """pytorch/pytorch#86454: LinearLR(start_factor=0) is forbidden."""
    with pytest.raises(ValueError, match="greater than 0"):
        original.LinearLR(optimizer(), start_factor=0.0)
    assert like.LinearLR(0.0, 1.0, 4).bind(6).values().tolist() == [0, 0.25, 0.5, 0.75, 1, 1]


def test_a_factor_for_no_steps_at_all():
    """Asked to end after 0 steps, ConstantLR and LinearLR never do: a disabled warm-up leaves a third of the rate."""
    for theirs, ours in ((original.ConstantLR, like.ConstantLR), (original.LinearLR, like.LinearLR)):
        assert stepped(lambda o, kind=theirs: kind(o, total_iters=0), steps=5, lr=3.0) == pytest.approx(1.0)
        assert ours(total_iters=0).bind(5).values().tolist() == [1.0] * 5


def test_a_sequence_in_a_sequence():
    """pytorch/pytorch#196243: torch switches a step early in a sequence that comes first, and fails at any other."""

    def nested(o, first):
        inner = original.SequentialLR(o, [original.ConstantLR(o, 0.1, 99), original.ConstantLR(o, 0.5, 99)], [5])
        parts = [inner, original.ConstantLR(o, 0.2, 99)]
        return original.SequentialLR(o, parts if first else parts[::-1], [10])

    inner, other = (
        like.SequentialLR([like.ConstantLR(0.1, 99), like.ConstantLR(0.5, 99)], [5]),
        like.ConstantLR(0.2, 99),
    )
    assert like.SequentialLR([inner, other], [10]).bind(15).values().tolist() == [0.1] * 5 + [0.5] * 5 + [0.2] * 5
    assert like.SequentialLR([other, inner], [10]).bind(20).values().tolist() == [0.2] * 10 + [0.1] * 5 + [0.5] * 5
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        theirs = stepped(lambda o: nested(o, first=True), steps=15, lr=1.0)
    assert theirs.tolist() == pytest.approx([0.1] * 4 + [0.5] * 6 + [0.2] * 5)
    with pytest.raises(NotImplementedError):
        stepped(lambda o: nested(o, first=False), steps=15, lr=1.0)


def test_a_sequence_nested_deep():
    """Each part begins at its own beginning: steps at 3, 6, … of its own time, wherever it stands."""
    shape = like.StepLR(3, 0.5)
    for depth in range(1, 6):
        shape = like.SequentialLR([like.ConstantLR(1.0, 9), shape], [2])
        expected = [1.0] * (2 * depth) + [0.5 ** (t // 3) for t in range(40 - 2 * depth)]
        assert shape.bind(40).values().tolist() == expected
        assert shape.bind(1)(0) == 1.0


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_a_sequence_that_fits_gives_no_reason_to_complain(scale):
    inner = like.SequentialLR([like.ConstantLR(), like.ExponentialLR(0.999)], [20])
    for last in (like.StepLR(300), like.CosineAnnealingLR(950), inner):
        assert like.SequentialLR([scale * like.LinearLR(), scale * last], [50]).bind(1000).check() == []


def test_restarts_chained_to_steps():
    """pytorch/pytorch#129565: the restarts overwrite what the steps multiplied; in the product both count."""
    make = lambda o: original.ChainedScheduler(  # noqa: E731
        [original.MultiStepLR(o, [10], 0.1), original.CosineAnnealingWarmRestarts(o, 8)]
    )
    theirs = stepped(make, steps=40, lr=1.0)
    ours = like.ChainedScheduler([like.MultiStepLR([10], 0.1), like.CosineAnnealingWarmRestarts(8)]).bind(40).values()
    assert theirs[[8, 16]] == pytest.approx([1.0, 1.0])
    assert ours[[8, 16]] == pytest.approx([1.0, 0.1])
    wave = 0.5 * (1 + np.cos(np.pi * (np.arange(40) % 8) / 8))
    np.testing.assert_allclose(ours, wave * np.where(np.arange(40) < 10, 1.0, 0.1), rtol=0, atol=1e-15)


def test_a_wave_chained_to_a_decay():
    """Past T_max torch begins the wave anew at the full base rate; in the product the decay goes on."""
    make = lambda o: original.ChainedScheduler(  # noqa: E731
        [original.ExponentialLR(o, 0.9), original.CosineAnnealingLR(o, 10)]
    )
    theirs = stepped(make, steps=21, lr=1.0)
    ours = like.ChainedScheduler([like.ExponentialLR(0.9), like.CosineAnnealingLR(10)]).bind(21).values()
    assert_same(ours[:11], theirs[:11])
    assert ours[20] == pytest.approx(0.9**20)
    assert theirs[20] == pytest.approx(0.9**9)


def test_a_restart_that_torch_misses_by_a_rounded_logarithm():
    """step(epoch) at T_0=1, T_mult=3, t=121: torch is at the end of the cycle before."""
    scheduler = original.CosineAnnealingWarmRestarts(optimizer(1.0), 1, 3, 0.01)
    with pytest.warns(UserWarning, match="lr_scheduler.step"):
        original.StepLR(scheduler.optimizer, 1).step()
    scheduler.step(121)
    assert scheduler.get_last_lr() == pytest.approx([0.01])
    curve = like.CosineAnnealingWarmRestarts(1, 3, 0.01, lr=1.0).bind(100_000)
    edges = [(3**i - 1) // 2 for i in range(11)]
    assert [curve(t) for t in edges] == pytest.approx([1.0] * 11)
    assert [curve(t - 1) < 0.99 for t in edges[2:]] == [True] * 9


def test_a_step_that_single_precision_would_lose():
    """A chained warm-up of 100 000 steps drifts by 5e-4 in a float32 rate; a closed form stays exact."""
    ours = like.LinearLR(1e-3, 1.0, 100_000).bind(100_001)
    assert ours(99_999) == pytest.approx(1 - 0.999e-5, rel=1e-15)
    assert ours(100_000) == 1.0


# What is refused.


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: like.LambdaLR(lambda t: 1.0), "LambdaLR has no preset: its function cannot be read. Write"),
        (lambda: like.MultiplicativeLR(lambda t: 1.0), "MultiplicativeLR has no preset"),
        (lambda: like.CyclicLR(0.1, 1.0, scale_fn=lambda x: x), "a scale_fn has no preset"),
        (lambda: like.CosineAnnealingLR(10, eta_min=0.1), "eta_min is a learning rate.*Pass lr="),
        (lambda: like.CosineAnnealingWarmRestarts(10, eta_min=0.1), "own learning rate.*Pass lr="),
        (lambda: like.SWALR(0.1), "SWALR needs the optimizer's own learning rate.*Pass lr="),
        (lambda: like.ReduceLROnPlateau(), "eps=0 and min_lr=0.*Pass lr="),
        (lambda: like.ReduceLROnPlateau(lr=0), "lr must be above 0; received 0"),
        (lambda: like.ReduceLROnPlateau(factor=1.5, lr=1), "factor must be a number from 0 to 1; received 1.5"),
        (lambda: like.StepLR(0), "step_size must be a whole number of at least 1; received 0"),
        (lambda: like.StepLR(2.5), "step_size must be a whole number"),
        (lambda: like.StepLR(True), "step_size must be a whole number"),
        (lambda: like.StepLR(10, -0.5), "StepLR's gamma must be a number of at least 0"),
        (lambda: like.StepLR(10, float("nan")), "StepLR's gamma must be a number"),
        (lambda: like.StepLR(10, per="batch"), "per must be one of 'step', 'epoch'; received 'batch'"),
        (lambda: like.MultiStepLR([10, -1]), "MultiStepLR's milestones must be a whole number of at least 0"),
        (lambda: like.MultiStepLR(10), "milestones must be a list of whole numbers; received 10"),
        (lambda: like.ConstantLR(1.5), "factor must be a number from 0 to 1"),
        (lambda: like.LinearLR(end_factor=2), "end_factor must be a number from 0 to 1"),
        (lambda: like.PolynomialLR(0), "total_iters must be a whole number of at least 1"),
        (lambda: like.CosineAnnealingLR(0), "T_max must be a whole number of at least 1"),
        (lambda: like.CosineAnnealingWarmRestarts(10, 1.5), "T_mult must be a whole number"),
        (lambda: like.SWALR(0.1, anneal_strategy="exp", lr=1), "anneal_strategy must be one of 'cos', 'linear'"),
        (lambda: like.CyclicLR(0.1, 1.0, 0), "step_size_up must be a whole number of at least 1"),
        (lambda: like.CyclicLR([0.1], 1.0), "base_lr must be a number"),
        (lambda: like.CyclicLR(0.1, 1.0, mode="square"), "mode must be one of"),
        (lambda: like.CyclicLR(0.1, 1.0, of="beta"), "of must be one of 'lr', 'momentum'"),
        (lambda: like.OneCycleLR(1.0, 10, cycle_momentum=False, of="momentum"), "Pass cycle_momentum=True"),
        (lambda: like.OneCycleLR(1.0), "Pass total_steps="),
        (lambda: like.OneCycleLR(1.0, epochs=3), "Pass total_steps="),
        (lambda: like.OneCycleLR(1.0, 0), "total_steps must be a whole number of at least 1"),
        (lambda: like.SequentialLR([], []), "must be a list of schedules, at least one"),
        (lambda: like.SequentialLR([cosine(), 1.0], [5]), "must be a list of schedules"),
        (lambda: like.SequentialLR([cosine(), cosine()], []), "of 2 schedulers needs 1 milestones"),
        (lambda: like.SequentialLR([cosine()] * 3, [5, 2]), "in order; received .5, 2."),
        (lambda: like.SequentialLR([like.StepLR(1), 0.1 * cosine()], [5]), "some of its parts are rates"),
        (lambda: like.ChainedScheduler([0.1 * cosine(), 0.1 * cosine()]), "a rate times a rate"),
        (lambda: like.ChainedScheduler("ab"), "must be a list of schedules"),
    ],
)  # fmt: skip
def test_refusals_say_what_is_wrong_and_what_to_do(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()


def test_every_scheduler_of_torch_has_a_preset_of_its_name_and_arguments():
    kinds = {name for name in original.__all__ if name != "LRScheduler"} | {"SWALR"}
    assert kinds == set(like.__all__)
    for name in kinds:
        theirs = signature(SWALR if name == "SWALR" else getattr(original, name)).parameters
        ours = signature(getattr(like, name)).parameters
        expected = {k: v for k, v in theirs.items() if k not in ("optimizer", "last_epoch")}
        mine = {k: v for k, v in ours.items() if v.kind is v.POSITIONAL_OR_KEYWORD}
        assert list(mine) == list(expected), name
        if name not in ("LambdaLR", "MultiplicativeLR"):
            assert [v.default for v in mine.values()] == [v.default for v in expected.values()], name
