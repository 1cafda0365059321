"""The presets of optax against optax itself, computing in float64; skipped where optax is not installed."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import cosine, parse
from surefoot.schedules.like import optax as like
from surefoot.schedules.like import text

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
optax = pytest.importorskip("optax", reason="optax is not installed: pip install optax")

STEPS = 1500  # compared; most of the schedules below end long before
NOT_SCHEDULES = {"inject_hyperparams", "inject_stateful_hyperparams"}  # of the functions that optax.schedules exports
CYCLE = ("init_value", "peak_value", "warmup_steps", "decay_steps", "end_value", "exponent")
CASES = {
    "constant_schedule": [(value,) for value in (0.1, 0.0, 1, 3e-4, -1.0)],
    "polynomial_schedule": [
        (1.0, 0.01, 2, 100), (0.0, 0.1, 1.5, 37), (0.1, 0.0, 1, 1000, 100), (0.1, 0.1, 3, 100), (0.3, 1e-4, 0.5, 1, 7),
        (0.1, 0.0, 2, 0), (0.1, 0.0, 2, 0, 10), (1e-6, 10.0, 4, 999, 501), (0.5, 0.1, 0, 100), (0.1, 0.01, 0.9, 5000),
        (0.1, 0.01, 2, 100, 2000), (-1.0, 1.0, 3, 300), (0.1, 0.0, 1, 100), (0.0, 0.0, 2, 10), (0.1, 0.0, 2.0, 1499),
    ],
    "linear_schedule": [
        (1.0, 0.01, 100), (0.0, 0.1, 1000), (0.1, 0.0, 1), (0.1, 0.0, 0), (0.1, 0.1, 10), (0.1, 0.0, 333, 77),
        (0.1, 0.0, 5000), (0.1, 0.0, 10, 2000), (0.0, 3e-4, 7, 1), (-1.0, 1.0, 99), (0.1, 0.2, 1499), (0.1, 0.2, 1500),
        (1e-8, 1e-2, 640, 3), (0.1, 0.0, 50, 0), (1e3, 1.0, 12, 12),
    ],
    "piecewise_constant_schedule": [
        (1.0, {100: 0.1, 200: 0.01}), (0.1, None), (0.1,), (0.1, {}), (0.1, {0: 0.5}), (0.1, {0: 0.5, 1: 2.0}),
        (0.1, {200: 0.01, 100: 0.1}), (0.1, {1499: 0.5}), (0.1, {1500: 0.5, 3000: 0.1}), (0.1, {10: 0.0, 20: 5.0}),
        (1.0, dict.fromkeys(range(1, 60), 0.9)), (1.0, dict.fromkeys(range(0, 1500, 25), 1.1)), (0.0, {3: 2.0}),
        (3e-4, {7: 1.0, 8: 0.1}), (0.1, {1: 10.0, 1000: 10.0}),
    ],
    "exponential_decay": [
        (0.1, 100, 0.96), (0.1, 100, 0.96, 50), (0.1, 100, 0.96, 50, True), (0.1, 100, 0.5, 0, True, 0.01),
        (0.1, 10, 1.05, 5, False, 0.5), (0.1, 0, 0.5), (0.1, 10, 0.0), (0.1, 1, 0.99, 0, True),
        (0.1, 37, 0.1, 1, False, 1e-5),
        (0.1, 5000, 0.1), (0.1, 50, 1.0, 3), (0.1, 50, 0.5, 2000), (1e-3, 7, 1.01, 0, True),
        (0.1, 10, 0.9, 0, False, 0.2),
        (0.1, 10, 1.0, 0, False, 0.05), (0.5, 333, 1e-3, 333, True, 1e-4),
    ],
    "cosine_decay_schedule": [
        (0.1, 1000), (0.1, 100, 0.1), (0.1, 100, 0.1, 2.0), (0.1, 1), (0.1, 1499, 0.0, 0.5), (0.1, 1500),
        (0.1, 5000, 0.2),
        (0.1, 37, 1.0), (0.1, 37, 1.5, 3.0), (3e-4, 640, 0.01, 0.9), (0.0, 10), (0.1, 2, 0.5), (1.0, 999, 0.0, 4.0),
        (0.1, 300, 0.3, 0.0), (10.0, 700, 1e-6, 1.0),
    ],
    "piecewise_interpolate_schedule": [
        (kind, *rest)
        for kind in ("linear", "cosine")
        for rest in [
            (1.0, {4: 0.1, 8: 0.01}), (0.1,), (0.1, {}), (0.1, {0: 0.5}), (0.1, {0: 0.5, 100: 0.1}),
            (0.1, {900: 3.0, 30: 0.1}),
            (0.1, {1: 0.5, 2: 3.0, 3: 0.1}), (0.1, {1499: 0.1}), (0.1, {1500: 0.1, 2000: 2.0}),
            (0.1, {100: 0.0, 200: 2.0}),
            (1.0, dict.fromkeys(range(0, 1400, 70), 0.95)), (0.0, {10: 2.0}), (3e-4, {500: 1.0, 600: 0.5}),
        ]
    ],
    "linear_onecycle_schedule": [
        (1000, 0.1), (100, 1.0, 0.3, 0.85), (100, 0.1, 0.25, 0.5, 10.0, 100.0), (37, 0.1), (1499, 3e-4), (5000, 0.1),
        (20, 0.1, 0.0, 0.5), (20, 0.1, 0.5, 0.95), (10, 0.1, 0.1, 0.2, 2.0, 0.5), (333, 10.0, 0.29, 0.58),
        (100, 0.1, 0.9, 0.95),
        (4, 0.1, 0.25, 0.5), (1000, 0.1, 0.45, 0.9, 25.0, 1.0), (640, 0.1, 0.3, 0.85, 1.0), (999, 0.0),
    ],
    "cosine_onecycle_schedule": [
        (1000, 0.1), (100, 1.0, 0.3), (100, 0.1, 0.25, 10.0, 100.0), (37, 0.1), (1499, 3e-4), (5000, 0.1),
        (20, 0.1, 0.0),
        (10, 0.1, 0.1, 2.0, 0.5), (333, 10.0, 0.29), (100, 0.1, 0.9), (4, 0.1, 0.25), (1000, 0.1, 0.45, 25.0, 1.0),
        (640, 0.1, 0.3, 1.0), (999, 0.0), (1, 0.1),
    ],
    "warmup_constant_schedule": [
        (0.0, 0.1, 100), (0.1, 0.1, 10), (0.1, 0.0, 10), (0.0, 0.1, 1), (0.0, 0.1, 0), (0.0, 0.1, 1499),
        (0.0, 0.1, 1500),
        (0.0, 0.1, 5000), (1e-6, 3e-4, 37), (0.0, 10.0, 333), (0.2, 0.1, 77), (0.0, 1.0, 2), (0.0, 0.0, 3),
        (0.05, 0.1, 640), (-0.1, 0.1, 20),
    ],
    "warmup_cosine_decay_schedule": [
        (0.0, 0.1, 100, 1000), (0.0, 0.1, 100, 1000, 0.01), (0.0, 0.1, 100, 1000, 0.01, 2.0), (0.0, 0.1, 0, 1000),
        (0.1, 0.05, 37, 38), (0.0, 0.1, 1, 2), (0.0, 0.1, 700, 1500), (0.0, 0.1, 2000, 5000), (0.0, 0.0, 10, 100, 0.1),
        (0.0, 0.1, 10, 100, 0.2), (1e-6, 3e-4, 333, 999, 1e-5), (0.0, 0.1, 1498, 1499), (0.2, 0.1, 50, 640, 0.1, 0.5),
        (0.0, 10.0, 5, 77), (0.0, 0.1, 100, 101, 0.05),
    ],
    "warmup_exponential_decay_schedule": [
        (0.0, 0.1, 100, 50, 0.5), (0.0, 0.1, 0, 50, 0.5), (0.0, 0.1, 100, 50, 0.5, 30),
        (0.0, 0.1, 100, 50, 0.5, 30, True),
        (0.0, 0.1, 100, 50, 0.5, 30, True, 0.01), (0.0, 0.1, 10, 0, 0.5), (0.0, 0.1, 10, 100, 0.0),
        (0.0, 0.1, 2000, 50, 0.5),
        (0.0, 0.1, 1, 1, 0.999), (0.2, 0.1, 37, 333, 1.1, 0, False, 0.15), (0.0, 0.1, 10, 10, 0.9, 2000),
        (1e-6, 3e-4, 640, 77, 0.3), (0.0, 0.1, 1499, 1, 0.5), (0.1, 0.1, 5, 9, 0.8, 0, True), (0.0, 1.0, 20, 5000, 0.1),
    ],
    "sgdr_schedule": [
        ([dict(zip(CYCLE, each, strict=False)) for each in cycles],)
        for cycles in [
            [(0.0, 0.1, 10, 100)], [(0.0, 0.1, 0, 100, 0.01)] * 3, [(0.0, 0.1, 1, 2)] * 20,
            [(0.0, 0.1 / k, 5, 50 * k, 0.001) for k in range(1, 7)], [(0.1, 0.2, 100, 1499), (0.0, 0.1, 10, 100)],
            [(0.0, 0.1, 10, 700), (0.05, 0.1, 0, 801)], [(0.0, 0.1, 3, 7, 0.1, 2.0)] * 50, [(0.0, 0.1, 2000, 5000)],
        ]
    ],
}  # fmt: skip
SETS = [(name, arguments) for name, sets in CASES.items() for arguments in sets]
ENDLESS = ("exponential", "constant", "piecewise_constant")  # no end of their own: past the horizon their value holds


@pytest.fixture(autouse=True, scope="module")
def x64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def values(schedule, steps=STEPS):
    """optax's own values at the first steps."""
    found = np.asarray(jax.vmap(schedule)(jax.numpy.arange(steps)))
    assert found.dtype == np.float64 or np.all(found == found[0])
    return found.astype(np.float64)


