"""The presets of timm against timm's own schedulers, stepped.

`import timm` needs torchvision, and its schedulers need nothing but torch: so the files of timm/scheduler are imported
alone, under packages that have timm's paths and none of its code. Skipped where timm is not installed
(`pip install --no-deps timm==1.0.31`).
"""

import importlib
import inspect
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import cooldown, parse, to_json
from surefoot.schedules.form import from_json
from surefoot.schedules.like import timm as like

EPOCH = 5  # steps
LR = 0.3
NOISE = {"noise_pct": 0.4, "noise_std": 0.3, "noise_seed": 7}


@pytest.fixture(scope="module", autouse=True)
def timm():
    """timm's packages without their __init__, and its schedulers in them."""
    try:
        found = {str(each): each for each in files("timm") or ()}
    except PackageNotFoundError:
        found = {}
    if "timm/scheduler/cosine_lr.py" not in found:
        pytest.skip("timm is not installed: pip install --no-deps timm==1.0.31")
    folder = Path(found["timm/scheduler/cosine_lr.py"].locate()).parent
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "timm"}
    for name, path in (("timm", folder.parent), ("timm.scheduler", folder)):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    modules = ["cosine_lr", "multistep_lr", "plateau_lr", "poly_lr", "step_lr", "tanh_lr", "wsd_lr"]
    yield {
        name: getattr(module, name)
        for module in (importlib.import_module(f"timm.scheduler.{each}") for each in modules)
        for name in vars(module)
        if name in like.__all__
    }
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        del sys.modules[name]
    sys.modules.update(before)


