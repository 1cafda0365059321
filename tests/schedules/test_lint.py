"""What looks wrong is found at its step, each kind with a remedy; what is meant is left in peace."""

import pytest

from surefoot.core.units import Clock
from surefoot.schedules import Curve, parse
from surefoot.schedules.lint import Finding, lint
from surefoot.schedules.pieces import phases, whole
from surefoot.studies.recipes import load_recipes
from surefoot.training import bind

N = {"steps": 1000}
EPOCHS = {"steps": 4690, "steps_per_epoch": 469}


def found(text, horizon, of="lr"):
    return [(finding.kind, finding.step) for finding in lint(parse(text).bind(**horizon), of)]


@pytest.mark.parametrize(
    ("text", "horizon", "kind", "step"),
    [
        ("0.1 * warmup(500) * cosine()", N, "overlap", 415),
        ("0.1 * warmup(200) * linear()", N, "overlap", 199),
        ("(warmup(300, from_zero=True) >> constant()) * polynomial(power=2) + 0.01", N, "overlap", 300),
        ("0.1 * (linear('5%', end=0.5) >> cosine())", N, "jump", 50),
        ("warmup(50) >> warmup(20) >> linear()", N, "jump", 50),
        ("constant(0.5, over=100) >> cosine()", N, "jump", 100),
        ("0.1 * cosine(400, end=0.1) >> 0.1 * cosine()", N, "jump", 400),
        ("linear(400, end=0.5) >> linear()", N, "jump", 400),
        ("during(cosine(), 500) >> linear(start=0.5)", N, "jump", 500),
        ("plateau(0.5) * (linear(100) >> constant())", N, "jump", 100),
        ("0.1 * linear(500, end=-1)", N, "negative value", 251),
        ("0.1 * cosine() + -0.05", N, "negative value", 501),
        ("exponential(5.0, every=1)", N, "not finite", 442),
        ("warmup('0.01%') >> linear()", N, "zero width", 0),
        ("warmup(100) >> constant(over='0.01%') >> linear()", N, "zero width", 100),
        ("0.1 * step(10, factor=0.5)", {"steps": 14_070, "steps_per_epoch": 469}, "epochs given as steps", 0),
        ("0.1 * step(10, factor=0.5)", {"steps": 14_070}, "epochs given as steps", 0),
        ("0.1 * exponential(0.9, every=1)", EPOCHS, "epochs given as steps", 0),
        ("0.1 * (warmup(5) >> cosine())", EPOCHS, "epochs given as steps", 0),
        ("0.1 * multistep([3, '6ep'])", EPOCHS, "epochs given as steps", 0),
        ("warmup('1ep') >> during(linear(8, end=0.5), '2ep') >> constant(0.5)", EPOCHS, "epochs given as steps", 469),
        ("multistep([10, 2000])", N, "end never reached", 1000),
        ("0.1 * linear(5000)", N, "end never reached", 1000),
        ("step('20ep')", EPOCHS, "end never reached", 4690),
        ("linear()", {"steps": 10}, "end never reached", 9),
        ("warmup('10%') >> every(linear(), '1ep')", EPOCHS, "end never reached", 4689),
        ("0.1 * (warmup(100, from_zero=True) >> cosine())", N, "first step zero", 0),
        ("0.1 * linear(start=0.0, end=1.0, inclusive=True)", N, "first step zero", 0),
    ],
)  # fmt: skip
def test_each_kind_is_found_at_its_step(text, horizon, kind, step):
    assert (kind, step) in found(text, horizon)
    assert {each for each, _ in found(text, horizon)} == {kind}