def agree(ours, theirs, peak=None):
    peak = np.abs(theirs).max() if peak is None else peak
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * peak)


@pytest.mark.parametrize(("name", "arguments"), SETS)
def test_a_preset_is_optax(name, arguments):
    """At every step and past the end, read back from text too; per epoch each value holds for an epoch."""
    theirs, preset = values(getattr(optax.schedules, name)(*arguments)), getattr(like, name)
    ours = preset(*arguments)
    assert ours.is_rate
    assert parse(str(ours)) == ours
    agree(ours.bind(STEPS).values(), theirs)
    agree(ours.bind(20).values(), theirs[:20], peak=np.abs(theirs).max())
    if not any(word in name for word in ENDLESS):
        agree(ours.bind(20).values(stop=STEPS), theirs)
    if name != "constant_schedule":
        epochs = preset(*arguments, per="epoch").bind(3 * STEPS, steps_per_epoch=3)
        agree(epochs.values(), np.repeat(theirs, 3))


def test_every_schedule_of_optax_has_its_preset():
    theirs = {name for name, each in vars(optax.schedules).items() if inspect.isfunction(each)} - NOT_SCHEDULES
    assert theirs == {*CASES, "join_schedules"}
    assert set(like.__all__) == theirs | {"reduce_on_plateau"}


