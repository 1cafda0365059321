"""Summaries, verdict and readings of studies whose numbers are given."""

import pytest
from attrs import evolve
from made import ramp, study
from scipy import stats

from surefoot.analysis import Interval
from surefoot.report import Comparison


def compared(curves, **options):
    return Comparison.of(study(curves, **options))


FAR = {
    "good": [ramp(0.90), ramp(0.91), ramp(0.92)],
    "bad": [ramp(0.50), ramp(0.515), ramp(0.52)],
    "near": [ramp(0.895), ramp(0.915), ramp(0.917)],
}


def test_the_leader_and_its_ties():
    found = compared(FAR)
    assert (found.best.recipe.name, found.best.ties) == ("good", ("near",))
    assert str(found.best) == "good (ties with near)"
    assert found.verdict.ranking == ("good", "near", "bad")
    assert "good leads with accuracy 0.91 and ties with near" in found.verdict.sentence
    assert 0 < found.verdict.visible < 0.05


def test_a_clear_winner_and_a_dead_heat():
    assert "good is best" in compared({"good": FAR["good"], "bad": FAR["bad"]}).verdict.sentence
    heat = compared({"a": FAR["good"], "b": FAR["near"]}).verdict
    assert heat.sentence.startswith("Too close to call: a leads with accuracy 0.91, and b ties with it; with 3 seeds")
    assert heat.ties == ("b",)


def test_one_seed_cannot_tell():
    verdict = compared({"a": [ramp(0.9)], "b": [ramp(0.1)]}).verdict
    assert "one seed cannot tell" in verdict.sentence
    assert verdict.ties == ("b",)
    assert verdict.visible is None


def test_one_recipe_is_not_compared():
    assert "nothing to compare" in compared({"a": FAR["good"]}).verdict.sentence


def test_less_is_better_where_the_goal_is_min():
    found = compared(FAR, rank="loss", goal="min")
    assert found.best.recipe.name == "good"
    assert found.ranked()[-1].name == "bad"
    assert "≤" in found.table()


def test_a_recipe_that_lost_a_seed_is_ranked_last_and_never_ties():
    found = compared(FAR | {"wild": [ramp(0.99), ramp(0.99), ramp(0.99)[:4]]})
    assert found.verdict.ranking[-1] == "wild"
    assert "wild" not in found.verdict.ties
    wild = next(s for s in found.summaries if s.name == "wild")
    assert wild.diverged == (43,)
    assert wild.finals == (0.99, 0.99, None)
    assert "wild diverged on 1 of 3 seeds, first at step 43." in found.readings[2].text
    assert "1/3 at 43" in found.table()


def test_all_diverged():
    found = compared({"a": [[], [0.1], []], "b": [[0.1], [], []]})
    assert found.verdict.best is None
    assert "try lower rates" in found.verdict.sentence
    with pytest.raises(Exception, match="try lower rates"):
        _ = found.best
    assert "diverged" in found.table()


def test_a_loss_that_was_never_finite_is_no_matter_of_rates():
    lost = study({"a": [[], []], "b": [[], []]})
    found = Comparison.of(evolve(lost, runs=tuple(evolve(run, diverged=0) for run in lost.runs)))
    assert "no learning rate can change" in found.verdict.sentence
    assert found.readings[2].text == "Every run diverged, all at step 0."


def test_an_interrupted_study_is_not_called_diverged():
    found = compared({"a": [ramp(0.9)[:5], ramp(0.9)[:5]]}, status="interrupted")
    assert "nothing to judge yet" in found.verdict.sentence
    assert "interrupted" in found.table()


