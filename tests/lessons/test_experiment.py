"""The lesson on the experiment: it is a comparison, its claims follow from numbers, and it is true of any outcome."""

import json
import math

import numpy as np
import pytest
from attrs import evolve
from made import ramp, study

import surefoot as sf
from surefoot.core.errors import UsageError
from surefoot.lessons import learn
from surefoot.lessons.claims import claims
from surefoot.lessons.experiment import Experiment
from surefoot.lessons.lesson import write_up
from surefoot.studies import RecipeSet, load_recipes

QUICK = {"seeds": 2, "epochs": 3}
PLAIN = {"out": None, "progress": False, "trainer": "fused", "place": "here", "compile": False}
CALM = [0.0, 0.001, 0.0, 0.001]  # added to the end of a curve: how it strays
WILD = [0.0, 0.03, -0.03, 0.03]


@pytest.fixture(scope="module")
def lesson():
    return Experiment(**QUICK)


@pytest.fixture(scope="module")
def found(lesson):
    return lesson.run()


def test_it_is_the_comparison_of_the_source(found):
    chosen = RecipeSet(load_recipes("source").recipes, batch_size=32)
    direct = sf.compare("digits", chosen, 2, epochs=3, **PLAIN)
    assert [p.summary.finals for p in found.policies] == [s.finals for s in direct.summaries]
    assert [p.summary.test for p in found.policies] == [s.test for s in direct.summaries]
    for policy, (_, runs) in zip(found.policies, direct.study.recipes(), strict=True):
        for name, mean in (("loss", policy.loss), ("accuracy", policy.accuracy)):
            seen = [[each.values[name] for each in run.observations] for run in runs]
            np.testing.assert_allclose(mean, np.mean(seen, axis=0))


def test_another_trainer_finds_the_same(found):
    chosen = RecipeSet(load_recipes("source").recipes, batch_size=32)
    direct = sf.compare("digits", chosen, 2, epochs=3, out=None, progress=False, trainer="loop", place="here")
    for policy, other in zip(found.policies, direct.summaries, strict=True):
        assert policy.summary.early == pytest.approx(other.early, rel=1e-4)
        assert policy.summary.final.mean == pytest.approx(other.final.mean, abs=0.005)  # a sample or two of 359


def test_it_is_the_same_again(lesson, found):
    again = lesson.run()
    assert [p.summary.finals for p in again.policies] == [p.summary.finals for p in found.policies]
    assert again.claims == found.claims


def test_the_policies_are_those_of_the_source(lesson, found):
    mine, theirs = lesson.recipes(), load_recipes("source").recipes
    assert [evolve(one, name=other.name) for one, other in zip(mine, theirs, strict=True)] == list(theirs)
    fixed, decay, adam = (each.rates for each in found.policies)
    assert fixed.tolist() == [0.01] * 3
    assert adam.tolist() == [0.001] * 3
    np.testing.assert_allclose(decay, [0.1 * math.exp(-0.1 * epoch) for epoch in range(3)])


def test_the_analysis_names_the_leader(lesson, found):
    ends = {each.name: each.summary.final.mean for each in found.policies}
    early = {each.name: each.summary.early for each in found.policies}
    leader, fastest = max(ends, key=ends.get), min(early, key=early.get)
    for lang in ("en", "zh"):
        readings = found.readings[lang]
        assert fastest in readings[0].text
        assert leader in readings[1].text
        text = "".join(write_up(lesson, found, lang).text().split())
        for reading in readings:
            assert "".join(reading.text.split()) in text
        assert "".join(found.verdict[lang].split()) in text
        assert f"{ends[leader]:.4f}" in text


def three(fixed, decay, adam, **options):
    return study({"SGD 0.01": fixed, "SGD 0.1·exp(−0.1·epoch)": decay, "Adam 0.001": adam}, **options)


def outcomes(made):
    return {claim.name: claim.outcome for claim in claims(made)}


def seeds(end, start, stray, shift=(0.0, 0.002, 0.005)):
    """Three curves of ten looks that rise to `end`; at the end they stray."""
    return [[*ramp(end, start=start, looks=6)[:6], *(end + each + more for each in stray)] for more in shift]


def test_claims_that_hold():
    made = three(seeds(0.7, 0.1, CALM), seeds(0.9, 0.3, WILD), seeds(0.89, 0.5, WILD))
    assert outcomes(made) == dict.fromkeys(("fastest", "balance", "better", "slow", "steady"), "agrees")
    better = next(claim for claim in claims(made) if claim.name == "better")
    assert better.parts[0].by.mean == pytest.approx(0.2 + 0.03 - 0.001)  # the ends, and what strays from them


def test_claims_that_do_not_hold():
    made = three(seeds(0.9, 0.5, WILD), seeds(0.7, 0.1, CALM), seeds(0.8, 0.3, CALM))
    assert outcomes(made) == dict.fromkeys(("fastest", "balance", "better", "slow", "steady"), "disagrees")