@pytest.mark.parametrize("name", like.__all__)
def test_the_arguments_are_those_of_optax(name):
    original = optax.contrib.reduce_on_plateau if name == "reduce_on_plateau" else getattr(optax.schedules, name)
    theirs, ours = inspect.signature(original).parameters, inspect.signature(getattr(like, name)).parameters
    given = [(key, p.default, p.kind) for key, p in ours.items() if key not in ("per", "watch")]
    assert given == [(key, p.default, p.kind) for key, p in theirs.items()]
    assert name == "constant_schedule" or ours["watch" if name == "reduce_on_plateau" else "per"].default in (
        "step",
        "loss",
    )


JOINED = [
    ([("linear_schedule", 0.0, 0.1, 100), ("cosine_decay_schedule", 0.1, 900)], [100]),
    ([("linear_schedule", 0.0, 0.1, 100), ("constant_schedule", 0.1), ("linear_schedule", 0.1, 0.0, 500)], [100, 800]),
    ([("linear_schedule", 0.0, 0.1, 100), ("exponential_decay", 0.1, 100, 0.5)], [50]),
    ([("constant_schedule", 0.1), ("constant_schedule", 0.2)], [0]),
    ([("constant_schedule", 0.1), ("constant_schedule", 0.2), ("linear_schedule", 1.0, 0.0, 10)], [7, 7]),
    ([("constant_schedule", 0.1)], []),
    ([("cosine_decay_schedule", 0.1, 100), ("cosine_decay_schedule", 0.2, 50)], [200]),
    ([("cosine_decay_schedule", 0.1, 1000), ("polynomial_schedule", 0.2, 0.0, 2, 50, 10)], [999]),
    ([("exponential_decay", 0.1, 10, 0.9), ("exponential_decay", 0.1, 10, 0.9, 5, True)], [333]),
    ([("exponential_decay", 0.1, 10, 0.9, 50), ("constant_schedule", 0.05)], [20]),
    ([("warmup_exponential_decay_schedule", 0.0, 0.1, 100, 50, 0.5), ("constant_schedule", 0.05)], [60]),
    ([("warmup_exponential_decay_schedule", 0.0, 0.1, 100, 50, 0.5), ("cosine_decay_schedule", 0.05, 10)], [400]),
    ([("piecewise_constant_schedule", 0.1, {10: 0.5, 90: 0.5}), ("linear_schedule", 0.1, 0.0, 100)], [50]),
    ([("linear_onecycle_schedule", 100, 0.1), ("cosine_onecycle_schedule", 100, 0.1)], [80]),
    ([("linear_schedule", 0.0, 0.1, 10), ("constant_schedule", 0.1)], [2000]),
    ([("constant_schedule", k / 10) for k in range(1, 30)], list(range(10, 290, 10))),
]


