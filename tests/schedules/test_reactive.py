"""Reactive pieces: equal to their originals, observation by observation, and lawful wherever they stand."""

import contextlib
import copy
import json
import math
import os

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import length
from surefoot.schedules.reactive import from_data, to_data

os.environ.setdefault("KERAS_BACKEND", "torch")
RATE, MANY = 0.1, 150
ODD = [math.nan, math.inf, -math.inf]


def losses(seed, odd=(), count=MANY):
    """Falling, level and rising stretches with noise; some values are odd."""
    rng = np.random.default_rng(seed)
    path = 2 + np.cumsum(rng.normal(-0.01, 0.1, count)) + rng.normal(0, 0.02, count)
    path[rng.random(count) < 0.3] = np.round(path[0], 1)  # ties
    values = path.tolist()
    for place in rng.choice(count, 10, replace=False) if odd else ():
        values[place] = odd[rng.integers(len(odd))]
    return values


def factors(shape, values, watch="loss"):
    """The factor after each observation, one an update; stepping and replaying agree, and no state is changed."""
    curve = shape.bind(len(values) + 1)
    observations = [Observation(i, {watch: value}) for i, value in enumerate(values, start=1)]
    states = [curve.start()]
    for observation in observations:
        before = copy.deepcopy(states[-1])
        states.append(curve.update(states[-1], observation))
        assert repr(before) == repr(states[-2])
        assert repr(from_data(curve.reducers, json.loads(json.dumps(to_data(states[-1]))))) == repr(states[-1])
    stepped = [curve(i, state) for i, state in enumerate(states)]
    assert curve.values(observations=observations).tolist() == stepped
    return stepped[1:]


plateaus = st.fixed_dictionaries(
    {
        "factor": st.sampled_from([0.1, 0.5, 0.9]),
        "patience": st.integers(0, 4),
        "mode": st.sampled_from(["min", "max"]),
        "threshold": st.sampled_from([0, 1e-4, 0.05, 1.0]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 4),
    }
)
seeds = st.integers(0, 10**6)
slow = settings(deadline=None, max_examples=30)


@slow
@given(plateaus, seeds, st.sampled_from([0, 1e-3, 0.02, 0.2]), st.sampled_from([0, 1e-4, 0.02]), st.booleans())
def test_plateau_is_torchs(options, seed, min_lr, eps, odd):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=RATE)
    theirs, expected = ReduceLROnPlateau(optimizer, min_lr=min_lr, eps=eps, **options), []
    values = losses(seed, ODD if odd else ())
    for value in values:
        theirs.step(value)
        expected.append(optimizer.param_groups[0]["lr"])
    ours = RATE * s.plateau(**options, min_factor=min(min_lr / RATE, 1), min_change=eps / RATE)
    assert factors(ours, values) == pytest.approx(expected, rel=1e-12)


def keras_rates(values, options, min_lr):
    """The rates after each epoch of Keras's callback on a real model; Keras counts in float64."""
    keras = pytest.importorskip("keras", reason="the extra frameworks")
    usual = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
        callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", min_lr=min_lr, **options)
        callback.set_model(model)
        callback.on_train_begin()
        rates = []
        for epoch, value in enumerate(values):
            callback.on_epoch_end(epoch, {"val_loss": value})
            rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        return rates
    finally:
        keras.config.set_floatx(usual)


in_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of its torch backend


@in_keras
@settings(deadline=None, max_examples=15)
@given(plateaus, seeds, st.sampled_from([0, 1e-3, 0.02]), st.booleans())
def test_plateau_is_keras(options, seed, min_lr, odd):
    values = losses(seed, ODD if odd else ())
    assume(not math.isnan(values[0]))  # Keras takes it for the best: the next test
    of_keras = {name: value for name, value in options.items() if not name.startswith("threshold")}
    expected = keras_rates(values, of_keras | {"min_delta": options["threshold"]}, min_lr)
    ours = RATE * s.plateau(**options | {"threshold_mode": "abs"}, counting="keras", min_factor=min_lr / RATE)
    assert factors(ours, values) == pytest.approx(expected, rel=1e-12)


