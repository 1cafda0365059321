"""The presets of Transformers against its own schedules, stepped; skipped where it is not installed."""

import inspect
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import parse, to_json
from surefoot.schedules.form import from_json
from surefoot.schedules.like import transformers as like

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own imports
    REASON = "Transformers is not installed: pip install transformers==5.23.0"
    theirs = pytest.importorskip("transformers.optimization", reason=REASON)
    from transformers.trainer_utils import SchedulerType

LR = 0.3
TOLERANCE = 1e-12 * LR


def optimizer(lr=LR):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def stepped(name, steps, lr=LR, **options):
    """The values that the original gives to successive updates."""
    own = optimizer(lr)
    schedule, values = getattr(theirs, name)(own, **options), []
    for _ in range(steps):
        values.append(own.param_groups[0]["lr"])
        own.step()
        schedule.step()
    return np.array(values)


def ours(name, steps, lr=LR, **options):
    function = getattr(like, name)
    schedule = function(**options, lr=lr) if "lr" in inspect.signature(function).parameters else function(**options)
    assert parse(str(schedule)) == schedule
    assert from_json(to_json(schedule)) == schedule
    return (schedule if schedule.is_rate else lr * schedule).bind(steps).values()


def same(name, steps, **options):
    np.testing.assert_allclose(ours(name, steps, **options), stepped(name, steps, **options), rtol=0, atol=TOLERANCE)


WARM_UPS = [0, 1, 2, 37, 100]
CASES = {
    "get_constant_schedule": [{}],
    "get_constant_schedule_with_warmup": [{"num_warmup_steps": w} for w in [*WARM_UPS, 5000]],
    "get_linear_schedule_with_warmup": [
        {"num_warmup_steps": w, "num_training_steps": n} for w in WARM_UPS for n in (1000, 101, 100, 99, 1, 0)
    ],
    "get_cosine_with_hard_restarts_schedule_with_warmup": [
        {"num_warmup_steps": w, "num_training_steps": w + n, "num_cycles": c}
        for w in WARM_UPS
        for n, c in [(1000, 1), (960, 3), (999, 7), (100, 2), (1, 1), (1, 3)]
    ],
    "get_polynomial_decay_schedule_with_warmup": [
        {"num_warmup_steps": w, "num_training_steps": w + n, **more}
        for w in WARM_UPS
        for n in (1000, 7, 1)
        for more in ({}, {"power": 2.0}, {"power": 0.5, "lr_end": 0.01}, {"lr_end": 0.0, "power": 3})
    ],
    "get_inverse_sqrt_schedule": [
        {"num_warmup_steps": w, **more} for w in [*WARM_UPS, 5000] for more in ({}, {"timescale": 50}, {"timescale": 1})
    ],
    "get_wsd_schedule": [
        {"num_warmup_steps": w, "num_decay_steps": d, **length, "warmup_type": up, "decay_type": down, **more}
        for w in (0, 1, 50)
        for d, length in [
            (200, {"num_training_steps": 1000}),
            (0, {"num_stable_steps": 30}),
            (9, {"num_stable_steps": 0}),
        ]
        for up, down in [("linear", "linear"), ("cosine", "1-sqrt"), ("1-sqrt", "cosine"), ("linear", "cosine")]
        for more in ({}, {"min_lr_ratio": 0.1}, {"min_lr_ratio": 0.1, "num_cycles": 1.2})
    ],
}
WAVES = {  # these rise again past their end, where the presets hold
    "get_cosine_schedule_with_warmup": [
        {"num_warmup_steps": w, "num_training_steps": w + n, "num_cycles": c}
        for w in WARM_UPS
        for n, c in [(1000, 0.5), (1000, 1.0), (999, 2.25), (10, 0.5), (1, 0.5)]
    ],
    "get_cosine_with_min_lr_schedule_with_warmup": [
        {"num_warmup_steps": w, "num_training_steps": w + n, "num_cycles": c, **low}
        for w in WARM_UPS
        for n, c in [(1000, 0.5), (999, 2.25), (1, 0.5)]
        for low in ({"min_lr": 0.01}, {"min_lr_rate": 0.1}, {"min_lr": 0.0})
    ],
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": [
        {"num_warmup_steps": w, "num_training_steps": w + n, "num_cycles": c, "warmup_lr_rate": start, **low}
        for w in WARM_UPS
        for n, c in [(1000, 0.5), (999, 2.25), (2, 0.5), (1, 0.5)]
        for start in (None, 0.0, 0.25)
        for low in ({"min_lr": 0.01}, {"min_lr_rate": 0.1})
    ],
}


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, cases in CASES.items() for o in cases], ids=str)
def test_as_transformers_at_every_step_and_past_the_end(name, options):
    same(name, 1300, **options)


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, cases in WAVES.items() for o in cases], ids=str)
def test_as_transformers_to_the_end(name, options):
    ahead = name.endswith("warmup_lr_rate")  # a step, and so at its end one step earlier
    same(name, options["num_training_steps"] + (not ahead), **options)


