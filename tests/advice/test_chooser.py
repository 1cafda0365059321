"""The chooser: the textbook's tables, what has been learned since, conflicts, and what would change the answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.advice import Answers, advise
from surefoot.advice.answers import FITS, LOSSES, MODELS, TASKS
from surefoot.advice.candidates import RATES, optimizers, recipe_of, strategies
from surefoot.advice.chooser import changes, choose
from surefoot.advice.rules import WEIGHTS, in_force, rules, sources
from surefoot.core.errors import UsageError
from surefoot.core.language import LANGUAGES
from surefoot.core.units import Clock
from surefoot.optimizers import parse as parse_rule
from surefoot.schedules import Curve, parse

# S1's five questions and its summary table: what is known, and what is recommended.
TEXTBOOK = [
    ({"samples": 2000, "epochs": 5}, {"one_cycle", "cyclical"}),
    ({"samples": 60_000, "epochs": 10}, {"step", "exponential"}),
    ({"samples": 1_000_000, "epochs": 90}, {"cosine", "plateau"}),
    ({"model": "mlp"}, {"step", "exponential"}),
    ({"model": "linear"}, {"step", "exponential"}),
    ({"model": "cnn"}, {"cosine", "plateau", "one_cycle"}),
    ({"model": "rnn"}, {"cosine", "plateau", "one_cycle"}),
    ({"pretrained": True}, {"one_cycle"}),
    ({"task": "classification"}, {"step", "cosine", "cyclical"}),
    ({"task": "regression"}, {"exponential", "plateau"}),
    ({"task": "time-series"}, {"plateau", "exponential"}),
    ({"task": "language"}, {"exponential", "plateau"}),
    ({"sensitive": True}, {"cosine", "plateau"}),
    ({"sensitive": False}, {"cyclical", "one_cycle"}),
    ({"val_loss": "unstable"}, {"plateau"}),
    ({"val_loss": "steady"}, {"step", "exponential"}),
]
# S3: which optimizer.
TEXTBOOK_OPTIMIZERS = [
    ({"model": "mlp"}, {"sgd", "momentum"}),
    ({"model": "cnn"}, {"adam"}),
    ({"samples": 1_000_000, "epochs": 90}, {"adam"}),
    ({"sparse": True}, {"adagrad", "rmsprop"}),
    ({"task": "language"}, {"adagrad", "rmsprop"}),
]


def voiced(ranked):
    return {each.name for each in ranked if each.score > 0}


@pytest.mark.parametrize(("known", "recommended"), TEXTBOOK, ids=str)
def test_the_textbooks_five_questions(known, recommended):
    choice = choose(Answers(**known), ["textbook"])
    assert voiced(choice.strategies) == recommended
    assert {each.name for each in choice.strategies[: len(recommended)]} == recommended


@pytest.mark.parametrize(("known", "recommended"), TEXTBOOK_OPTIMIZERS, ids=str)
def test_the_textbooks_choice_of_an_optimizer(known, recommended):
    choice = choose(Answers(**known), ["textbook"])
    assert voiced(choice.optimizers) == recommended


def test_weight_decay_against_over_and_under_fitting():
    over, under = (choose(Answers(model="cnn", fit=fit)) for fit in ("over", "under"))
    assert [what for what, rule in over.add if rule.source == "textbook"] == ["decay_more"]
    assert [what for what, rule in under.add if rule.source == "textbook"] == ["decay_less"]
    decay = {"over": 0.1, "under": 0.001}
    for fit, choice in (("over", over), ("under", under)):
        assert choice.recipes[0].optimizer == "adamw"
        assert dict(choice.recipes[0].hyper)["weight_decay"] == str(decay[fit])


@pytest.mark.parametrize(
    ("known", "strategy", "added"),
    [
        ({"model": "transformer", "task": "language"}, "linear", {"warmup", "clip"}),
        ({"model": "cnn", "samples": 60_000, "epochs": 10, "batch_size": 4096}, "linear", {"warmup"}),
        ({"length": "unknown", "model": "transformer"}, "wsd", {"warmup", "clip", "schedule_free"}),
        ({"model": "cnn", "samples": 2000, "epochs": 5, "pretrained": True}, "one_cycle", {"lower_rate"}),
        ({"pretrained": True, "model": "transformer"}, "linear", {"warmup", "clip", "lower_rate"}),
    ],
    ids=str,
)
def test_what_has_been_learned_since(known, strategy, added):
    choice = choose(Answers(**known))
    assert choice.strategies[0].name == strategy
    assert {what for what, _ in choice.add} == added
    if "warmup" in added and strategy == "linear":
        assert choice.recipes[0].schedule == "warmup('5%') >> linear()"
    if strategy != "linear" and "pretrained" in known:
        assert choice.recipes[0].lr == pytest.approx(1e-5)
    elif "pretrained" in known:
        assert choice.recipes[0].lr == 5e-5


def test_the_rate_follows_the_batch_where_sgd_is_recommended():
    small, large = (choose(Answers(model="linear", batch_size=size), ["textbook", "practice"]) for size in (32, 4096))
    for choice in (small, large):
        assert choice.optimizers[0].name == "momentum"
    assert [what for what, _ in large.add] == ["warmup", "scale_rate"]
    assert [what for what, _ in small.add] == []


PINNED = [  # answers → what is tried first: changes of rules should be seen here
    ({}, "adam", "linear", 0.001),
    ({"model": "mlp", "task": "classification", "samples": 1000, "epochs": 15}, "adam", "linear", 0.001),
    ({"model": "cnn", "task": "classification", "samples": 60_000, "epochs": 10}, "adamw", "linear", 0.001),
    ({"model": "cnn", "samples": 2000, "epochs": 5, "sensitive": False}, "adamw", "one_cycle", 0.001),
    ({"model": "rnn", "val_loss": "unstable", "sensitive": True, "task": "time-series"}, "adamw", "linear", 0.001),
    ({"model": "linear", "sparse": True}, "adam", "linear", 0.001),
    ({"model": "transformer", "pretrained": True, "epochs": 3}, "adamw", "linear", 5e-5),
    ({"length": "unknown"}, "adam", "wsd", 0.001),
]


@pytest.mark.parametrize(("known", "optimizer", "strategy", "lr"), PINNED, ids=str)
def test_what_is_tried_first(known, optimizer, strategy, lr):
    choice = choose(Answers(**known))
    assert choice.first == (optimizer, strategy)
    assert choice.recipes[0].lr == lr
    scores = {each.name: each.score for each in (*choice.strategies, *choice.optimizers)}
    assert RATES == {"sgd": 0.1, "momentum": 0.1, "adagrad": 0.01, "rmsprop": 0.01, "adam": 0.001, "adamw": 0.001}
    assert scores[strategy] == max(each.score for each in choice.strategies if not each.excluded)


def test_recipes_are_ranked_by_the_voices_of_both():
    choice = choose(Answers(model="cnn", task="classification", samples=60_000, epochs=10))
    voices = {each.name: each.score for each in (*choice.strategies, *choice.optimizers)}
    english = {each.name["en"]: name for part in (strategies(), optimizers()) for name, each in part.items()}
    sums = [sum(voices[english[part]] for part in recipe.name.split(", ")) for recipe in choice.recipes]
    assert sums == sorted(sums, reverse=True)
    assert len(set(sums)) > 1


def test_where_the_length_is_unknown_nothing_that_needs_it_is_recommended():
    choice = choose(Answers(length="unknown", task="classification", sensitive=True, model="cnn"))
    unusable = {"linear", "cosine", "one_cycle"}
    assert {each.name for each in choice.strategies if each.excluded} == unusable
    assert all("%" not in recipe.schedule for recipe in choice.recipes)
    assert choice.strategies[0].name == "wsd"
    textbook = choose(Answers(length="unknown", task="classification", sensitive=True, model="cnn"), ["textbook"])
    assert {each.name for each in textbook.strategies if each.excluded} == unusable  # a fact, whatever the evidence


def test_conflicts_are_settled_and_told():
    choice = choose(Answers(model="transformer", task="language", sparse=True))
    assert {(a.id, b.id) for a, b in choice.conflicts} >= {
        ("attention-adam", "sparse-or-text"),
        ("language-to-zero", "time-series"),
    }
    assert choice.optimizers[0].name == "adamw"
    adagrad = next(each for each in choice.optimizers if each.name == "adagrad")
    assert [rule.id for rule in adagrad.pros] == ["rare-features"]  # the two rules of thumb have lost their voice
    text = advise(model="transformer", task="language", sparse=True).text()
    assert "Where rules conflict" in text
    assert "older than they are" in text


def test_every_rule_is_whole():
    known = {*strategies(), *optimizers()}
    names = [rule.id for rule in rules()]
    assert len(set(names)) == len(names)
    fields = Answers().derived
    for rule in rules():
        assert all(set(each) <= set(fields) for each in rule.when), rule.id
        assert {*rule.prefer, *rule.avoid, *rule.exclude} <= known, rule.id
        assert rule.prefer or rule.avoid or rule.exclude or rule.add, rule.id
        assert rule.source in sources(), rule.id
        assert set(rule.reason) == set(LANGUAGES), rule.id
        assert set(rule.overrules) <= set(names) - {rule.id}, rule.id
        assert bool(rule.overrules) == (rule.settled is not None), rule.id
        assert rule.settled is None or set(rule.settled) == set(LANGUAGES), rule.id
    assert {rule.source for rule in rules()} == set(sources())


def test_every_rule_speaks_in_some_training():
    """No dead rule: each holds, with its voice, for some answers."""
    spoken = set()
    for model in (*MODELS, None):
        for task in (*TASKS, None):
            for more in (
                {},
                {
                    "samples": 2000,
                    "epochs": 5,
                    "batch_size": 1024,
                    "sensitive": True,
                    "val_loss": "unstable",
                    "fit": "over",
                },
                {"samples": 60_000, "epochs": 10, "sensitive": False, "val_loss": "steady", "fit": "under"},
                {"samples": 10**6, "epochs": 90, "batch_size": 2048, "pretrained": model != "linear"},
                {"length": "unknown", "sparse": True},
            ):
                known = Answers(model=model, task=task, **more).derived
                for kinds in (WEIGHTS, ["textbook"]):  # AdamW always takes the place of Adam, but in the textbook
                    asked = [rule for rule in rules() if rule.evidence in kinds and rule.holds(known)]
                    spoken |= {rule.id for rule in in_force(asked)[0]}
    assert spoken == {rule.id for rule in rules()}


maybe = st.none()
answers = st.builds(
    dict,
    task=maybe | st.sampled_from(TASKS),
    samples=maybe | st.integers(1, 10**8),
    epochs=maybe | st.integers(1, 500),
    model=maybe | st.sampled_from(MODELS[1:]),
    pretrained=maybe | st.booleans(),
    sensitive=maybe | st.booleans(),
    val_loss=maybe | st.sampled_from(LOSSES),
    fit=maybe | st.sampled_from(FITS),
    sparse=maybe | st.booleans(),
)


@settings(deadline=None)
@given(answers)
def test_every_answer_gets_recipes_that_can_be_trained(known):
    choice = choose(Answers(**known))
    assert sorted(each.name for each in choice.strategies) == sorted(strategies())
    assert 2 <= len(choice.recipes) <= 5
    assert len({recipe.name for recipe in choice.recipes}) == len(choice.recipes)
    for recipe in choice.recipes:
        assert recipe.lr > 0
        rule = parse_rule(recipe.optimizer)
        assert all(name in rule.hyper for name, _ in recipe.hyper)
        values = Curve(parse(recipe.schedule), Clock(1000, 100)).values()
        assert 0 <= values.min() <= values.max() == pytest.approx(1, rel=1e-2)


@settings(deadline=None)
@given(answers)
def test_what_would_change_the_answer_does(known):
    choice = choose(Answers(**known))
    for change in changes(choice):
        again = {**known, change.question: change.answer}
        if change.question == "length":
            again["epochs"] = None
        assert choose(Answers(**again)).first == (change.optimizer, change.strategy) != choice.first


def test_every_pair_makes_a_recipe():
    for optimizer in optimizers():
        assert optimizer in RATES
        for strategy in strategies():
            for add in (frozenset(), frozenset({"warmup", "decay_more", "lower_rate"})):
                recipe = recipe_of(optimizer, strategy, Answers(epochs=30), add)
                parse(recipe.schedule)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"samples": 0}, "samples must be a whole number above 0; received 0"),
        ({"samples": -5}, "received -5"),
        ({"epochs": 0}, "epochs"),
        ({"samples": 2.5}, "2.5"),
        ({"samples": 10, "batch_size": 32}, "a batch of 32 samples does not fit a training set of 10"),
        ({"length": "unknown", "epochs": 10}, "cannot be unknown and given at once"),
        ({"model": "linear", "pretrained": True}, "nothing to be fine-tuned"),
        ({"task": "ranking"}, "classification, regression"),
        ({"val_loss": "bumpy"}, "steady, unstable"),
        ({"sensitive": "very"}, "True, False or None"),
        ({"colour": "red"}, "no question 'colour'"),
        ({"rules": "mine"}, "'all' or 'textbook'"),
        ({"measure": True}, "nothing to measure on"),
        ({"lang": "fr"}, "no language 'fr'"),
    ],
    ids=str,
)
def test_answers_that_make_no_sense(wrong, told):
    with pytest.raises(UsageError, match=told):
        advise(**wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_advice_is_written_up(lang):
    found = advise(task="classification", samples=60_000, epochs=10, model="cnn", val_loss="unstable", lang=lang)
    text = found.text()
    for recipe in found.recipes:
        assert recipe.schedule in text
    assert "2310.07831" in text
    assert found.to_html().count("<svg") >= 1
    assert found.to_json()["recipes"][0]["schedule"] == found.recipes[0].schedule
    assert "60,000" in text


def test_the_chinese_advice_is_chinese():
    text = advise(model="cnn", task="language", pretrained=True, sparse=True, fit="over", lang="zh").text()
    for word in ("For:", "Against:", "voice", "rule of thumb", "Besides", "with"):
        assert word not in text, word
