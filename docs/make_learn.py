"""Makes docs/learn/ from the lessons, by running them: python docs/make_learn.py [LESSON...]

A page for each lesson in each language, its pictures, the list of lessons, and the glossary.
"""

import re
import sys
from pathlib import Path

import yaml

from surefoot.core.language import LANGUAGES
from surefoot.lessons import LESSONS, lesson_named
from surefoot.lessons.lesson import Taught, write_up

HERE = Path(__file__).parent / "learn"
GLOSSARY = Path(__file__).parent.parent / "src" / "surefoot" / "lessons" / "glossary.yaml"
# Those whose numbers are the same on every machine: no training whose sums a processor rounds in its own way, no times.
EXACT = ("descent", "backprop", "averages", "momentum", "adagrad", "rmsprop", "adam")
BY = "python docs/make_learn.py"
MADE = {
    "en": f"*Made by running `surefoot learn {{name}}`: {BY}. [中文](../zh/{{name}}.md) · [all lessons](../README.md)*",
    "zh": f"*由 `surefoot learn {{name}} --lang zh` 生成：{BY}。[English](../en/{{name}}.md) · [目录](../README.md)*",
}
INDEX = """# Worked examples · 实例课程

Each runs in seconds, prints its numbers step by step and draws its pictures: `surefoot learn NAME`, with `--lang zh` in
Chinese, with `--out page.html` as a page. Every number is a parameter: `surefoot learn NAME --help`.

每课几秒钟运行完，逐步打印数字并画图：`surefoot learn NAME --lang zh`；加 `--out page.html` 生成网页。
每个数都是参数：`surefoot learn NAME --help`。

| | English | 中文 |
| :-- | :-- | :-- |
{rows}

The terms: [glossary](glossary.md) · 术语：[术语表](glossary.md)
"""
TERMS = """# Glossary · 术语表

One term in each language, the same wherever Surefoot speaks. · 每种语言一个术语，处处一致。

| English | 中文 | not · 不用 |
| :-- | :-- | :-- |
{rows}
"""


def page(taught: Taught) -> str:
    """A lesson as a page, its pictures in files beside it."""
    name, lang = taught.lesson.name, taught.lang

    def file(match: re.Match[str]) -> str:
        return f"![{match[1]}](../images/{picture(name, match[2], lang)})"

    source = re.sub(r"!\[(.*?)\]\((\w+)\)", file, taught.source)
    source = re.sub(r"\n{3,}", "\n\n", source).strip()
    title, _, rest = source.partition("\n")
    return f"{title}\n\n{MADE[lang].format(name=name)}\n{rest}\n"


def picture(lesson: str, name: str, lang: str) -> str:
    """The file of a picture."""
    return f"{lesson}-{name}.{lang}.svg"


def title(name: str, lang: str) -> str:
    """A lesson's heading."""
    return (HERE / lang / f"{name}.md").read_text(encoding="utf-8").split("\n")[0][2:]


def index() -> str:
    rows = (
        f"| {i} | [{title(n, 'en')}](en/{n}.md) | [{title(n, 'zh')}](zh/{n}.md) |" for i, n in enumerate(LESSONS, 1)
    )
    return INDEX.format(rows="\n".join(rows))


def glossary() -> str:
    terms = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))
    return TERMS.format(rows="\n".join(f"| {t['en']} | {t['zh']} | {'、'.join(t['avoid'])} |" for t in terms))


def make(names: list[str]) -> None:
    for lang in LANGUAGES:
        (HERE / lang).mkdir(parents=True, exist_ok=True)
    (HERE / "images").mkdir(exist_ok=True)
    for name in names:
        lesson = lesson_named(name)()
        found = lesson.run()  # once: both languages tell of the same numbers
        for lang in LANGUAGES:
            taught = write_up(lesson, found, lang)
            (HERE / lang / f"{name}.md").write_text(page(taught), encoding="utf-8")
            for part in taught.pictures:
                file = HERE / "images" / picture(name, part, lang)
                file.write_text(str(taught.drawing(part)) + "\n", encoding="utf-8")
        print(name)
    (HERE / "README.md").write_text(index(), encoding="utf-8")
    (HERE / "glossary.md").write_text(glossary(), encoding="utf-8")


if __name__ == "__main__":
    make(sys.argv[1:] or list(LESSONS))