@in_keras
def test_a_first_loss_that_is_no_number_is_forgotten():
    """Keras takes it for the best, which nothing is ever better than: it reduces though the loss only falls."""
    values = [math.nan, *np.linspace(3, 1, 20).tolist()]
    assert keras_rates(values, {"patience": 3, "factor": 0.5}, 0)[-1] < RATE
    assert factors(RATE * s.plateau(0.5, patience=3, counting="keras"), values)[-1] == RATE


@settings(deadline=None, max_examples=15)
@given(
    plateaus,
    seeds,
    st.sampled_from([(1e-4, 0.0), (0.0, 0.05), (0.02, 0.03), (1.0, 0.1)]),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([0.0, 0.03]),
    st.booleans(),
)
def test_plateau_is_optaxs(options, seed, margins, accumulate, min_scale, odd):
    """optax reduces when `patience` bad ones are counted, torch when more are; it knows no "max"."""
    jax = pytest.importorskip("jax", reason="the extra frameworks")
    optax = pytest.importorskip("optax", reason="the extra frameworks")
    values = losses(seed, ODD if odd else ())
    common = {"factor": options["factor"], "cooldown": options["cooldown"]}
    with jax.enable_x64(True):
        theirs = optax.contrib.reduce_on_plateau(
            patience=options["patience"] + 1,
            rtol=margins[0],
            atol=margins[1],
            accumulation_size=accumulate,
            min_scale=min_scale,
            **common,
        )
        ones, expected = jax.numpy.ones(()), []
        state, update = theirs.init(ones), jax.jit(theirs.update)
        for value in values:
            scaled, state = update(ones, state, value=value)
            expected.append(float(scaled))
    ours = s.plateau(
        patience=options["patience"],
        threshold=margins[0],
        margin=margins[1],
        accumulate=accumulate,
        min_factor=min_scale,
        **common,
    )
    assert factors(ours, values) == pytest.approx(expected, rel=1e-12)


greedies = st.fixed_dictionaries(
    {
        "factor": st.sampled_from([0.5, 0.9]),
        "patience": st.integers(0, 3),
        "mode": st.sampled_from(["min", "max"]),
        "threshold": st.sampled_from([0, 1e-6, 0.05]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3),
        "warmup": st.integers(0, 3),
        "reset_start": st.integers(0, 5),
    }
)


@slow
@given(
    greedies,
    seeds,
    st.sampled_from([(1e-3, 1.0), (0.05, 0.3), (0.09, 0.11), (0.2, 0.4)]),
    st.sampled_from([0, 1e-8, 0.01]),
    st.sampled_from([None, 1, 4, 50]),
    st.booleans(),
)
def test_greedy_is_that_of_transformers(options, seed, lowest_and_highest, eps, window, odd):
    """Its running sum never recovers from an infinite value or NaN (ours does), and its rounding decides between
    equal means: a window comes without the first, and with a threshold."""
    assume(window is None or options["threshold"] > 0)
    optimization = pytest.importorskip("transformers.optimization", reason="the extra frameworks")
    low, high = lowest_and_highest
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=RATE)
    smooth = {} if window is None else {"smooth": True, "window_size": window}
    theirs = optimization.GreedyLR(optimizer, min_lr=low, max_lr=high, eps=eps, **smooth, **options)
    values, expected = losses(seed, ODD if odd and window is None else ()), []
    for value in values:
        theirs.step(value)
        expected.append(optimizer.param_groups[0]["lr"])
    limits = {"min_factor": low / RATE, "max_factor": high / RATE, "min_change": eps / RATE}
    assert factors(RATE * s.greedy(**options, **limits, window=window), values) == pytest.approx(expected, rel=1e-12)


def test_greedy_recovers_from_an_infinite_value_when_it_leaves_the_window():
    falling = np.linspace(3, 1, 60).tolist()
    seen = factors(s.greedy(0.5, patience=2, window=5, max_factor=1e9), [math.inf, *falling])
    assert seen[4] <= 1
    assert seen[-1] > 1