@pytest.mark.parametrize("name", WAVES)
def test_past_its_end_a_cosine_holds_where_the_original_climbs_back(name):
    low = {} if name == "get_cosine_schedule_with_warmup" else {"min_lr_rate": 0.1}
    options = {"num_warmup_steps": 10, "num_training_steps": 110, **low}
    end = LR * low.get("min_lr_rate", 0.0)
    values, original = ours(name, 211, **options), stepped(name, 211, **options)
    np.testing.assert_allclose(values[110:], end, rtol=0, atol=TOLERANCE)
    assert original[208:].max() == pytest.approx(LR, rel=1e-2)


def test_a_restart_is_not_late_where_the_originals_remainder_is():
    """49 · (1/49) is a little less than 1 in binary: the original is at the end of a cycle where the next begins."""
    options = {"num_warmup_steps": 0, "num_training_steps": 49, "num_cycles": 49}
    name = "get_cosine_with_hard_restarts_schedule_with_warmup"
    values, original = ours(name, 49, **options), stepped(name, 49, **options)
    assert original[1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(values, np.full(49, LR))


def test_wsd_of_a_warm_up_and_a_decay_that_do_not_fit_is_refused_where_the_original_leaps():
    options = {"num_warmup_steps": 60, "num_decay_steps": 60, "num_training_steps": 100}
    original = stepped("get_wsd_schedule", 100, **options)
    assert np.abs(np.diff(original)).max() > 10 * LR / 60
    with pytest.raises(ScheduleError, match=r"60 steps and a decay of 60 do not fit into 100\. Shorten one of them"):
        like.get_wsd_schedule(**options)


def test_wsd_with_both_lengths_takes_the_stable_one():
    options = {"num_warmup_steps": 10, "num_decay_steps": 20, "num_training_steps": 500, "num_stable_steps": 30}
    with pytest.warns(UserWarning, match="num_stable_steps will be used"):
        original = stepped("get_wsd_schedule", 600, **options)
    np.testing.assert_allclose(ours("get_wsd_schedule", 600, **options), original, rtol=0, atol=TOLERANCE)


steps = st.integers(0, 150)
share = st.floats(0, 0.9)
curve = st.sampled_from(["linear", "cosine", "1-sqrt"])
ARGUMENTS = {
    "get_constant_schedule_with_warmup": {"num_warmup_steps": steps},
    "get_linear_schedule_with_warmup": {"num_warmup_steps": steps, "num_training_steps": steps},
    "get_cosine_with_hard_restarts_schedule_with_warmup": {
        "num_warmup_steps": steps, "num_training_steps": steps, "num_cycles": st.integers(1, 9),
    },
    "get_polynomial_decay_schedule_with_warmup": {
        "num_warmup_steps": steps, "num_training_steps": st.integers(151, 300), "lr_end": st.floats(0, 0.29),
        "power": st.floats(0.2, 4),
    },
    "get_inverse_sqrt_schedule": {"num_warmup_steps": steps, "timescale": st.none() | st.integers(1, 500)},
    "get_wsd_schedule": {
        "num_warmup_steps": steps, "num_decay_steps": steps, "num_stable_steps": steps, "warmup_type": curve,
        "decay_type": curve, "min_lr_ratio": share, "num_cycles": st.floats(0.1, 3),
    },
    "get_cosine_schedule_with_warmup": {
        "num_warmup_steps": steps, "num_training_steps": st.integers(151, 300), "num_cycles": st.floats(0.1, 5),
    },
    "get_cosine_with_min_lr_schedule_with_warmup": {
        "num_warmup_steps": steps, "num_training_steps": st.integers(151, 300), "num_cycles": st.floats(0.1, 5),
        "min_lr_rate": share,
    },
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": {
        "num_warmup_steps": steps, "num_training_steps": st.integers(151, 300), "num_cycles": st.floats(0.1, 5),
        "min_lr": st.floats(0, 0.2), "warmup_lr_rate": st.none() | share,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_as_transformers_for_any_arguments(name, data):
    options = data.draw(st.fixed_dictionaries(ARGUMENTS[name]))
    steps = options["num_training_steps"] if name in WAVES else 460
    if "hard_restarts" in name:
        span = max(options["num_training_steps"] - options["num_warmup_steps"], 1)
        late = [(options["num_cycles"] * (t / span)) % 1.0 > 1 - 1e-9 for t in range(span)]
        assume(not any(late))  # test_a_restart_is_not_late_where_the_originals_remainder_is
    same(name, steps, **options)


def test_the_last_step_of_a_long_schedule():
    same("get_linear_schedule_with_warmup", 20_000, num_warmup_steps=1000, num_training_steps=19_000)
    same(
        "get_polynomial_decay_schedule_with_warmup", 20_000, num_warmup_steps=1000, num_training_steps=19_000, power=0.5
    )


EVERY_KIND = {
    "cosine_with_restarts": {"num_cycles": 2},
    "polynomial": {"lr_end": 0.01, "power": 2.0},
    "inverse_sqrt": {"timescale": 30},
    "cosine_with_min_lr": {"min_lr": 0.01},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2},
    "warmup_stable_decay": {"num_decay_steps": 40},
}


@pytest.mark.parametrize(
    "kind", [each for each in SchedulerType if each.value not in ("greedy", "reduce_lr_on_plateau")]
)
@pytest.mark.parametrize("by", [str, SchedulerType])
def test_get_scheduler_knows_every_name(kind, by):
    name, specific = (kind.value if by is str else kind), EVERY_KIND.get(kind.value)
    own = optimizer()
    scheduler, original = theirs.get_scheduler(name, own, 20, 200, scheduler_specific_kwargs=specific), []
    for _ in range(200):
        original.append(own.param_groups[0]["lr"])
        own.step()
        scheduler.step()
    schedule = like.get_scheduler(name, 20, 200, specific, lr=LR)
    assert schedule.is_rate
    np.testing.assert_allclose(schedule.bind(200).values(), original, rtol=0, atol=TOLERANCE)


def observed(schedule, original, own, metrics):
    """Both, shown the same metrics after each update."""
    curve = schedule.bind(len(metrics) + 1)
    state, seen = curve.start(), []
    for step, metric in enumerate(metrics, start=1):
        original.step(metric)
        state = curve.update(state, Observation(step, {"loss": metric}))
        seen.append(curve(step, state))
        assert seen[-1] == pytest.approx(own.param_groups[0]["lr"], rel=1e-12)
    return seen


METRICS = [[1 / (k + 1) for k in range(150)], [1.0] * 150, np.random.default_rng(5).normal(1, 0.3, 150).tolist()]


@pytest.mark.parametrize("metrics", METRICS, ids=["better", "no better", "noisy"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": 0.5, "patience": 2},
        {"factor": 0.8, "patience": 0, "cooldown": 2, "warmup": 3, "mode": "max", "threshold": 0.01},
        {"factor": 0.5, "patience": 1, "threshold_mode": "rel", "threshold": 0.05, "min_lr": 0.1, "max_lr": 0.4},
        {"factor": 0.5, "patience": 1, "min_lr": 0.1, "reset_start": 2},
        {"factor": 0.9, "patience": 1, "smooth": True, "window_size": 5},
        {"factor": 0.9, "patience": 1, "min_lr": 0.5, "max_lr": 0.6, "reset_start": 7},
        {"factor": 0.99, "patience": 0, "eps": 0.002},
    ],
    ids=str,
)
def test_greedy_as_transformers(options, metrics):
    own = optimizer()
    specific = {"scheduler_specific_kwargs": options}
    seen = observed(
        like.get_scheduler("greedy", **specific, lr=LR), theirs.get_scheduler("greedy", own, **specific), own, metrics
    )
    assert like.get_greedy_schedule(**options, lr=LR) == like.GreedyLR(**options, lr=LR)
    assert len(set(seen)) > 1 or options.get("min_lr") == 0.5  # above the rate: nothing to lower


@pytest.mark.parametrize("metrics", METRICS, ids=["better", "no better", "noisy"])
@pytest.mark.parametrize(
    "options", [{}, {"factor": 0.5, "patience": 2, "min_lr": 0.01, "cooldown": 1}, {"mode": "max"}]
)
def test_reduce_on_plateau_as_transformers(options, metrics):
    own = optimizer()
    specific = {"scheduler_specific_kwargs": options}
    ours = like.get_scheduler("reduce_lr_on_plateau", **specific, lr=LR)
    observed(ours, theirs.get_scheduler("reduce_lr_on_plateau", own, **specific), own, metrics)
    assert like.get_reduce_on_plateau_schedule(**options, lr=LR) == ours


@pytest.mark.parametrize(
    "name", [name for name in like.__all__ if name not in ("get_adafactor_schedule", "get_scheduler")]
)
def test_the_arguments_are_those_of_transformers(name):
    """Names, order and defaults; the optimizer, the last step and talk are left out."""
    original = inspect.signature(getattr(theirs, name)).parameters
    mine = inspect.signature(getattr(like, name)).parameters
    named = {n: p.default for n, p in mine.items() if n not in ("lr", "watch")}
    wanted = {n: p.default for n, p in original.items() if n not in ("optimizer", "last_epoch", "verbose")}
    assert list(named.items()) == list(wanted.items())


def test_every_schedule_of_transformers_is_here():
    public = [name for name, each in vars(theirs).items() if name.startswith("get_") and inspect.isfunction(each)]
    assert {name for name in public if each_takes_an_optimizer(name)} <= set(like.__all__)
    assert {each.value for each in SchedulerType} == set(like.SCHEDULES)


def each_takes_an_optimizer(name):
    return "optimizer" in inspect.signature(getattr(theirs, name)).parameters


def test_a_factor_is_a_shape_and_what_needs_the_rate_is_a_rate():
    assert not like.get_cosine_schedule_with_warmup(5, 100).is_rate
    assert not like.get_cosine_with_min_lr_schedule_with_warmup(5, 100, min_lr_rate=0.1).is_rate
    assert like.get_cosine_with_min_lr_schedule_with_warmup(5, 100, min_lr_rate=0.1, lr=0.1).is_rate
    assert like.get_polynomial_decay_schedule_with_warmup(5, 100, lr=0.1).is_rate


@pytest.mark.parametrize(
    "make",
    [
        lambda: like.get_inverse_sqrt_schedule(500),
        lambda: like.get_linear_schedule_with_warmup(500, 1000),
        lambda: like.get_wsd_schedule(50, 50, 1000),
    ],
)
def test_a_short_horizon_shows_the_beginning(make):
    np.testing.assert_array_equal(make().bind(100).values(), make().bind(3000).values(stop=100))


def test_past_the_end_of_training_the_values_hold():
    curve = like.get_linear_schedule_with_warmup(10, 100).bind(100)
    assert curve(100) == curve(10**6) == 0
    assert not math.isclose(curve(99), 0)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: like.get_scheduler("cosin", 1, 2), "name must be one of 'linear'"),
        (lambda: like.get_scheduler("linear", 1), "missing a required argument: 'num_training_steps'"),
        (lambda: like.get_scheduler("linear", None, 10), "missing a required argument: 'num_warmup_steps'"),
        (lambda: like.get_scheduler("linear", 1, 10, {"power": 2}), r"get_scheduler\('linear'\): got an unexpected"),
        (lambda: like.get_scheduler("polynomial", 1, 10), "lr_end is a learning rate. Pass lr="),
        (lambda: like.get_scheduler("linear", 1, 10, lr=-1.0), "lr must be a number of at least 0"),
        (lambda: like.get_scheduler("greedy"), "GreedyLR needs the optimizer's own learning rate"),
        (lambda: like.get_greedy_schedule(lr=0.1, speed=1), "got an unexpected keyword argument 'speed'"),
        (lambda: like.GreedyLR(lr=0.1, factor=1.0), "factor must lie between 0 and 1"),
        (lambda: like.GreedyLR(lr=0.1, smooth="no"), "smooth must be True or False"),
        (lambda: like.get_adafactor_schedule(), "relative_step=False"),
        (lambda: like.get_linear_schedule_with_warmup(-1, 10), "num_warmup_steps must be a whole number"),
        (lambda: like.get_linear_schedule_with_warmup(1, "10"), "num_training_steps must be a whole number"),
        (lambda: like.get_cosine_schedule_with_warmup(1, 10, "half"), "cycles must be a number"),
        (
            lambda: like.get_cosine_with_hard_restarts_schedule_with_warmup(1, 10, 1.5),
            "num_cycles must be a whole number",
        ),
        (
            lambda: like.get_polynomial_decay_schedule_with_warmup(1, 10, lr_end=0.1, lr=0.1),
            "smaller than the initial lr",
        ),
        (lambda: like.get_inverse_sqrt_schedule(1, 0), "timescale must be a whole number of at least 1"),
        (lambda: like.get_cosine_with_min_lr_schedule_with_warmup(1, 10), "takes one of min_lr and min_lr_rate"),
        (lambda: like.get_cosine_with_min_lr_schedule_with_warmup(1, 10, min_lr=0.1), "Pass lr="),
        (lambda: like.get_wsd_schedule(1, 1), "needs num_training_steps or num_stable_steps"),
        (lambda: like.get_wsd_schedule(1, 1, 10, warmup_type="log"), "warmup_type must be one of"),
        (lambda: like.get_wsd_schedule(1, 1, 10, decay_type="exp"), "decay_type must be one of"),
    ],
)
def test_what_has_no_meaning_is_refused(make, what):
    with pytest.raises(ScheduleError, match=what):
        make()