@pytest.mark.parametrize(("parts", "boundaries"), JOINED)
def test_joined_schedules_are_those_of_optax(parts, boundaries):
    """Nested too, where the whole is one part of another."""

    def joined(library, **per):
        made = [getattr(library, name)(*rest, **(per if name != "constant_schedule" else {})) for name, *rest in parts]
        return library.join_schedules(made, boundaries, **per)

    def nested(library):
        return library.join_schedules([library.constant_schedule(0.3), joined(library), joined(library)], [3, 700])

    theirs, ours = values(joined(optax.schedules)), joined(like)
    agree(ours.bind(STEPS).values(), theirs)
    agree(ours.bind(5).values(), theirs[:5])
    assert parse(str(ours)) == ours
    agree(joined(like, per="epoch").bind(2 * STEPS, steps_per_epoch=2).values(), np.repeat(theirs, 2))
    agree(nested(like).bind(STEPS).values(), values(nested(optax.schedules)))


def test_a_schedule_of_ours_is_joined_with_those_of_optax():
    curve = like.join_schedules([like.linear_schedule(0.0, 0.1, 10), 0.1 * cosine(100)], [10]).bind(110)
    agree(curve.values(), values(optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 110), 110))


falls = st.just(0.0) | st.floats(1e-6, 1.05)  # JAX takes numbers below the smallest normal one for 0
steps, begins, positive = st.integers(0, 150), st.integers(0, 50), st.floats(1e-6, 10)
rates = st.just(0.0) | positive | positive.map(lambda x: -x)  # JAX takes subnormal numbers for 0
scales = st.dictionaries(st.integers(0, 150), st.just(0.0) | st.floats(1e-3, 3), max_size=5)
ARGUMENTS = {
    "polynomial_schedule": (rates, rates, st.floats(0, 4), steps, begins),
    "linear_schedule": (rates, rates, steps, begins),
    "piecewise_constant_schedule": (rates, scales),
    "piecewise_interpolate_schedule": (st.sampled_from(["linear", "cosine"]), rates, scales),
    "exponential_decay": (
        positive, steps, falls, begins, st.booleans(), st.none() | positive,
    ),
    "cosine_decay_schedule": (rates, st.integers(1, 150), st.floats(0, 2), st.floats(0, 4)),
    "cosine_onecycle_schedule": (
        st.integers(1, 150), rates, st.floats(0, 0.9), st.floats(1, 100), st.floats(1, 1e5),
    ),
    "linear_onecycle_schedule": (
        st.integers(20, 150), rates, st.floats(0, 0.4), st.floats(0.5, 0.9), st.floats(1, 100), st.floats(1, 1e5),
    ),
    "warmup_cosine_decay_schedule": (rates, positive, st.integers(0, 50), st.integers(51, 200), rates, st.floats(0, 3)),
    "warmup_exponential_decay_schedule": (
        rates, positive, begins, steps, falls, begins, st.booleans(), st.none() | positive,
    ),
}  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize("name", ARGUMENTS)
def test_any_arguments(name, data):
    arguments = data.draw(st.tuples(*ARGUMENTS[name]))
    agree(getattr(like, name)(*arguments).bind(200).values(), values(getattr(optax.schedules, name)(*arguments), 200))


