"""The contract of a lesson: parameters, numbers, tables and pictures of them; the words are in `texts/`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import attrs
import jinja2
import numpy as np
from attrs import frozen

from surefoot.core.errors import UsageError
from surefoot.core.language import Words, words
from surefoot.core.text import number
from surefoot.report.document import Document
from surefoot.report.picture import Picture

VERSION = 1  # of the JSON form


@frozen
class Table:
    """Headings and cells as they are shown. Columns of numbers stand to the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table in Markdown."""
        right = [all(_is_number(row[i]) for row in self.rows) for i in range(len(self.headings))]
        lines = [self.headings, ["--:" if numbers else ":--" for numbers in right], *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


class Lesson(ABC):
    """A worked example. Subclasses are frozen attrs classes: their fields are the parameters, made by `parameter`.

    `run` computes; `tables` and `pictures` show what it found; `texts/en/NAME.md` and `texts/zh/NAME.md` say what it
    means: Jinja with `n`, what was found, `p`, the parameters, `table(name)` and `picture(name)`.
    """

    name: ClassVar[str]

    @abstractmethod
    def run(self) -> Any:
        """The numbers, as an attrs class or a mapping."""

    def tables(self, found: Any, _: Words, /) -> Mapping[str, Table]:
        """The tables that the text names."""
        return {}

    def pictures(self, found: Any, _: Words, /) -> Mapping[str, Picture]:
        """The pictures that the text names, in their order."""
        return {}

    def live(self, found: Any, _: Words, /) -> Mapping[str, str]:
        """Drawings that move, as HTML, by the name of the picture that they stand before on a page."""
        return {}


def parameter(
    default: Any, help: str, *, low: float = -math.inf, high: float = math.inf, choices: Sequence[str] = ()
) -> Any:
    """A field of a lesson: a number or a list of them from `low` to `high`, or one or several of the `choices`."""

    def check(owner: Lesson, attribute: attrs.Attribute[Any], value: Any) -> None:
        for each in value if isinstance(value, tuple) else (value,):
            _checked(f"{attribute.name} of {owner.name}", each, isinstance(default, int), low, high, choices)
        if value == ():
            raise UsageError(f"{attribute.name} of {owner.name} needs one value at least", received=[])

    several = isinstance(default, tuple)
    meta = {"help": help, "choices": tuple(choices)}
    return attrs.field(default=default, converter=_tuple if several else None, validator=check, metadata=meta)


def _tuple(given: Any) -> Any:
    return tuple(given) if isinstance(given, list | tuple | np.ndarray) else (given,)


def _checked(what: str, value: Any, whole: bool, low: float, high: float, choices: Sequence[str]) -> None:
    if choices:
        if value not in choices:
            raise UsageError(f"{what} must be of: {', '.join(choices)}", received=value)
        return
    given = number(value)
    if given is None or not low <= given <= high or (whole and not isinstance(value, int)):
        reach = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise UsageError(
            f"{what} must be a {'whole ' * whole}number{'' if low == -math.inf else ' ' + reach}", received=value
        )


@frozen(eq=False, repr=False)
class Taught(Document):
    """A lesson that was run: a document with its numbers, `found`."""

    lesson: Lesson = attrs.field(kw_only=True)
    found: Any = attrs.field(kw_only=True)

    def relabelled(self, _: Words, /) -> Mapping[str, Picture]:
        return self.lesson.pictures(self.found, _)

    def to_json(self) -> dict[str, Any]:
        """The parameters and the numbers as plain data (docs/json.md)."""
        head = {"surefoot": "lesson", "version": VERSION, "lesson": self.lesson.name, "lang": self.lang}
        parameters = attrs.asdict(self.lesson)  # type: ignore[arg-type]
        return head | {"parameters": _plain(parameters), "numbers": _plain(self.found)}


def teach(lesson: Lesson, lang: str = "en") -> Taught:
    """Runs a lesson and writes it up."""
    return write_up(lesson, lesson.run(), lang)


def write_up(lesson: Lesson, found: Any, lang: str = "en") -> Taught:
    """What a lesson found, in a language."""
    _ = words(lang)
    tables, pictures = lesson.tables(found, _), lesson.pictures(found, _)
    source = text_of(lesson.name, lang).render(
        n=found,
        p=lesson,
        _=_,
        table=lambda name: tables[name].markdown(),
        picture=lambda name: f"![{pictures[name].alt}]({name})",
    )
    return Taught(lang, source, pictures, lesson.live(found, _), lesson=lesson, found=found)


@cache
def templates() -> jinja2.Environment:
    """The texts of the lessons; what is HTML is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("surefoot.lessons", "texts"),
        autoescape=jinja2.select_autoescape(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"g": significant, "signed": lambda value: f"{value:+.4g}"}
    return made


def text_of(name: str, lang: str) -> jinja2.Template:
    """The text of a lesson."""
    return templates().get_template(f"{lang}/{name}.md")


def significant(value: float, digits: int = 4) -> str:
    """So many significant digits, without trailing zeros: 0.1, 3.142, 1.2e-07."""
    return f"{value:.{digits}g}"


def columns(rows: Sequence[Sequence[Any]], *formats: str | Callable[[Any], str]) -> list[list[str]]:
    """Rows of cells, each column in its format."""
    made = [f.format if isinstance(f, str) else f for f in formats]
    return [[show(cell) for show, cell in zip(made, row, strict=True)] for row in rows]


def _is_number(cell: str) -> bool:
    return cell in ("", "–", "∞") or number_like(cell)


def number_like(cell: str) -> bool:
    """Whether a cell shows a number, with a unit or without."""
    try:
        float(cell.replace(",", "").replace("−", "-").removesuffix("%").strip())
    except ValueError:
        return False
    return True


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        value = {each.name: getattr(value, each.name) for each in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if not callable(each)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