def made(kind, lr=LR, **options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    return optimizer, kind(optimizer, **options)


def stepped(kind, times, lr=LR, **options):
    """The values that the original sets for t = 0 … times − 1."""
    optimizer, scheduler = made(kind, lr, **options)
    step = scheduler.step if options.get("t_in_epochs", True) else scheduler.step_update
    values = []
    for t in range(times):
        step(t)
        values.append(optimizer.param_groups[0]["lr"])
    return np.array(values)


def ours(name, times, lr=LR, **options):
    """The preset's values at the same times, and that it holds them for an epoch where t is one."""
    schedule = getattr(like, name)(**options, lr=lr)
    assert parse(str(schedule)) == schedule
    assert from_json(to_json(schedule)) == schedule
    if not options.get("t_in_epochs", True):
        return schedule.bind(times).values()
    values = schedule.bind(times * EPOCH, steps_per_epoch=EPOCH).values().reshape(times, EPOCH)
    np.testing.assert_array_equal(values, values[:, :1].repeat(EPOCH, axis=1))
    return values[:, 0]


def same(timm, name, times, lr=LR, **options):
    theirs, values = stepped(timm[name], times, lr, **options), ours(name, times, lr, **options)
    np.testing.assert_allclose(values, theirs, rtol=1e-14, atol=1e-12 * lr)


WARM = [
    {},
    {"warmup_t": 10},
    {"warmup_t": 10, "warmup_prefix": True},
    {"warmup_t": 10, "warmup_prefix": False},
    {"warmup_t": 7, "warmup_lr_init": 0.01, "warmup_prefix": True},
    {"warmup_t": 7, "warmup_lr_init": 0.5},
    {"warmup_t": 1, "warmup_prefix": False},
]
CURVES = {
    "CosineLRScheduler": [
        {"t_initial": 300},
        {"t_initial": 300, "lr_min": 0.01},
        {"t_initial": 100, "lr_min": 0.01, "k_decay": 1.5},
        {"t_initial": 100, "cycle_limit": 3},
        {"t_initial": 100, "cycle_limit": 3, "cycle_decay": 0.5, "lr_min": 1e-3},
        {"t_initial": 40, "cycle_mul": 2.0, "cycle_limit": 4},
        {"t_initial": 40, "cycle_mul": 1.5, "cycle_limit": 5, "cycle_decay": 0.8, "lr_min": 1e-4},
        {"t_initial": 30, "cycle_mul": 3, "cycle_limit": 20, "k_decay": 2.0},
        {"t_initial": 1, "cycle_limit": 10},
        {"t_initial": 8, "lr_min": 0.02},
        {"t_initial": 50, "cycle_limit": 0, "lr_min": 0.02},
    ],
    "TanhLRScheduler": [
        {"t_initial": 300},
        {"t_initial": 300, "lr_min": 0.01},
        {"t_initial": 100, "lb": -4.0, "ub": 4.0, "cycle_limit": 3, "cycle_decay": 0.5, "lr_min": 1e-3},
        {"t_initial": 40, "cycle_mul": 2.0, "cycle_limit": 4, "lb": -6, "ub": 2},
        {"t_initial": 8, "lr_min": 0.02},
    ],
    "PolyLRScheduler": [
        {"t_initial": 300},
        {"t_initial": 300, "power": 2.0, "lr_min": 0.01},
        {"t_initial": 100, "power": 0.9, "k_decay": 1.5, "lr_min": 1e-3},
        {"t_initial": 100, "power": 1.0, "cycle_limit": 3, "cycle_decay": 0.5},
        {"t_initial": 40, "power": 2.0, "cycle_mul": 2.0, "cycle_limit": 4, "k_decay": 2.0},
        {"t_initial": 8, "lr_min": 0.02},
    ],
    "StepLRScheduler": [
        {"decay_t": 30, "decay_rate": 0.5},
        {"decay_t": 30.0, "decay_rate": 0.5},
        {"decay_t": 1, "decay_rate": 0.99},
        {"decay_t": 100},
    ],
    "MultiStepLRScheduler": [
        {"decay_t": [30, 60], "decay_rate": 0.1},
        {"decay_t": [1, 12, 300], "decay_rate": 0.5},
        {"decay_t": [0, 1, 12, 12, 90], "decay_rate": 0.5},
        {"decay_t": [10, 5000], "decay_rate": 0.2},
        {"decay_t": []},
    ],
}
WSD = [
    {"t_initial": 300, "decay_t": 60},
    {"t_initial": 300, "decay_t": 300},
    {"t_initial": 300, "decay_t": 1, "lr_min": 0.01},
    {"t_initial": 300, "decay_t": 60, "lr_min": 0.01, "decay_fn": "linear"},
    {"t_initial": 300, "decay_t": 60, "lr_min": 0.01, "decay_fn": "cosine"},
    {"t_initial": 300, "decay_t": 60, "decay_fn": "power", "decay_power": 2.0},
    {"t_initial": 300, "decay_t": 60, "lr_min": 0.01, "decay_fn": "exp", "decay_ratio": 0.3},
    {"t_initial": 300, "decay_t": 60, "stable_fn": "rsqrt", "stable_timescale": 50},
    {
        "t_initial": 300,
        "decay_t": 60,
        "stable_fn": "rsqrt",
        "stable_timescale": 50,
        "lr_min": 0.2,
        "decay_fn": "linear",
    },
    {
        "t_initial": 300,
        "decay_t": 60,
        "stable_fn": "power",
        "stable_power": 0.8,
        "stable_timescale": 20,
        "lr_min": 0.01,
    },
    {"t_initial": 300, "decay_t": 300, "stable_fn": "power", "stable_timescale": 20, "decay_fn": "exp"},
    {"t_initial": 300, "decay_t": 60, "lr_min": 0.35},
]


@pytest.mark.parametrize("t_in_epochs", [True, False])
@pytest.mark.parametrize("warm", WARM, ids=str)
@pytest.mark.parametrize(("name", "options"), [(n, o) for n, cases in CURVES.items() for o in cases], ids=str)
def test_as_timm_at_every_t_and_past_the_end(timm, name, options, warm, t_in_epochs):
    same(timm, name, 700, **options, **warm, t_in_epochs=t_in_epochs)


@pytest.mark.parametrize("decay_t", [2.4, 1.5, 12.6])
@pytest.mark.parametrize("warm", WARM[:4], ids=str)
def test_a_decay_every_2_point_4_epochs(timm, warm, decay_t):
    same(timm, "StepLRScheduler", 700, decay_t=decay_t, decay_rate=0.99, **warm)


def test_a_decay_every_0_point_8_epochs_is_not_late(timm):
    """4 // 0.8 is 4 in binary, where 0.8 is a little more than that: timm is one decay behind at every fourth epoch."""
    options = {"decay_t": 0.8, "decay_rate": 0.5}
    theirs, values = stepped(timm["StepLRScheduler"], 8, 1.0, **options), ours("StepLRScheduler", 8, 1.0, **options)
    np.testing.assert_array_equal(np.flatnonzero(values != theirs), [4])
    assert (theirs[4], values[4]) == (0.5**4, 0.5**5)


@pytest.mark.parametrize("t_in_epochs", [True, False])
@pytest.mark.parametrize("warm", [{}, {"warmup_t": 10}, {"warmup_t": 40, "warmup_lr_init": 0.02}], ids=str)
@pytest.mark.parametrize("options", WSD, ids=str)
def test_wsd_as_timm_at_every_t_and_past_the_end(timm, options, warm, t_in_epochs):
    same(timm, "WSDLRScheduler", 700, **options, **warm, t_in_epochs=t_in_epochs)


def test_wsd_takes_its_timescale_from_the_warm_up(timm):
    same(timm, "WSDLRScheduler", 500, t_initial=300, decay_t=60, warmup_t=40, stable_fn="rsqrt")


@pytest.mark.parametrize("options", [{}, {"lr_min": 0.01}, {"lr_min": 0.05, "stable_fn": "rsqrt", "warmup_t": 20}])
def test_wsd_takes_a_shape_where_timm_takes_a_function(timm, options):
    theirs = stepped(timm["WSDLRScheduler"], 500, t_initial=300, decay_t=60, decay_fn=lambda u: 1 - u**0.7, **options)
    values = ours("WSDLRScheduler", 500, t_initial=300, decay_t=60, decay_fn=cooldown(power=0.7), **options)
    np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-12 * LR)


