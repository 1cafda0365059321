"""The parser takes any text without executing it, and says what is wrong."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from surefoot import schedules as s
from surefoot.core.errors import ScheduleError, UsageError

WORDS = [
    "cosine",
    "warmup",
    "step",
    "(",
    ")",
    "[",
    "]",
    ",",
    "=",
    ">>",
    "*",
    "+",
    "-",
    "'5%'",
    "0.1",
    "1e999",
    ".",
    " ",
]
WORDS += ["__import__('os')", "().__class__", "lambda: 0", "9" * 400, "x := 1", "**", "{}", "\n", "\x00", "é", "end"]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=80))
@example("(" * 300 + ")" * 300)
@example("-" * 9000 + "1")
@example("[" * 90 + "]" * 90)
@example("a" * 1_000_000)
@example("1/0 * cosine()")
@example("1e308*10 * cosine()")
@example("2 ** 99999999 * cosine()")
@example("cosine(**{'end': 1})")
@example("cosine(open)")
def test_hostile_text_is_read_or_refused(text):
    try:
        made = s.parse(text)
    except ScheduleError:
        return
    assert s.parse(str(made)) == made


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cosin()", "Did you mean 'cosine'"),
        ("cosine(ende=0.1)", "Did you mean 'end'"),
        ("step()", "every"),
        ("cosine(1, 2, 3)", "positional"),
        ("warmup('5%') >> 0.1", "constant"),
        ("0.1", "not a schedule"),
        ("cosine() - linear()", "numbers only"),
        ("cosine(", "cannot read"),
        ("import os", "cannot read"),
        ("cosine().bind(3)", "not part of the language"),
    ],
)
def test_mistakes_are_named(text, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        s.parse(text)


def test_prints_as_it_is_written():
    for text in (
        "0.1 * (warmup('5%') >> cosine())",
        "0.1 * warmup(500) * step('10ep', factor=0.5)",
        "0.5 * cosine(end=0.1) + 0.01",
        "constant(over='2.5ep') >> cosine('10%') >> linear(start=0.5)",
        "(warmup(5) >> cosine()) * plateau(0.5, patience=3)",
        "1.0 * piecewise([10, 20, 30], values=[1.0, 0.5, 0.1, 0.01])",
    ):
        assert str(s.parse(text)) == text


def test_arithmetic_between_numbers():
    assert s.parse("1/4 * cosine(end=2 - 1.5)") == 0.25 * s.cosine(end=0.5)


def test_json_of_another_version_is_refused_by_name():
    data = s.to_json(s.cosine()) | {"version": 99}
    with pytest.raises(ScheduleError, match="version 99"):
        s.from_json(data)
    with pytest.raises(ScheduleError, match="unknown schedule"):
        s.from_json({"surefoot": "schedule", "version": 1, "schedule": {"name": "then", "parts": []}})


def test_the_factory_knows_the_textbook_strategies():
    curve = (0.1 * s.strategy("step_decay")).bind(3000, steps_per_epoch=100)
    assert [curve(t) for t in (999, 1000, 2000)] == [0.1, 0.05, 0.025]
    assert (0.1 * s.strategy("exponential_decay")).bind(300, steps_per_epoch=10)(29) == pytest.approx(0.1 * 0.9**2)
    assert s.strategy("cosine_annealing", end=0.1) == s.cosine(end=0.1)
    assert s.strategy("reduce_on_plateau").patience == 5
    with pytest.raises(ValueError, match="Did you mean 'step_decay'"):
        s.strategy("step_decai")
    assert issubclass(ScheduleError, UsageError)
