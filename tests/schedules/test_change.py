"""Changing one's mind while training: what was planned stays as it was up to the change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.core.units import Clock
from surefoot.schedules.change import branch, decay_now, extend

PLANS = [
    0.1 * (s.warmup("5%") >> s.cosine(end=0.01)),
    0.1 * s.linear(end=0.2),
    s.warmup(20) >> s.constant(over="50%") >> s.linear(end=0.1),
    0.3 * s.step("1ep", factor=0.9),
]
plans, moments = st.sampled_from(PLANS), st.integers(1, 199)


@settings(deadline=None)
@given(plans, moments, st.integers(201, 900), st.sampled_from(["progress", "value", "anchor"]))
def test_what_has_been_stays_and_the_rest_follows_the_policy(plan, at, after, keep):
    old, new = plan.bind(200, steps_per_epoch=20), plan.bind(after, steps_per_epoch=20)
    changed = extend(plan, at, before=Clock(200, 20), after=Clock(after, 20), keep=keep)
    assert s.parse(str(changed)) == changed
    assert changed.is_rate == plan.is_rate
    got = changed.bind(after, steps_per_epoch=20).values()
    np.testing.assert_allclose(got[:at], old.values(stop=at), rtol=1e-12)
    t = np.arange(at, after)
    expected = {
        "progress": lambda: old(at + (t - at) * (200 - at) / (after - at)),
        "value": lambda: new(t) * old(at) / new(at),
        "anchor": lambda: new(t),
    }[keep]()
    np.testing.assert_allclose(got[at:], expected, rtol=1e-6, atol=1e-9)
    if keep != "anchor":
        assert got[at] == pytest.approx(old(at), rel=1e-12)


def test_a_shorter_horizon():
    shorter = extend(0.1 * s.linear(), at=50, before=100).bind(75)
    np.testing.assert_allclose(shorter.values()[[49, 50, 74]], [0.051, 0.05, 0.002])


@settings(deadline=None)
@given(plans, moments, st.sampled_from([None, 40]), st.sampled_from([s.linear(), s.cosine(), s.linear(10)]))
def test_decay_now(plan, at, over, shape):
    old = plan.bind(200, steps_per_epoch=20)
    changed = decay_now(plan, at, Clock(200, 20), over=over, shape=shape)
    got = changed.bind(at + 60, steps_per_epoch=20).values()
    np.testing.assert_allclose(got[:at], old.values(stop=at), rtol=1e-12)
    last = (over or (10 if shape == s.linear(10) else 60)) - 1
    falling = (
        old(at) * s.stretch(shape, last + 1) if shape == s.linear(10) else old(at) * s.during(shape, last + 1)
    ).bind(60)
    np.testing.assert_allclose(got[at : at + last], falling.values(stop=last), rtol=1e-9)
    assert s.parse(str(changed)) == changed


def test_a_branch_goes_another_way():
    changed = branch(PLANS[1], at=100, before=200, into=0.5 * s.cosine())
    got = changed.bind(150).values()
    np.testing.assert_allclose(got[:100], PLANS[1].bind(200).values(stop=100))
    np.testing.assert_allclose(got[100:], (0.5 * s.cosine()).bind(50).values())
    assert any("jump" in finding or "leap" in finding for finding in changed.bind(150).check())


def test_a_plateau_goes_on_with_its_state():
    plan = 0.1 * s.linear(end=0.5) * s.plateau(0.5, patience=0)
    old, new = plan.bind(100), extend(plan, at=50, before=100).bind(200)
    seen = [Observation(step, {"loss": 1.0}) for step in (10, 20, 30)]
    np.testing.assert_allclose(new.values(stop=50, observations=seen), old.values(stop=50, observations=seen))
    assert new.values(observations=seen)[50] == pytest.approx(0.1 * 0.75 / 4)
    state = old.start()
    for each in seen:
        state = old.update(state, each)
    assert decay_now(plan, 50, 100, state=state).bind(80)(50) == pytest.approx(0.1 * 0.75 / 4)
    with pytest.raises(ScheduleError, match="anew"):
        extend(plan, 50, 100, keep="anchor")


def test_changes_can_follow_changes():
    once = extend(0.1 * s.linear(), at=50, before=100)
    twice = extend(once, at=120, before=200).bind(280)
    np.testing.assert_allclose(twice.values(stop=120), once.bind(200).values(stop=120))
    assert twice(200) == pytest.approx(once.bind(200)(160))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: extend(s.linear(), at=300, before=200), "within the 200 steps"),
        (lambda: extend(s.linear(), at=0, before=200), "within the 200 steps"),
        (lambda: extend(s.linear(), at=20, before=200, keep="pace"), "'progress', 'value' or 'anchor'"),
        (lambda: extend(s.linear(), at=20, before=200, keep="value"), "after="),
        (lambda: extend(s.linear(), at=200, before=200, after=100, keep="value"), "no number scales"),
        (lambda: branch(0.1 * s.linear(), at=20, before=200, into=s.linear()), "units differ"),
    ],
)
def test_what_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        make()
