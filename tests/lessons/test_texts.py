"""The two languages say the same: the same tables and pictures, the glossary's terms, no rendering to avoid."""

import re
from pathlib import Path

import pytest
import yaml
from attrs import evolve

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


def formulas(name, lang):
    """The equations in a text's code blocks, without what is said beside them."""
    blocks = re.findall(r"^```\n(.*?)^```", source(name, lang), re.S | re.M)
    parts = [part.strip() for block in blocks for part in re.split(r"\n|\s{4,}", block)]
    ordinary = re.compile(r"[\u4e00-\u9fff]|[a-z]{3,}(?!\.)")
    return [part for part in parts if re.search(r"[=←√≤]", part) and not ordinary.search(part)]


@pytest.mark.parametrize("name", [name for name in LESSONS if name not in ("batches", "parameters", "experiment")])
def test_equations_are_the_same(name):
    assert formulas(name, "en") == formulas(name, "zh")


# The comparison tables as the documents have them.
DECAYS = """
equal intervals | fixed steps | simple | large data, simpler tasks | intuitive, easy to debug | large jumps may pass the optimum
given intervals | stated steps | fairly simple | tasks that need steady training | easy to debug, steady | may fall too fast and stall early
exponential | smooth | more to set | precise training, avoiding too fast convergence | smooth, stable | its parameter is harder to tune
"""  # noqa: E501
OPTIMIZERS = """
SGD | simple | slow, oscillates on hard problems | simple tasks, stable features
Momentum | faster, damps oscillation where curvature is high | momentum set by hand; may overshoot | non-stationary problems, deep learning
AdaGrad | adapts per parameter, sparse data | the rate only falls, may stall | sparse data: text, recommendation
RMSprop | cures AdaGrad's stall | hyperparameters; may be too aggressive | non-stationary objectives
Adam | both, adaptive and steady | more hyperparameters; may fluctuate | most deep learning
"""  # noqa: E501


def test_the_comparison_tables_are_the_documents():
    english, chinese = source("annealing", "en"), source("annealing", "zh")
    for row in (DECAYS + OPTIMIZERS).strip().split("\n"):
        assert not row or f"| {row} |" in english
    for row in (
        "| 等间隔 | 固定步 | 简单 | 数据量大、较简单的任务 | 直观，易调试 | 跳变大，可能越过最优点 |",
        "| 指定间隔 | 指定步 | 较简单 | 需要平稳训练的任务 | 易调试，平稳 | 可能降得太快，过早停滞 |",
        "| 指数 | 平滑 | 要设的更多 | 精细训练，避免收敛过快 | 平滑，稳定 | 参数较难调 |",
        "| SGD | 简单 | 慢，在困难问题上震荡 | 简单任务、特征稳定 |",
        "| 动量 | 更快，在曲率大处抑制震荡 | 动量要手工设；可能冲过头 | 非平稳问题、深度学习 |",
        "| AdaGrad | 每个参数自适应，稀疏数据 | 学习率只降不升，可能停滞 | 稀疏数据：文本、推荐 |",
        "| RMSprop | 解决 AdaGrad 的停滞 | 有超参数；可能过于激进 | 非平稳目标 |",
        "| Adam | 兼有两者，自适应而稳定 | 超参数较多；可能波动 | 多数深度学习 |",
    ):
        assert row in chinese


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


def test_json_has_numbers_and_no_functions():
    found = {"n": 1, "rule": abs, "inner": [{"f": abs, "x": 0.5}]}
    assert evolve(learn("averages"), found=found).to_json()["numbers"] == {"n": 1, "inner": [{"x": 0.5}]}