@pytest.mark.parametrize(
    ("text", "horizon"),
    [
        ("0.1 * (warmup('5%') >> cosine())", N),
        ("0.1 * (warmup('5%') >> cosine())", {"steps": 20}),
        ("0.1 * warmup('5%') * cosine()", N),
        ("warmup(1) >> cosine()", N),
        ("0.1 * wsd()", N),
        ("0.1 * one_cycle()", N),
        ("plateau(0.5) * (warmup('5%') >> cosine())", N),
        ("cosine(500) >> cosine()", N),
        ("constant(0.1, over=100) >> constant(over=200) >> constant(0.01)", N),
        ("0.1 * constant(over=500) >> 0.01 * constant()", N),
        ("0.1 * step(300) * multistep([100, 200])", N),
        ("piecewise([100, 500], values=[0.1, 1.0, 0.01])", N),
        ("repeat(cosine(100))", N),
        ("cosine_restarts(100, mult=2)", N),
        ("cyclical(100)", N),
        ("every(warmup('2ep') >> cosine(), '1ep')", {"steps": 4000, "steps_per_epoch": 100}),
        ("exponential(0.999, every=1)", EPOCHS),
        ("0.1 * noise(0.1) * (warmup('5%') >> linear())", N),
        ("constant(0.1)", {"steps": 1}),
        ("0.0 * constant()", N),
    ],
)
def test_what_is_meant_is_left_in_peace(text, horizon):
    assert found(text, horizon) == []


@pytest.mark.parametrize("steps", [40, 510, 18_750])
def test_the_classic_recipes_are_clean(steps):
    for recipe in load_recipes("classic").recipes:
        for name, curve in bind(recipe, Clock(steps, steps // 10, 32)).curves.items():
            assert lint(curve, of=name) == [], recipe.name


@pytest.mark.parametrize(
    ("text", "of", "expected"),
    [
        ("one_cycle_momentum(high=1.0)", "momentum", [("momentum out of range", 0)]),
        ("0.9 * linear(end=-1)", "beta1", [("momentum out of range", 501)]),
        ("one_cycle_momentum()", "momentum", []),
        ("0.9 * linear(start=0.0, end=1.0)", "momentum", []),
        ("0.1 * linear(start=0.0, end=1.0, inclusive=True)", "weight_decay", []),
        ("1.5 * constant()", "lr", []),
    ],
)
def test_momentum_lies_between_0_and_1_and_may_begin_with_0(text, of, expected):
    assert found(text, N, of) == expected


def test_a_finding_is_a_sentence_with_place_and_remedy_and_check_lists_them():
    curve = (parse("0.1 * constant(over=500)") >> parse("0.1 * linear()")).bind(1000)
    assert curve.check() == []
    curve = parse("0.1 * (linear(500, end=0.5) >> cosine())").bind(1000)
    (sentence,) = curve.check()
    assert sentence == (
        "jump at step 500: the value leaps from 0.05 to 0.1 where linear(500, end=0.5) gives way to cosine(); "
        "let one begin where the other ends"
    )
    assert str(lint(curve)[0]) == sentence
    assert str(Finding("jump", 5, "what")) == "jump at step 5: what"


def test_findings_come_by_step_and_once():
    curve = parse("0.1 * (warmup(5, from_zero=True) >> linear('50%', end=0.2) >> cosine())").bind(**EPOCHS)
    assert [each.step for each in lint(curve)] == [0, 0, 2350]
    assert [each.kind for each in lint(curve)] == ["first step zero", "epochs given as steps", "jump"]


def test_phases_are_the_links_of_the_chains_at_any_depth():
    def of(text, **horizon):
        curve = Curve(parse(text), Clock(**(N | horizon)))
        return [(str(each.schedule), each.start, each.stop) for each in phases(whole(curve))]

    assert of("cosine()") == [("cosine()", 0, 1000)]
    assert of("plateau() * (warmup('5%') >> during(constant(over=10) >> cosine(100), 60) >> linear())") == [
        ("warmup('5%')", 0, 50), ("constant(over=10)", 50, 60), ("cosine(100)", 60, 110), ("linear()", 110, 1000),
    ]  # fmt: skip
    assert of("repeat(warmup(10) >> cosine(90))") == [("repeat(warmup(10) >> cosine(90))", 0, 1000)]