# Where a piece stands: it acts as the constant that it is now, and sees what was observed while it was in force.

EPOCH, STEPS = 12, 120
lasting, none = s.constant(0.0, over=8), s.constant(0.0)
compositions = [  # round a hole; elsewhere in a chain the value is 0
    lambda hole: hole >> none,
    lambda hole: lasting >> hole,
    lambda hole: s.constant(0.0, over="10%") >> hole >> lasting >> none,
    lambda hole: s.repeat(hole >> lasting),
    lambda hole: s.repeat(lasting >> hole, 2) >> none,
    lambda hole: s.stretch(hole >> lasting, 60) >> none,
    lambda hole: s.stretch(lasting >> hole, 30) >> none,
    lambda hole: s.skip(lasting >> hole >> lasting, 5) >> none,
    lambda hole: s.skip(hole, 4) >> none,
    lambda hole: s.during(hole, 30) >> none,
    lambda hole: s.planned(hole, 60) >> none,
    lambda hole: s.every(hole, 2),  # lengths are even: it would hold a piece for a step past an odd end
    lambda hole: hole * s.constant(1.0),
    lambda hole: hole + s.constant(0.0),
    lambda hole: s.minimum(hole, s.constant(9.0)),
    lambda hole: s.maximum(hole, 0.0),
    lambda hole: s.clip(hole, 0, 9),
]


def filled(nested, hole):
    for compose in nested:
        hole = compose(hole)
    return hole.bind(STEPS, EPOCH)


def fitting(drawn, hole):
    """Those that make sense round each other: no two parts without a length in one chain."""
    nested = []
    for compose in drawn:
        with contextlib.suppress(ScheduleError):
            filled([*nested, compose], hole)
            nested.append(compose)
    return nested


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.sampled_from(compositions), max_size=4),
    st.sampled_from([None, 10, 24, "20%", "3ep", 100]),
    st.sampled_from([s.plateau(0.5, patience=0), s.greedy(0.5, patience=0)]),
)
def test_a_reactive_piece_sees_its_own_stretch_and_acts_there_only(drawn, over, kind):
    marked = s.constant() if over is None else s.piecewise([over], values=[1.0, 0.0], over=over)
    nested = fitting(drawn, marked)
    curve, in_force = filled(nested, evolve(kind, over=over)), filled(nested, marked).values() > 0
    first = int(in_force.argmax()) + 1
    once = curve.update(curve.start(), Observation(first, {"loss": 1.0}))
    seen = [curve.update(once, Observation(step, {"loss": 2.0})) != once for step in range(1, STEPS + 1)]
    assert seen == in_force.tolist(), str(curve.schedule)
    if not in_force.any():
        return
    worse = curve.update(once, Observation(first, {"loss": 2.0}))
    (factor,) = curve.factors(worse)
    assert factor == curve.factors(once)[0] / 2
    constant = filled(nested, s.constant(factor, over=over))
    np.testing.assert_allclose(curve.values(state=worse), constant.values(), rtol=1e-12)


def test_a_reactive_piece_that_is_cut_off_in_a_stretched_chain_sees_no_more():
    curve = s.stretch(s.during(s.plateau(0.5, patience=0, over=80), 50) >> s.constant(over=50), 120).bind(120)
    once = curve.update(curve.start(), Observation(1, {"loss": 1.0}))
    seen = [curve.update(once, Observation(step, {"loss": 2.0})) != once for step in range(1, 121)]
    assert seen == [True] * 60 + [False] * 60


@slow
@given(plateaus, greedies, seeds)
def test_pieces_side_by_side_do_not_disturb_each_other(falls, greedy, seed):
    alone = [s.plateau(**falls), s.greedy(**greedy)]
    values = losses(seed, count=60)
    expected = np.prod([factors(shape, values) for shape in alone], axis=0)
    both = factors(alone[0] * s.cosine() * alone[1], values)
    cosine = s.cosine().bind(61).values()[1:]
    np.testing.assert_allclose(both, expected * cosine, rtol=1e-12)


