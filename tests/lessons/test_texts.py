"""The two languages say the same: the same tables and pictures, the glossary's terms, no rendering to avoid."""

import re
from pathlib import Path

import pytest
import yaml

import surefoot
from surefoot.lessons import LESSONS, learn, lesson_named
from surefoot.lessons.lesson import write_up

LESSON_DIR = Path(surefoot.__file__).parent / "lessons"
GLOSSARY = yaml.safe_load((LESSON_DIR / "glossary.yaml").read_text(encoding="utf-8"))
FAST = {
    "annealing": {"train_epochs": 2},
    "batches": {"train_epochs": 1},
    "experiment": {"epochs": 2},
}
# Words that are something else in ordinary sentences ("by weight", "a step too far").
AMBIGUOUS = {"batch", "step", "run", "horizon", "minimum", "task", "update", "plateau", "bias", "interval", "schedule"}


def source(name, lang):
    return (LESSON_DIR / "texts" / lang / f"{name}.md").read_text(encoding="utf-8")


def words_of(text):
    """A text without code, tags of Jinja, and links."""
    return re.sub(r"```.*?```|`[^`]*`|\{[{%#].*?[}%#]\}", " ", text, flags=re.S)


@pytest.mark.parametrize("name", LESSONS)
def test_both_languages_show_the_same(name):
    calls = [re.findall(r"\{\{ (?:table|picture)\(\"\w+\"\) \}\}", source(name, lang)) for lang in ("en", "zh")]
    assert calls[0] == calls[1] != []
    heads = [re.findall(r"^#+ ", source(name, lang), re.M) for lang in ("en", "zh")]
    assert heads[0] == heads[1]
    code = [re.findall(r"^```python\n(.*?)```", source(name, lang), re.S | re.M) for lang in ("en", "zh")]
    assert code[0] == code[1]


@pytest.mark.parametrize("name", LESSONS)
def test_a_term_has_its_chinese_twin(name):
    english, chinese = words_of(source(name, "en")).lower(), words_of(source(name, "zh"))
    for entry in GLOSSARY:
        if entry["en"] in AMBIGUOUS:
            continue
        if re.search(rf"(?<![\w-]){re.escape(entry['en'])}(s|es)?\b", english):
            assert entry["zh"] in chinese, f"{entry['en']} → {entry['zh']}"
        for word in entry["avoid"]:
            assert word not in chinese, f"{word}: write {entry['zh']}"


@pytest.mark.parametrize("name", LESSONS)
def test_chinese_has_no_english_sentence_left(name):
    """Labels, headings and sentences are Chinese; names, code and symbols stay."""
    lesson = lesson_named(name)(**FAST.get(name, {}))
    found = lesson.run()
    text = words_of(write_up(lesson, found, "zh").source)
    left = re.findall(r"(?:\b[a-z]{2,}\b[ ,]+){3,}[a-z]{2,}", text)
    assert left == []
    english = write_up(lesson, found, "en")
    assert not re.search(r"[\u4e00-\u9fff]", english.source)
    assert list(english.pictures) == list(write_up(lesson, found, "zh").pictures)


@pytest.mark.parametrize("name", ["descent", "averages", "backprop", "momentum", "adagrad", "rmsprop", "adam"])
def test_a_lesson_repeats_itself(name):
    assert learn(name).text() == learn(name).text()


def test_axes_are_labelled():
    for name in LESSONS:
        lesson = lesson_named(name)(**FAST.get(name, {}))
        for picture in write_up(lesson, lesson.run()).pictures.values():
            assert picture.alt
            for panel in picture.panels:
                assert panel.title, name
                assert panel.x, name
                assert panel.y, name


SLIPS = {
    "averages": ("*decay of the learning rate* a moving average", "指数衰减*说成移动平均"),
    "annealing": (
        "gamma has no default, and `verbose=` is gone",
        "gamma 没有默认值，torch 的调度器也已没有",
    ),
    "adagrad": ("counts from t.", "从 t 算起。"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slips_are_put_right(name):
    for lang, said in zip(("en", "zh"), SLIPS[name], strict=True):
        quotes = [line for line in source(name, lang).split("\n") if line.startswith(">")]
        assert any(said in line for line in quotes), lang
    assert "cut off" in source("annealing", "en")
    assert "不完整" in source("annealing", "zh")