@pytest.mark.parametrize("t_in_epochs", [True, False])
@pytest.mark.parametrize("noise_range_t", [0, 20, (10, 90), [0, 1], None])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CosineLRScheduler", {"t_initial": 100, "warmup_t": 5, "lr_min": 0.01}),
        ("TanhLRScheduler", {"t_initial": 100}),
        ("PolyLRScheduler", {"t_initial": 100, "warmup_t": 5, "warmup_prefix": True}),
        ("StepLRScheduler", {"decay_t": 30, "decay_rate": 0.5, "warmup_t": 5}),
        ("MultiStepLRScheduler", {"decay_t": [30, 60], "decay_rate": 0.5}),
        ("WSDLRScheduler", {"t_initial": 100, "decay_t": 30}),
    ],
)
def test_noise_is_timms(timm, name, options, noise_range_t, t_in_epochs):
    same(timm, name, 150, **options, noise_range_t=noise_range_t, **NOISE, t_in_epochs=t_in_epochs)
    same(timm, name, 150, **options, noise_range_t=noise_range_t, t_in_epochs=t_in_epochs)


rates = st.floats(0, 0.4)
warm_ups = {"warmup_t": st.integers(0, 60), "warmup_lr_init": rates, "warmup_prefix": st.booleans()}
noises = {"noise_range_t": st.none() | st.integers(0, 100) | st.tuples(st.integers(0, 50), st.integers(51, 120))}
times = {"t_initial": st.integers(1, 120), "lr_min": rates}
cycles = {"cycle_mul": st.integers(1, 3), "cycle_decay": st.floats(0.1, 1), "cycle_limit": st.integers(1, 6)}
ARGUMENTS = {
    "CosineLRScheduler": {**times, **cycles, **warm_ups, **noises, "k_decay": st.sampled_from([1.0, 1.5, 2.0, 3.0])},
    "TanhLRScheduler": {**times, **cycles, **warm_ups, **noises, "lb": st.floats(-9, -1), "ub": st.floats(0, 5)},
    "PolyLRScheduler": {
        **times, **cycles, **warm_ups, **noises, "power": st.floats(1, 3), "k_decay": st.sampled_from([1.0, 1.5, 2.0]),
    },
    "StepLRScheduler": {**warm_ups, **noises, "decay_t": st.integers(1, 90), "decay_rate": st.floats(0.1, 1.1)},
    "MultiStepLRScheduler": {
        **warm_ups, **noises, "decay_rate": st.floats(0.1, 1.1),
        "decay_t": st.lists(st.integers(0, 300), max_size=5).map(sorted),
    },
    "WSDLRScheduler": {
        "t_initial": st.integers(60, 200), "decay_t": st.integers(1, 60), "lr_min": rates, **noises,
        "warmup_t": st.integers(0, 60), "warmup_lr_init": rates, "stable_timescale": st.integers(1, 90),
        "stable_fn": st.sampled_from(["constant", "rsqrt", "power"]), "stable_power": st.floats(0.1, 2),
        "decay_fn": st.sampled_from(["linear", "1-sqrt", "cosine", "power", "exp"]),
        "decay_power": st.floats(0.5, 3), "decay_ratio": st.floats(0.05, 0.9),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_as_timm_for_any_arguments(timm, name, data):
    options = data.draw(st.fixed_dictionaries({}, optional=ARGUMENTS[name] | {"t_in_epochs": st.booleans()}))
    needed = {"CosineLRScheduler": ["t_initial"], "TanhLRScheduler": ["t_initial"], "PolyLRScheduler": ["t_initial"]}
    for argument in needed.get(name, ["decay_t"] + ["t_initial"] * (name == "WSDLRScheduler")):
        options.setdefault(argument, data.draw(ARGUMENTS[name][argument]))
    assume(options.get("stable_fn", "constant") == "constant" or "stable_timescale" in options)
    assume(not late_restart(options))
    same(timm, name, 400, **options)


def late_restart(options):
    """Whether timm's logarithm misplaces a restart: test_late_restarts_are_where_they_belong."""
    return options.get("cycle_mul", 1) == 3 and options.get("cycle_limit", 1) > 4


def test_late_restarts_are_where_they_belong(timm):
    """timm takes the number of the cycle from a logarithm, which at late restarts falls short: the end of the cycle
    before is set instead of the peak of the next."""
    cases = [(1, 3, 121), (1, 3, 29524), (80, 1.5, 1055), (2, 3, 242)]
    for t_initial, mult, restart in cases:
        options = {"t_initial": t_initial, "cycle_mul": mult, "cycle_limit": 40, "t_in_epochs": False}
        optimizer, scheduler = made(timm["CosineLRScheduler"], **options)
        curve = like.CosineLRScheduler(**options, lr=LR).bind(restart + 10)
        for t in range(restart - 3, restart + 4):
            scheduler.step_update(t)
            theirs = optimizer.param_groups[0]["lr"]
            if t == restart:
                assert theirs == pytest.approx(0, abs=1e-9)
                assert curve(t) == pytest.approx(LR, rel=1e-9)
            else:
                assert curve(t) == pytest.approx(theirs, abs=1e-9 * LR)


@pytest.mark.parametrize("mult", [2, 2.0])
def test_restarts_twice_as_long_are_right_to_the_end_of_time(timm, mult):
    """Of all multiples timm's logarithm is right for 2: these are the same after ten restarts and after thirty."""
    options = {"t_initial": 3, "cycle_mul": mult, "cycle_limit": 60, "t_in_epochs": False}
    optimizer, scheduler = made(timm["CosineLRScheduler"], **options)
    curve = like.CosineLRScheduler(**options, lr=LR).bind(10)
    for restart in (3 * (2**k - 1) for k in range(1, 31)):
        for t in (restart - 1, restart, restart + 1):
            scheduler.step_update(t)
            assert curve.schedule.bind(t + 1)(t) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9 * LR)


def plateau_run(timm, metrics, epochs=60, **options):
    """Both, shown one metric an epoch: what each sets for the epochs from 1 on."""
    watch = {"watch": "score"}
    with pytest.warns(FutureWarning, match="deprecated"):
        optimizer, scheduler = made(timm["PlateauLRScheduler"], **options)
    schedule = like.PlateauLRScheduler(**options, **watch, lr=LR)
    assert parse(str(schedule)) == schedule
    curve = schedule.bind(epochs * EPOCH, steps_per_epoch=EPOCH)
    state, theirs, values = curve.start(), [], []
    for epoch, metric in zip(range(1, epochs), metrics, strict=False):
        scheduler.step(epoch, metric)
        state = curve.update(state, Observation(epoch * EPOCH, {"score": metric}))
        theirs.append(optimizer.param_groups[0]["lr"])
        now = [curve(t, state) for t in range(epoch * EPOCH, (epoch + 1) * EPOCH)]
        assert len(set(now)) == 1
        values.append(now[0])
    np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-12 * LR)
    return values