def test_an_observation_of_the_seconds_alone_does_not_disturb():
    curve = (s.plateau(0.5, patience=1) * s.greedy(0.5, patience=1)).bind(10)
    state = curve.update(curve.start(), Observation(1, {"loss": 1.0}))
    assert curve.update(state, Observation(2, {"seconds": 3.0})) == state
    with pytest.raises(ScheduleError, match="plateau watches 'loss'"):
        curve.update(state, Observation(2, {"seconds": 3.0, "accuracy": 0.5}))
    timed = s.plateau(0.5, patience=0, watch="seconds").bind(10)
    state = timed.update(timed.start(), Observation(1, {"seconds": 3.0}))
    assert timed(1, timed.update(state, Observation(2, {"seconds": 3.0}))) == 0.5


def test_states_of_another_schedule_are_refused():
    two = (s.plateau() * s.greedy()).bind(10)
    one = s.plateau().bind(10)
    for reducers, states in (
        (one.reducers, two.start()),
        (two.reducers, one.start()),
        (two.reducers[::-1], two.start()),
    ):
        with pytest.raises(ScheduleError, match="not states of this schedule"):
            from_data(reducers, to_data(states))


# A wall clock plays a schedule by the seconds that are observed.


def told(curve, times, state=None):
    """The state after observations {step: seconds}."""
    state = curve.start() if state is None else state
    for step, seconds in times.items():
        state = curve.update(state, Observation(step, {"seconds": seconds}))
    return state


inner = [
    s.cosine(end=0.1),
    s.warmup("5min") >> s.cosine(),
    s.warmup("90s") >> s.constant(over="10%") >> s.linear("0.5h") >> s.constant(0.05),
    s.step("15min", factor=0.5) + 0.1,
    s.repeat(s.linear("20min")) * s.noise(0.1, every="1min"),
    s.stretch(s.one_cycle("10min"), "80%") >> s.constant(0.5),
    s.constant(0.7, over="1h") >> s.during(s.every(s.polynomial("1h", power=2.0), "1min"), "30min") >> s.linear(),
]


@pytest.mark.parametrize("part", inner, ids=str)
def test_a_wall_clock_plays_its_part_by_the_seconds(part):
    """The same as the part bound to a horizon of 7200 steps, its wall-clock lengths written in steps."""
    text = str(part)
    for written in ("5min", "90s", "15min", "20min", "10min", "1min", "30min", "0.5h", "1h"):
        text = text.replace(f"'{written}'", str(int(length(written).seconds)))
    steps = s.parse(text).bind(7200)
    curve = (0.1 * s.wall_clock(part, "2h")).bind(10**6)
    times = {200 * i: 37.0 * i for i in range(220)}
    state = curve.start()
    for step, seconds in times.items():
        state = told(curve, {step: seconds}, state)
        assert curve(step, state) == pytest.approx(0.1 * steps(seconds), rel=1e-12)
    observations = [Observation(step, {"seconds": seconds}) for step, seconds in times.items()]
    played = curve.values(stop=44_000, observations=observations)
    np.testing.assert_allclose(played, 0.1 * np.repeat(steps(np.array(list(times.values()))), 200), rtol=1e-12)
    assert curve(torch.tensor([3, 10**5]), state).tolist() == pytest.approx([curve(3, state)] * 2, rel=1e-12)


def test_a_wall_clock_begins_where_it_stands_and_ends_there():
    curve = (s.constant(over=100) >> s.during(s.wall_clock(s.linear(), "100s"), 50) >> s.constant(2.0)).bind(300)
    state = told(curve, {40: 400.0, 90: 900.0, 110: 910.0})
    assert curve(110, state) == 0.9  # since the last it knew at its beginning
    state = told(curve, {100: 905.0, 110: 925.0, 150: 945.0}, told(curve, {40: 400.0}))
    assert curve(149, state) == 0.6
    state = told(curve, {151: 990.0, 200: 2000.0}, state)
    assert curve(149, state) == 0.6
    assert curve(150, state) == 2.0
    assert curve(99, state) == 1.0