def test_summaries_are_what_they_say():
    wave = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 0.5, 0.7, 0.6]
    found = compared({"wave": [wave, wave, ramp(0.3)], "low": [ramp(0.2)] * 3}, target=0.45)
    summary = found.summaries[0]
    assert summary.final.mean == pytest.approx(0.5)
    assert summary.best.mean == pytest.approx((0.9 + 0.9 + 0.3) / 3)
    assert summary.to_target == 50
    assert summary.reached == 2
    assert found.summaries[1].to_target is None
    late = compared({"late": [ramp(0.9), [0.1] * 9 + [0.8], ramp(0.2)], "low": [ramp(0.2)] * 3}, target=0.5)
    assert late.summaries[0].to_target == 100
    # The last three of the wave are .5, .7, .6: the line through them is .55, .6, .65; a ramp has no wobble.
    stray = ((0.05**2 + 0.1**2 + 0.05**2) / 3) ** 0.5
    assert summary.wobble == pytest.approx(2 * stray / 3)
    assert summary.gain == pytest.approx((2 * 0.1 + ramp(0.3)[-1] - ramp(0.3)[-3]) / 3)
    assert summary.early == pytest.approx((2 * (1.0 + 0.9) / 2 + 1.1 - sum(ramp(0.3)[:2]) / 2) / 3)


def test_the_target_is_the_median_recipes_final_value():
    assert compared(FAR).target == pytest.approx((0.895 + 0.915 + 0.917) / 3)


def test_an_interval_is_students():
    interval = Interval.of([1.0, 2.0, 4.0])
    low, high = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem([1.0, 2.0, 4.0]))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((7 / 3, low, high))
    assert Interval.of([1.0]).low is None
    assert Interval.of([]) is None


def test_readings_follow_from_the_numbers():
    fast = [[0.8] * 9 + [0.81]] * 3
    slow = [[0.1] * 7 + [0.5, 0.8, 0.9], [0.1] * 7 + [0.5, 0.8, 0.91], [0.1] * 7 + [0.5, 0.8, 0.89]]
    efficiency, long_term, stability = compared({"slow": slow, "fast, fixed": fast}, target=0.6).readings
    assert efficiency.text == (
        "“fast, fixed” falls fastest: over the first 2 epochs the validation loss averages 0.3. “fast, fixed” reaches "
        "accuracy ≥ 0.6 first, after 10 of 100 steps; 2 of 2 get there on most seeds."
    )
    assert long_term.text.startswith("slow ends best, at accuracy 0.9; “fast, fixed” ends last, at 0.81.")
    assert stability.text.startswith(
        "“fast, fixed” is steadiest: at the end its accuracy strays 0.0024 from its trend; slow"
    )
    assert stability.text.endswith("No run diverged.")


def test_equals_are_named_together():
    same = [ramp(0.9), ramp(0.91), ramp(0.92)]
    efficiency = compared({"a": same, "b": same, "c": [ramp(0.2)] * 3}, target=0.5).readings[0]
    assert efficiency.text.startswith("a and b fall fastest")
    assert "a and b reach accuracy ≥ 0.5 first" in efficiency.text
    alike = compared({"a": same, "b": same}).readings
    assert "ends last" not in alike[1].text
    assert alike[2].text == "No run diverged."


def test_a_recipe_that_lost_a_seed_is_not_praised():
    quick = [[0.95] * 10, [0.95] * 10, [0.95]]
    efficiency, _, stability = compared({"quick": quick, "a": FAR["good"], "b": FAR["bad"]}).readings
    assert "quick" not in efficiency.text
    assert "quick diverged on 1 of 3 seeds, first at step 13." in stability.text


@pytest.mark.parametrize(
    ("curve", "short"), [([0.3, 0.5, 0.7], True), ([0.7, 0.7, 0.7], False), ([0.7, 0.3, 0.7], False)]
)
def test_a_leader_that_still_improves_needs_a_longer_horizon(curve, short):
    leader = [[0.1] * 7 + [value + seed / 1000 for value in curve] for seed in range(3)]
    flat = [[0.1] * 9 + [0.11 + seed / 1000] for seed in range(3)]
    text = compared({"leader": leader, "flat": flat}).readings[1].text
    assert ("still gaining (0.4 over its last 2 epochs): the horizon is too short" in text) == short