@pytest.mark.parametrize("warm", [{}, {"warmup_t": 6}, {"warmup_t": 6, "warmup_lr_init": 0.01}], ids=str)
@pytest.mark.parametrize(
    "noise", [{}, {"noise_range_t": 4, **NOISE}, {"noise_range_t": (2, 30), "noise_type": "uniform"}]
)
@pytest.mark.parametrize(
    "options",
    [
        {"decay_rate": 0.5, "patience_t": 2},
        {"decay_rate": 0.5, "patience_t": 1, "mode": "min", "cooldown_t": 3},
        {"decay_rate": 0.1, "patience_t": 0, "lr_min": 0.01, "threshold": 0.1},
        {"decay_rate": 0.1, "patience_t": 0, "threshold": 0.5},
        {"decay_rate": 0.5, "patience_t": 2, "lr_min": 0.2999},
    ],
    ids=str,
)
def test_plateau_as_timm(timm, options, noise, warm):
    metrics = np.random.default_rng(3).uniform(0.5, 1.5, 59).tolist()
    assert len(set(plateau_run(timm, metrics, **options, **noise, **warm))) > 1


def test_plateau_never_rises_to_a_higher_least_rate(timm):
    assert set(plateau_run(timm, [1.0] * 59, patience_t=0, lr_min=0.5)) == {LR}