def test_a_wall_clock_goes_on_through_repeats():
    curve = s.repeat(s.during(s.wall_clock(s.linear(), "100s"), 10)).bind(100)
    assert curve(15, told(curve, {5: 5.0, 10: 10.0, 15: 15.0})) == 0.85


def test_a_wall_clock_beside_a_plateau():
    curve = (0.1 * s.wall_clock(s.linear(), "100s") * s.plateau(0.5, patience=0)).bind(100)
    state = told(curve, {5: 10.0})
    for step, values in ((10, {"loss": 1.0}), (12, {"loss": 1.0, "seconds": 25.0}), (13, {"seconds": 50.0})):
        state = curve.update(state, Observation(step, values))
    assert curve(13, state) == pytest.approx(0.1 * 0.5 * 0.5)
    again = from_data(curve.reducers, json.loads(json.dumps(to_data(state))))
    assert again == state
    assert told(curve, {20: 70.0}, again) == told(curve, {20: 70.0}, state)


def test_a_wall_clock_says_what_it_misses():
    curve = s.wall_clock(s.linear(), "100s").bind(100)
    assert curve(50) == 1.0
    with pytest.raises(ScheduleError, match="not told the time"):
        curve.update(curve.start(), Observation(1, {"loss": 1.0}))
    for seconds in (5.0, math.nan, math.inf):
        with pytest.raises(ScheduleError, match="fell from 10"):
            told(curve, {1: 10.0, 2: seconds})


reactive = [
    s.plateau(0.5, counting="keras", min_change=0.1, accumulate=3, margin=0.5, watch="accuracy", mode="max"),
    s.greedy(0.5, window=7, min_factor=0.1, max_factor=3.0, warmup=2, over="10%"),
    s.wall_clock(s.warmup("1.5min") >> s.cosine(), "2h"),
    s.during(s.wall_clock(s.linear("90s") >> s.constant(0.1), "0.25h"), "50%") >> s.plateau(),
]


@pytest.mark.parametrize("schedule", reactive, ids=str)
def test_reactive_schedules_read_back(schedule):
    assert s.parse(str(schedule)) == schedule
    assert s.from_json(json.loads(json.dumps(s.to_json(0.1 * schedule)))) == 0.1 * schedule


def test_wall_clock_lengths():
    for text, seconds in (("90s", 90), ("1.5 min", 90), ("2h", 7200), ("0.25 hours", 900), ("3 seconds", 3)):
        assert length(text).seconds == seconds
        assert length(str(length(text))) == length(text)
    assert length("5ep").seconds is None
    curve = s.wall_clock(s.linear("100s"), "50s").bind(10)
    assert "wall-clock time" in " ".join(note.what for note in curve.notes)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: s.cosine("90s").bind(100), "wall_clock"),
        (lambda: s.step("2h").bind(100, steps_per_epoch=5), "counts updates"),
        (lambda: s.wall_clock(s.cosine(), "10%"), "a second at least"),
        (lambda: s.wall_clock(s.cosine(), 500), "a second at least"),
        (lambda: s.wall_clock(s.cosine(), "0.2s"), "a second at least"),
        (lambda: s.wall_clock(s.warmup("1ep") >> s.cosine()), "no meaning in wall-clock time"),
        (lambda: s.wall_clock(s.cosine() * s.plateau()), "Multiply outside"),
        (lambda: s.wall_clock(s.wall_clock(s.cosine())), "Multiply outside"),
        (lambda: s.wall_clock(0.5), "must be a schedule"),
        (lambda: s.plateau(counting="optax"), "'torch', 'keras'"),
        (lambda: s.plateau(min_change=-1), "min_change"),
        (lambda: s.plateau(accumulate=0), "accumulate"),
        (lambda: s.plateau(watch=""), "name of what is observed"),
        (lambda: s.greedy(1.0), "between 0 and 1"),
        (lambda: s.greedy("0.5"), "greedy's factor"),
        (lambda: s.greedy(patience=-1), "patience"),
        (lambda: s.greedy(window=0), "window"),
        (lambda: s.greedy(min_factor=2, max_factor=1), "above its max_factor"),
        (lambda: s.greedy(mode="up"), "'min', 'max'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()
