"""The verdict and the readings in Chinese say what the English ones do, in every sentence that there is."""

import ast
import inspect
import re
import sys

import pytest
from attrs import evolve
from made import ramp, study

from surefoot.analysis.wording import final, observed
from surefoot.core.language import Words, words
from surefoot.report import Comparison

GOOD, BAD = [ramp(0.90), ramp(0.91), ramp(0.92)], [ramp(0.50), ramp(0.515), ramp(0.52)]
NEAR, ROUGH = [ramp(0.895), ramp(0.915), ramp(0.917)], [[0.1] * 7 + [0.5, 0.8, 0.9 + seed / 100] for seed in range(3)]
FLAT = [[0.8] * 9 + [0.81 + seed / 100] for seed in range(3)]
SHORT = [[[end + seed / 100] for seed in range(3)] for end in (0.5, 0.6, 0.2)]


def never_finite():
    lost = study({"Xa": [[], []], "Yb": [[], []]})
    return evolve(lost, runs=tuple(evolve(run, diverged=0) for run in lost.runs))


STUDIES = {
    "ties": study({"Xa": GOOD, "Yb": BAD, "near, nearer": NEAR}),
    "best": study({"Xa": GOOD, "Yb": BAD}),
    "heat of two": study({"Xa": GOOD, "Yb": NEAR}),
    "heat of three": study({"Xa": GOOD, "Yb": NEAR, "Zc": [ramp(0.897), ramp(0.918), ramp(0.913)]}),
    "five that could be best": study({f"R{i}": [ramp(0.9 + (i * s) % 5 / 99) for s in (1, 2, 3)] for i in range(6)}),
    "least steady": study({"Xa": GOOD, "Yb": NEAR, "Zc": BAD, "Wd": [ramp(0.2), ramp(0.9), ramp(0.5)]}),
    "one seed": study({"Xa": [ramp(0.9)], "Yb": [ramp(0.1)]}),
    "one recipe": study({"Xa": GOOD}),
    "seeds agree": study({"Xa": [ramp(0.9)] * 3, "Yb": [ramp(0.8)] * 3}),
    "loss": study({"Xa": GOOD, "Yb": BAD, "Zc": NEAR}, rank="loss", goal="min"),
    "test set": study({"Xa": GOOD, "Yb": BAD}, watched="test", samples={"train": 320, "test": 80}),
    "a lost seed": study({"Xa": GOOD, "Yb": [ramp(0.99), ramp(0.99), ramp(0.99)[:4]]}),
    "an only seed lost": study({"Xa": [ramp(0.9)], "Yb": [ramp(0.99)[:4]]}),
    "all lost": study({"Xa": [[], [0.1], []], "Yb": [[0.1], [], []]}),
    "never finite": never_finite(),
    "interrupted": study({"Xa": [ramp(0.9)[:5]] * 2}, status="interrupted"),
    "still gaining": study({"Xa": ROUGH, "fast, fixed": FLAT}, target=0.6),
    "one epoch": study({"Xa": SHORT[0], "Yb": SHORT[1], "Zc": SHORT[2]}, epochs=1),
    "one epoch of two": study({"Xa": SHORT[0], "Yb": SHORT[1]}, epochs=1),
    "equals": study({"Xa": GOOD, "Yb": GOOD, "Zc": BAD}, target=0.5),
}


def said(comparison):
    return [comparison.verdict.sentence, *(reading.text for reading in comparison.readings)]


def numbers(text):
    return set(re.findall(r"\d+(?:\.\d+)?(?:e[+-]\d+)?", text))


@pytest.mark.parametrize("name", STUDIES)
def test_the_chinese_sentences_have_the_numbers_and_names_of_the_english_ones(name):
    made = STUDIES[name]
    recipes = [recipe for recipe, _ in made.recipes()]
    english, chinese = Comparison.of(made), Comparison.of(made, "zh")
    for one, other in zip(said(english), said(chinese), strict=True):
        for recipe in recipes:
            assert (recipe in one) == (recipe in other), (one, other)
            one, other = one.replace(recipe, ""), other.replace(recipe, "")
        assert numbers(one) == numbers(other), (one, other)
        assert other.endswith("。")
        assert set(re.findall("[A-Za-z]+", other)) <= {"NaN", "lr", "seeds"}, other
    assert english.verdict.ranking == chinese.verdict.ranking


def sentences_of(module):
    """Every sentence in a module's code, by its key."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    asked = [
        call for call in calls if getattr(call.func, "id", "") == "_" or getattr(call.func, "attr", "") == "plural"
    ]
    return {call.args[0].value for call in asked}


def test_every_sentence_is_among_them(monkeypatch):
    """The studies above are made for branches; this says that none is missing."""
    asked, single, plural = set(), Words.__call__, Words.plural
    monkeypatch.setattr(Words, "__call__", lambda _, text, **v: asked.add(text) or single(_, text, **v))
    monkeypatch.setattr(Words, "plural", lambda _, one, *rest, **v: asked.add(one) or plural(_, one, *rest, **v))
    for made in STUDIES.values():
        Comparison.of(made, "zh")
    for name in ("verdict", "readings"):  # the package has a function by the second's name
        assert sentences_of(sys.modules[f"surefoot.analysis.{name}"]) - asked == set()


@pytest.mark.parametrize("where", ["validation", "test"])
@pytest.mark.parametrize("name", ["accuracy", "loss", "F1"])
def test_what_is_measured_has_a_name_in_both_languages(where, name):
    assert observed(words(), where, name) == f"{where} {name}"
    assert final(words(), name) == f"final {name}"
    for chinese in (observed(words("zh"), where, name), final(words("zh"), name)):
        assert re.findall("[A-Za-z]\\w*", chinese) == (["F1"] if name == "F1" else [])
        assert not re.search(r"[一-鿿][A-Za-z]|[A-Za-z][一-鿿]", chinese)