def test_seeds_that_contradict_each_other_leave_it_open():
    up, down = seeds(0.9, 0.5, CALM, (0.0, 0.1, -0.1)), seeds(0.9, 0.5, CALM, (0.0, -0.1, 0.1))
    assert outcomes(three(up, down, up)) == dict.fromkeys(("fastest", "balance", "better", "slow", "steady"), "open")


def test_equal_numbers_leave_it_open():
    same = seeds(0.9, 0.5, CALM)
    assert set(outcomes(three(same, same, same)).values()) == {"open"}


def test_rounding_is_no_difference():
    one, other = seeds(0.9, 0.5, CALM), seeds(0.9 + 1e-8, 0.5, CALM)
    assert outcomes(three(one, other, one))["better"] == "open"


def test_one_seed_decides_nothing():
    made = three(*(seeds(end, start, CALM, (0.0,)) for end, start in ((0.7, 0.1), (0.9, 0.3), (0.89, 0.5))))
    assert {(claim.outcome, claim.reason) for claim in claims(made)} == {("open", "one seed")}


def test_two_epochs_show_no_wobble():
    made = three(*([[end - 0.1, end], [end - 0.11, end]] for end in (0.7, 0.9, 0.8)), epochs=2)
    steady = next(claim for claim in claims(made) if claim.name == "steady")
    assert (steady.outcome, steady.reason) == ("open", "too short")


def test_a_policy_that_diverged_is_behind():
    whole, lost = seeds(0.9, 0.5, CALM), [[0.1, 0.2], *seeds(0.95, 0.6, CALM)[1:]]
    found = outcomes(three(lost, whole, whole))
    assert (found["better"], found["slow"], found["steady"], found["balance"]) == (
        "agrees", "agrees", "disagrees", "agrees",
    )  # fmt: skip
    assert outcomes(three(whole, whole, lost))["fastest"] == "disagrees"
    assert {(claim.outcome, claim.reason) for claim in claims(three(lost, lost, lost))} == {("open", "diverged")}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "given",
    [
        {"seeds": 1, "epochs": 1},
        {"seeds": 1, "epochs": 3, "lr": [1e3, 1e3, 1e3]},
        {"seeds": 2, "epochs": 2, "lr": [1e6, 1e6, 1e6]},
        {"seeds": 1, "epochs": 2, "curves": "test", "batch_size": 1000},
    ],
)
def test_odd_parameters(lang, given, tmp_path):
    taught = learn("experiment", lang, **given)
    assert "{" not in taught.text()
    counted = sum(taught.found.agreed)
    assert counted == len(taught.found.claims) == 5
    json.dumps(taught.to_json(), allow_nan=False)
    taught.save(tmp_path / "x.png")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_all_may_diverge(lang, lesson, found, tmp_path):
    lost = [
        evolve(each, loss=np.full(3, np.nan), accuracy=np.full(3, np.nan), summary=summary)
        for each, summary in zip(found.policies, nothing().summaries, strict=True)
    ]
    spoken = {each: nothing().in_language(each) for each in ("en", "zh")}
    told = {each: spoken[each].verdict.sentence for each in spoken}
    read = {each: spoken[each].readings for each in spoken}
    gone = evolve(found, policies=tuple(lost), claims=claims(nothing().study), verdict=told, readings=read)
    taught = write_up(lesson, gone, lang)
    assert {"en": "leaves 5 open", "zh": "5 个无法判定"}[lang] in " ".join(taught.text().split())
    taught.save(tmp_path / "x.png")
    taught.to_html()


def nothing():
    """A comparison in which every run diverged before the first look."""
    from surefoot.report import Comparison

    return Comparison.of(three([[], []], [[], []], [[], []], epochs=3))


def test_as_in_the_source_it_looks_at_the_test_set():
    lesson = Experiment(seeds=1, epochs=1, curves="test")
    found = lesson.run()
    direct = sf.compare("digits", "source", 1, epochs=1, **PLAIN)
    assert found.facts.watched == "test"
    assert [p.summary.finals for p in found.policies] == [s.finals for s in direct.summaries]
    assert "the curves are on the test set" in " ".join(write_up(lesson, found).text().split())


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"task": "cifar"}, "'cifar'"), ({"epochs": 0}, "0"), ({"seeds": 0}, "0"), ({"lr": [0.1, -1, 0.1]}, "-1"),
        ({"lr": 0.1}, r"\[0.1\]"), ({"batch_size": 0}, "0"), ({"batch_size": 5000}, "5000"),
        ({"curves": "train"}, "'train'"),
        ({"task": "mnist", "data": "/nowhere"}, "/nowhere"), ({"data": "/tmp"}, "/tmp"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given, received):
    with pytest.raises(UsageError, match=f"received '?{received}"):
        learn("experiment", **given)


@pytest.mark.parametrize(("end", "nothing"), [(0.1, True), (0.14, True), (0.16, False), (0.9, False)])
def test_a_run_that_learned_nothing_says_so(lesson, found, end, nothing):
    ended = tuple(evolve(policy, accuracy=np.full_like(policy.accuracy, end)) for policy in found.policies)
    for lang, said in (("en", "Nothing was learned"), ("zh", "什么也没有学到")):
        assert (said in write_up(lesson, evolve(found, policies=ended), lang).source) == nothing