@pytest.mark.parametrize(
    ("arguments", "theirs", "ours"),
    [
        ((3, 1.0, 0.1, 0.2, 10.0, 2.0), [0.01, 0.005], [0.1, 0.05]),
        ((20, 1.0, 0.5, 1.0, 10.0, 2.0), [0.1, 0.5], [0.1, 0.05]),
    ],
)
def test_a_cycle_of_lines_keeps_its_heights_where_a_phase_has_no_width(arguments, theirs, ours):
    """optax gathers the phases in a dict by step: of two that end at one step the first is lost, and its scale."""
    found = values(optax.linear_onecycle_schedule(*arguments), 30)
    assert found[[0, 29]].tolist() == pytest.approx(theirs)
    assert like.linear_onecycle_schedule(*arguments).bind(30).values()[[0, 29]].tolist() == pytest.approx(ours)


PLATEAUS = [
    (), (0.5, 1), (0.5, 3), (0.5, 2, 0.1), (0.5, 2, 0.0, 0.1), (0.5, 2, 0.05, 0.05), (0.5, 2, 1e-4, 0.0, 3),
    (0.5, 1, 1e-4, 0.0, 1), (0.5, 2, 1e-4, 0.0, 0, 4), (0.5, 2, 1e-4, 0.0, 2, 3), (0.5, 2, 1e-4, 0.0, 0, 1, 0.2),
    (0.9, 1, 1e-2, 0.0, 0, 2, 0.5), (0.1, 5, 0.3), (0.99, 4, 0.0, 1.0), (0.3, 10, 0.5, 0.2, 5, 2, 1e-3),
]  # fmt: skip


@pytest.mark.parametrize("arguments", PLATEAUS)
@pytest.mark.parametrize("odd", [False, True])
def test_the_plateau_is_that_of_optax(arguments, odd):
    """On random losses, and on some that are not finite."""
    transform = optax.contrib.reduce_on_plateau(*arguments)
    theirs = transform.init(jax.numpy.zeros(1))
    update = jax.jit(lambda state, value: transform.update(jax.numpy.ones(1), state, value=value))
    ours = like.reduce_on_plateau(*arguments)
    assert not ours.is_rate
    assert parse(str(ours)) == ours
    curve, losses = (0.1 * ours).bind(300), np.random.default_rng(1).normal(1.0, 0.3, 250)
    if odd:
        losses[[3, 40, 41, 42, 90]] = [np.inf, np.nan, np.inf, np.nan, np.inf]
    state, seen = curve.start(), []
    for step, loss in enumerate(losses.tolist(), start=1):
        updates, theirs = update(theirs, loss)
        state = curve.update(state, Observation(step, {"loss": loss}))
        seen.append(curve(step, state))
        assert seen[-1] == pytest.approx(0.1 * float(updates[0]), rel=1e-12)
    assert len(set(seen)) > 1


