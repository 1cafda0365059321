"""What is searched: rates on a log scale, listed ones, choices; and where an arm stands."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.core.errors import RecipeError
from surefoot.search import Arm, Rates, Seen, Space, standing
from surefoot.search.space import GAP
from surefoot.search.standing import LOST, ending

ranges = st.tuples(st.floats(1e-8, 10), st.floats(1, 1e6)).map(lambda pair: Rates(pair[0], pair[0] * pair[1]))


@given(ranges)
def test_a_range_begins_with_rates_that_leave_no_gap(rates):
    found = rates.start()
    assert all(rates.low <= rate <= rates.high for rate in found)
    assert list(found) == sorted(set(found))
    reach = math.sqrt(GAP) * 1.06  # two digits of a rate
    assert rates.low * reach >= found[0]
    assert found[-1] * reach >= rates.high
    assert all(b / a <= GAP * 1.12 for a, b in pairwise(found))


@given(ranges, st.data())
@settings(deadline=None)
def test_new_rates_lie_between_those_tried_and_inside_the_range(rates, data):
    tried = list(rates.start())
    for _ in range(12):
        rate = data.draw(st.sampled_from(tried))
        below = max((each for each in tried if each < rate), default=rates.low)
        above = min((each for each in tried if each > rate), default=rates.high)
        new = rates.beside(rate, tried)
        assert len(set(new)) == len(new) <= 2
        assert all(below <= each <= above and each not in tried for each in new)
        tried += new


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=20, unique=True))
def test_listed_rates_are_all_there_are_and_all_are_found(listed):
    rates = Rates.of(listed)
    tried = list(rates.start())
    assert set(tried) <= set(listed)
    while new := [each for rate in tried for each in rates.beside(rate, tried)]:
        assert set(new) <= set(listed) - set(tried)
        tried += dict.fromkeys(new)
    assert set(tried) == set(listed)


@pytest.mark.parametrize("wrong", [(0, 1), (-1, 1), (1, 0.1), (1, math.inf), (math.nan, 1)])
def test_ranges_that_are_none_are_refused(wrong):
    with pytest.raises(RecipeError, match="two numbers above 0, the lower first"):
        Rates(*wrong)


def test_spaces_that_are_empty_or_say_something_twice_are_refused():
    rates = Rates(0.1, 1.0)
    for options, what in (
        ({"branches": {}}, "optimizers"),
        ({"branches": {"a": rates}, "schedules": []}, "schedules"),
        ({"branches": {"a": rates}, "others": {"decay": []}}, "decay"),
    ):
        with pytest.raises(RecipeError, match=f"the space is empty: it has no {what}"):
            Space(**options)
    with pytest.raises(RecipeError, match="schedules are given twice"):
        Space({"a": rates}, ["cosine()", "cosine()"])
    with pytest.raises(RecipeError, match="a list of rates needs one at least"):
        Rates.of([])


def test_what_lies_beside_an_arm_differs_from_it_in_one_thing():
    space = Space({"a": Rates(1e-4, 1.0)}, others={"decay": ["0", "0.1", "1"], "momentum": ["0.9", "0.5"]})
    arm = space.arm("a", 0.0079, "constant()", {"decay": "0.1", "momentum": "0.9"})
    found = list(space.beside(arm, {arm}))
    assert {
        (each.lr != arm.lr) + sum(a != b for a, b in zip(each.choices, arm.choices, strict=True)) for each in found
    } == {1}
    assert [each["decay"] for each in found if each.choices != arm.choices] == ["0", "1", "0.1"]
    assert space.size == len(space.branches["a"].start()) * 6
    assert list(space.beside(arm, {arm, *found[2:]})) == found[:2]


def test_an_arm_is_told_in_words():
    arm = Arm(0.03, (("optimizer", "sgd"), ("schedule", "cosine()")))
    assert str(arm.at(0.5).having(schedule="linear()")) == "sgd · linear() · lr 0.5"
    assert (arm["optimizer"], arm.get("decay", "none")) == ("sgd", "none")


def test_standing_is_of_the_last_fifth_and_ending_of_the_end():
    looks = tuple((step, float(step)) for step in range(1, 101))
    seen = [Seen(looks, tuple(-value for _, value in looks))]
    assert standing(seen, 100) == (np.mean(range(81, 101)), np.mean(range(81, 101)))
    assert ending(seen) == (100.0, 100.0)
    assert standing([Seen(((3, 7.0),))], 100) == (7.0, 0.0)  # its last look, where there is no later one


def test_a_seed_that_diverged_or_was_not_seen_is_lost():
    good = Seen(((1, 0.5),), (0.1,))
    for judge in (lambda seen: standing(seen, 1), ending):
        assert judge([good, Seen(diverged=3)]) == LOST
        assert judge([good, Seen()]) == LOST
        assert judge([good, Seen(((1, 0.25),), (0.3,))]) == (0.375, -0.2)
    assert judge([Seen(((1, -1e300),))]) > LOST