def test_plateau_makes_no_change_below_eps(timm):
    values = plateau_run(timm, [1.0] * 59, decay_rate=0.1, patience_t=0)
    assert min(values) == pytest.approx(LR * 1e-8, rel=1e-9)


@pytest.mark.parametrize("name", like.__all__)
def test_the_arguments_are_timms(timm, name):
    """Names, order and defaults; `optimizer` and `initialize` have no meaning here."""
    theirs = dict(inspect.signature(timm[name]).parameters)
    mine = inspect.signature(getattr(like, name)).parameters
    del theirs["optimizer"], theirs["initialize"]
    named = {n: p.default for n, p in mine.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY}
    assert list(named.items()) == [(n, p.default) for n, p in theirs.items()]
    assert set(mine) - set(named) <= {"lr", "watch"}


def test_it_is_a_shape_unless_the_optimizers_rate_is_known():
    assert not like.CosineLRScheduler(100, warmup_t=5).is_rate
    assert like.CosineLRScheduler(100, warmup_t=5, lr=0.1).is_rate
    shape, rate = like.WSDLRScheduler(100, 20), like.WSDLRScheduler(100, 20, lr=0.1)
    assert rate == 0.1 * shape


@pytest.mark.parametrize("name", [name for name in like.__all__ if name != "PlateauLRScheduler"])
def test_a_short_horizon_shows_the_beginning(name):
    needed = {
        "StepLRScheduler": {"decay_t": 3},
        "MultiStepLRScheduler": {"decay_t": [3]},
        "WSDLRScheduler": {"decay_t": 9},
    }
    options = needed.get(name, {}) | ({} if name.startswith(("Step", "Multi")) else {"t_initial": 90})
    schedule = getattr(like, name)(**options, warmup_t=20, t_in_epochs=False)
    np.testing.assert_array_equal(schedule.bind(10).values(), schedule.bind(200).values(stop=10))