def test_text_has_pairs_for_the_boundaries():
    made = text.parse("optax.piecewise_constant_schedule(0.1, [[100, 0.5], [200, 0.1]])")
    assert made == like.piecewise_constant_schedule(0.1, {100: 0.5, 200: 0.1})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: like.constant_schedule("0.1"), "value must be a number"),
        (lambda: like.linear_schedule(0.1, 0.0, -1), "transition_steps must be a whole number of at least 0"),
        (lambda: like.linear_schedule(0.1, 0.0, 10, -1), "transition_begin must be a whole number of at least 0"),
        (lambda: like.linear_schedule(0.1, 0.0, 10, per="batch"), "per must be one of 'step', 'epoch'"),
        (lambda: like.polynomial_schedule(0.1, 0.0, -2, 10), "power must be a number of at least 0"),
        (lambda: like.polynomial_schedule(0.1, float("inf"), 2, 10), "end_value must be a number"),
        (lambda: like.exponential_decay(0.1, 10, -0.5), "decay_rate must be a number of at least 0"),
        (lambda: like.exponential_decay(0.1, 10, 0.5, staircase=1), "staircase must be True or False"),
        (lambda: like.cosine_decay_schedule(0.1, 0), "decay_steps must be a whole number of at least 1"),
        (lambda: like.cosine_decay_schedule(0.1, 9.5), "decay_steps must be a whole number"),
        (lambda: like.warmup_cosine_decay_schedule(0.0, 0.1, 100, 100), "decay_steps counts the warm-up too"),
        (lambda: like.piecewise_constant_schedule(0.1, {"100": 0.5}), "a boundary must be a whole number"),
        (lambda: like.piecewise_constant_schedule(0.1, {100: -0.5}), "a scale must be a number of at least 0"),
        (lambda: like.piecewise_constant_schedule(0.1, [100, 0.5]), "boundaries_and_scales must be"),
        (lambda: like.piecewise_constant_schedule(0.1, 7), "boundaries_and_scales must be"),
        (lambda: like.piecewise_interpolate_schedule("cubic", 0.1, {1: 0.5}), "interpolate_type must be one of"),
        (lambda: like.linear_onecycle_schedule(0, 0.1), "transition_steps"),
        (lambda: like.linear_onecycle_schedule(100, 0.1, pct_start=1.5), "pct_start must be a number from 0 to 1"),
        (lambda: like.linear_onecycle_schedule(100, 0.1, div_factor=0), "div_factor must be above 0"),
        (lambda: like.linear_onecycle_schedule(100, 0.1, 0.9, 0.5), "pct_final must not be below pct_start"),
        (lambda: like.sgdr_schedule([]), "one cycle at least"),
        (lambda: like.sgdr_schedule([{"init_value": 0.1}]), "sgdr_schedule: .*missing"),
        (lambda: like.join_schedules([like.constant_schedule(0.1)], [10]), "one boundary less than schedules"),
        (lambda: like.join_schedules([like.constant_schedule(0.1)] * 3, [20, 10]), "boundaries that rise"),
        (lambda: like.join_schedules([], []), "list of schedules"),
        (lambda: like.reduce_on_plateau(factor=1.0), "factor must be above 0 and below 1"),
        (lambda: like.reduce_on_plateau(patience=0), "patience must be a whole number of at least 1"),
        (lambda: like.reduce_on_plateau(rtol=0.0), "one of rtol and atol must be above 0"),
        (lambda: like.reduce_on_plateau(rtol=1.5), "rtol must be a number from 0 to 1"),
    ],
)
def test_what_is_refused(call, match):
    with pytest.raises(ScheduleError, match=match):
        call()
