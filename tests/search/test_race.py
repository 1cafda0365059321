"""Laws of the race, on grounds that are made up: whatever is searched, however it goes."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from search.grounds import Made, bowl, drawn, raced

from surefoot.core.errors import RecipeError
from surefoot.search import Answer, Rates, Seen, Space, Terms, drive, race
from surefoot.search.ladder import cheapest, rungs

ranges = st.tuples(st.floats(1e-6, 10), st.floats(1, 1e5)).map(lambda pair: Rates(pair[0], pair[0] * pair[1]))
lists = st.lists(st.floats(1e-6, 1e2), min_size=1, max_size=12, unique=True).map(Rates.of)
choices = st.lists(st.sampled_from(["0", "0.1", "0.01"]), min_size=1, max_size=3, unique=True)


@st.composite
def spaces(draw):
    branches = {name: draw(ranges | lists) for name in draw(st.sampled_from(["a", "ab", "abc"]))}
    schedules = draw(st.lists(st.sampled_from(["constant()", "cosine()", "linear()"]), min_size=1, unique=True))
    others = {name: draw(choices) for name in draw(st.sampled_from([(), ("decay",), ("decay", "momentum")]))}
    lacking = {name: others for name in branches if others and draw(st.booleans())}
    return Space(branches, schedules, others, lacking=lacking)


@st.composite
def terms(draw, space):
    horizon = draw(st.integers(1, 400))
    grain = draw(st.sampled_from([1, max(1, horizon // 20)]))
    cools = draw(st.booleans())
    given = {"grain": 1 if cools else grain, "cools": cools, "seeds": draw(st.sampled_from([(0,), (0, 1)]))}
    given |= {"fresh": draw(st.sampled_from([(), (7, 8)])), "rivals": draw(st.integers(1, 4))}
    least = cheapest(space, Terms(horizon, 1.0, **given))
    return Terms(horizon, least * draw(st.floats(1, 6)), **given)


@st.composite
def races(draw):
    space = draw(spaces())
    return space, draw(terms(space)), draw(st.integers(0, 10**6)), draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))


def noise(seed):
    return lambda arm, step: drawn(seed, str(arm), step)


def luck(seed, share, horizon):
    """Some arms are lost, at any step."""

    def lost(arm):
        if drawn(seed, "lost", str(arm)) >= share:
            return None
        return 1 + int(horizon * drawn(seed, "when", str(arm)))

    return lost


@settings(deadline=None, max_examples=250)
@given(races())
def test_laws(given):
    """What is asked for is of the space, on a rung, alive, and paid for; the same answers give the same asks."""
    space, terms, seed, share = given
    lost = luck(seed, share, terms.horizon)
    outcome, ground = raced(space, terms, noise(seed), lost)
    assert ground.searched <= terms.budget + 1e-6
    assert set(outcome.diverged) == ground.diverged
    assert not ground.diverged & set(outcome.rivals)
    assert len(outcome.rivals) <= terms.rivals
    assert len(set(outcome.ranking)) == len(outcome.ranking)
    if not outcome.ranking:
        assert ground.diverged
    again, other = raced(space, terms, noise(seed), lost)
    assert (again, other.asks) == (outcome, ground.asks)


@settings(deadline=None, max_examples=60)
@given(races())
def test_decisions_tell_what_became_of_every_arm(given):
    space, terms, seed, share = given
    outcome, ground = raced(space, terms, noise(seed), luck(seed, share, terms.horizon))
    told = [decision for ask in ground.asks for decision in ask.decisions] + list(outcome.decisions)
    begun = {d.arm for d in told if d.kind in ("begun", "added")}
    asked = {move.arm for ask in ground.asks for move in ask.moves}
    assert begun <= asked
    assert {d.arm for d in told if d.kind in ("begun", "added", "whole")} == asked
    assert {d.arm: d.step for d in told if d.kind == "diverged"} == dict(outcome.diverged)
    stops = {move.stop for ask in ground.asks for move in ask.moves}
    assert {d.step for d in told if d.kind == "dropped"} <= stops
    for decision in told:
        if decision.kind == "added":
            rates = space.branches[decision.arm[space.first]]
            assert rates.low <= decision.arm.lr <= rates.high
    assert [d.arm for d in told if d.kind == "confirmed"] == list(outcome.rivals)


@settings(deadline=None, max_examples=80)
@given(races(), st.integers(0, 100))
def test_an_arm_that_is_best_everywhere_wins(given, which):
    space, terms, _, _ = given
    begun = space.start(space.schedules[0])
    best = begun[which % len(begun)]
    outcome, _ = raced(space, terms, bowl(best))
    assert outcome.ranking[0] == best
    assert outcome.reached == terms.horizon
    assert outcome.rivals[:1] == ((best,) if terms.fresh else ())


@settings(deadline=None, max_examples=40)
@given(races(), st.data())
def test_a_race_goes_on_from_its_own_answers(given, data):
    """As after a kill: what was answered is answered again, and the rest is trained."""
    space, terms, seed, share = given
    lost = luck(seed, share, terms.horizon)
    whole, ground = raced(space, terms, noise(seed), lost)
    answers = []

    class Heard(Made):
        def train(self, ask):
            answers.append(super().train(ask))
            return answers[-1]

    drive(race(space, terms), Heard(terms, noise(seed), lost))
    stop = data.draw(st.integers(0, len(answers)))
    left, asks = list(answers[stop:]), []

    class GoesOn:
        def train(self, ask):
            asks.append(ask)
            return answers[len(asks) - 1] if len(asks) <= stop else left.pop(0)

    assert drive(race(space, terms), GoesOn()) == whole
    assert asks == ground.asks
    assert left == []


@settings(deadline=None, max_examples=80)
@given(races())
def test_a_budget_too_small_names_the_smallest_that_works(given):
    space, terms, seed, _ = given
    least = cheapest(space, terms)
    small = Terms(terms.horizon, 0.99 * least, terms.grain, terms.seeds, terms.fresh, terms.cools)
    with pytest.raises(RecipeError, match="too small to decide anything") as raised:
        next(race(space, small))
    named = re.search(r"(?i)give ([\d.]+)x at least", str(raised.value))
    enough = Terms(terms.horizon, float(named[1]), terms.grain, terms.seeds, terms.fresh, terms.cools)
    assert enough.budget <= least + 0.1
    outcome, ground = raced(space, enough, noise(seed))
    assert outcome.reached == terms.horizon
    assert ground.searched <= enough.budget + 1e-6


@settings(deadline=None, max_examples=40)
@given(races(), st.booleans())
def test_where_every_arm_diverges_there_is_no_ranking(given, late):
    space, terms, _, _ = given
    outcome, ground = raced(space, terms, noise(0), lambda arm: terms.horizon if late else 1)
    assert outcome.rivals == ()
    if not late:  # else those that were dropped before they could
        assert outcome.ranking == ()
    assert outcome.reached < terms.horizon
    assert not set(outcome.ranking) & set(outcome.diverged)
    assert outcome.diverged
    assert set(outcome.diverged.values()) == {terms.horizon if late else 1}
    assert ground.searched <= terms.budget + 1e-6


BOWL = Space({"sgd": Rates(1e-3, 10.0)}, ["cosine()", "linear()", "constant()"])
TERMS = Terms(400, 8.0, cools=True, fresh=(1, 2))


def test_schedules_that_diverge_whole_are_tried_at_half_the_rate():
    trunk = BOWL.start("constant()")[-1]

    def lost(arm):
        return 300 if arm.lr > trunk.lr / 2 else None

    outcome, ground = raced(BOWL, TERMS, bowl(trunk), lost)
    assert outcome.ranking
    assert max(arm.lr for arm in outcome.ranking) <= trunk.lr / 2
    assert trunk.lr in {arm.lr for arm in outcome.diverged}
    assert not ground.diverged & set(outcome.ranking)


def test_listed_rates_that_diverge_whole_are_left_for_the_next_in_the_list():
    space = Space({"sgd": Rates.of([0.001, 0.003, 0.01, 0.03, 0.1, 0.3])}, BOWL.schedules)
    outcome, _ = raced(space, TERMS, bowl(space.start("constant()")[-1]), lambda arm: 300 if arm.lr > 0.03 else None)
    assert outcome.ranking[0].lr <= 0.03


def test_only_listed_rates_are_asked_for_and_all_of_them_where_there_is_room():
    rates = [0.001, 0.002, 0.004, 0.5, 3.0]
    space = Space({"sgd": Rates.of(rates)})
    _, ground = raced(space, Terms(400, 40.0), bowl(space.start("constant()")[0].at(0.002)))
    assert {move.arm.lr for ask in ground.asks for move in ask.moves} <= set(rates)
    assert ground.asks[-1].best.lr == 0.002


def test_a_branch_that_lacks_a_choice_is_never_asked_for_it():
    space = Space({"sgd": Rates(1e-3, 1.0), "adam": Rates(1e-4, 0.1)}, ["cosine()"], {"momentum": ["0.9", "0.5", "0"]},
                  lacking={"adam": ["momentum"]})  # fmt: skip
    best = space.arm("sgd", 0.063, "cosine()", {"momentum": "0"})
    outcome, ground = raced(space, Terms(400, 20.0, cools=True), bowl(best))
    asked = {move.arm for ask in ground.asks for move in ask.moves}
    assert {arm.get("momentum", "none") for arm in asked if arm["optimizer"] == "adam"} == {"none"}
    assert outcome.ranking[0]["momentum"] == "0"


def test_ties_are_broken_by_the_loss_and_then_by_order():
    space = Space({"sgd": Rates.of([0.1, 1.0])})

    class Even(Made):
        def seen(self, move, seed):
            found = super().seen(move, seed)
            losses = tuple(1.0 - (move.arm.lr == self.low) for _ in found.looks)
            return type(found)(tuple((step, 0.5) for step, _ in found.looks), losses)

    for low in (0.1, 1.0):
        ground = Even(Terms(100, 3.0), lambda arm, step: 0.5)
        ground.low = low
        assert drive(race(space, Terms(100, 3.0)), ground).ranking[0].lr == low
    ground.low = None
    assert drive(race(space, Terms(100, 3.0)), ground).ranking[0].lr == 0.1


@pytest.mark.parametrize("horizon", [1, 2, 3])
@pytest.mark.parametrize("cools", [False, True])
def test_the_shortest_horizons(horizon, cools):
    outcome, ground = raced(BOWL, Terms(horizon, 40.0, cools=cools), bowl(BOWL.start("cosine()")[2]))
    assert outcome.reached == horizon
    assert outcome.ranking[0].lr == BOWL.start("cosine()")[2].lr
    assert max(move.stop for ask in ground.asks for move in ask.moves) == horizon


@given(st.integers(1, 10_000), st.integers(1, 50), st.booleans())
def test_rungs_at_least_double_and_lie_a_grain_apart(horizon, grain, whole):
    assume(grain <= horizon)
    found = rungs(Terms(horizon, 1.0, grain), whole=whole)
    assert found == sorted(set(found))
    assert found[-1] == (horizon if whole else max(grain, round(horizon / 4)))
    assert all(b >= 2 * a for a, b in pairwise(found[:-1]))
    assert found[0] >= min(grain, found[-1])


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"budget": 0}, {"budget": math.nan}, {"grain": 0}])
def test_terms_that_make_no_sense_are_refused(wrong):
    with pytest.raises(RecipeError, match=f"a race needs a {next(iter(wrong))} above 0"):
        Terms(**{"horizon": 10, "budget": 1.0} | wrong)


def test_what_an_answer_costs_is_taken_from_the_ground():
    """A ground that says that all is spent: the race comes to its end with one arm."""

    class Dear(Made):
        def train(self, ask):
            return Answer(super().train(ask).seen, 1e9)

    ground = Dear(TERMS, bowl(BOWL.start("cosine()")[2]))
    outcome = drive(race(BOWL, TERMS), ground)
    assert all(len(ask.moves) == 1 for ask in ground.asks[1:])
    assert outcome.rivals == outcome.ranking[:1]


@settings(deadline=None, max_examples=10)
@given(spaces(), st.integers(1, 1000))
def test_where_the_budget_is_no_matter_the_race_ends_all_the_same(space, horizon):
    """When nothing is left that is far enough from what was tried."""
    outcome, ground = raced(space, Terms(horizon, 1e6), noise(horizon))
    assert outcome.reached == horizon
    assert ground.searched < 1e5


def test_schedules_that_the_first_round_could_not_afford_come_later():
    """One that diverges at once costs little: what it leaves over is for those that were not tried yet."""
    tried = []

    class Ground:
        spent = 0.0

        def train(self, ask):
            seen = {}
            for move in ask.moves:
                lost = move.arm["schedule"] == "a" and move.stop == 100
                self.spent += 0.01 if lost or move.stop < 100 else 1.0
                tried.extend([move.arm["schedule"]] if move.stop == 100 else [])
                seen[move] = (Seen(diverged=1) if lost else Seen(((move.stop, 1.0),)),)
            return Answer(seen, self.spent)

    space = Space({"sgd": Rates.of([0.1])}, ("a", "b", "c"))
    drive(race(space, Terms(horizon=100, budget=2.6, cools=True)), Ground())
    assert set(tried) == {"a", "b", "c"}