REFUSED = [
    ("CosineLRScheduler", {"t_initial": 0}, "t_initial must be a whole number of at least 1"),
    ("CosineLRScheduler", {"t_initial": 10.5}, "t_initial must be a whole number"),
    ("CosineLRScheduler", {"t_initial": 10, "lr_min": 0.1}, "lr_min is a learning rate, too"),
    ("CosineLRScheduler", {"t_initial": 10, "warmup_t": 5, "warmup_lr_init": 0.1}, "warmup_lr_init is a learning rate"),
    ("CosineLRScheduler", {"t_initial": 10, "lr_min": -0.1, "lr": 1.0}, "lr_min must be a number of at least 0"),
    ("CosineLRScheduler", {"t_initial": 10, "cycle_mul": 0.5}, "cycle_mul must be a number of at least 1"),
    ("CosineLRScheduler", {"t_initial": 10, "cycle_limit": None}, "cycle_limit must be a whole number"),
    ("CosineLRScheduler", {"t_initial": 10, "k_decay": 0}, "k must be above 0"),
    ("CosineLRScheduler", {"t_initial": 10, "noise_range_t": (1, 2, 3)}, "noise_range_t is one time, or two"),
    ("CosineLRScheduler", {"t_initial": 10, "warmup_t": -1}, "warmup_t must be a whole number"),
    ("CosineLRScheduler", {"t_initial": 10, "t_in_epochs": 1}, "t_in_epochs must be True or False"),
    ("CosineLRScheduler", {"t_initial": 10, "lr": 0}, "lr must be above 0"),
    ("TanhLRScheduler", {"t_initial": 10, "lb": 3.0}, "lb must be below ub"),
    ("StepLRScheduler", {"decay_t": 2.4, "t_in_epochs": False}, "not a length"),
    ("StepLRScheduler", {"decay_t": None}, "decay_t must be a number"),
    ("MultiStepLRScheduler", {"decay_t": 30}, "decay_t must be a list"),
    ("PlateauLRScheduler", {}, "PlateauLRScheduler needs the optimizer's own learning rate"),
    ("PlateauLRScheduler", {"mode": "best", "lr": 0.1}, "mode must be one of"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 11}, "decay_t must not be longer than t_initial"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 0}, "decay_t must be a whole number of at least 1"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 1, "stable_fn": "linear"}, "stable_fn must be one of"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 1, "stable_fn": "rsqrt"}, "stable_timescale must be above 0"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 1, "decay_fn": "step"}, "decay_fn must be one of"),
    ("WSDLRScheduler", {"t_initial": 10, "decay_t": 1, "decay_fn": abs}, "give a shape from 1 to 0|Give a shape"),
]


@pytest.mark.parametrize(("name", "options", "what"), REFUSED)
def test_what_has_no_meaning_is_refused(name, options, what):
    with pytest.raises(ScheduleError, match=what):
        getattr(like, name)(**options).bind(100, steps_per_epoch=5)
