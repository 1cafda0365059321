"""An expression written out as Python code: for plain numbers, and for the arrays of JAX and Keras."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.schedules.expression import Expression, Value

LONGEST = 120  # characters of one line's expression; what is longer gets a name


@frozen(eq=False)
class Dialect:
    """How a library writes the operations that Python has no sign for."""

    name: str
    calls: Mapping[str, str]  # operation → template
    lazy: bool = False  # only the side of a `where` that is taken is evaluated

    def constant(self, value: float) -> str:
        return self.calls.get("constant", "{0}").format(_number(value))


_SIGNS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "{0} ** {1}",
    "at_least": "{0} >= {1}",
    "factor": "factors[{0}]",
}


def _library(name: str, module: str, **others: str) -> Dialect:
    functions = ("cos", "exp", "log", "sqrt", "tanh", "floor", "ceil")
    calls = {each: f"{module}.{each}({{0}})" for each in functions}
    calls |= {each: f"{module}.{each}({{0}}, {{1}})" for each in ("minimum", "maximum")}
    calls |= {"where": f"{module}.where({{0}}, {{1}}, {{2}})", "constant": f"{module}.full_like(t, {{0}})"}
    # Of numbers alone a library would make its default type: torch.where(c, 0.1, 0.5) is float32.
    return Dialect(name, _SIGNS | calls | {"factor": f"{module}.full_like(t, factors[{{0}}])"} | others)


PYTHON = Dialect(
    "python",
    _SIGNS
    | {each: f"math.{each}({{0}})" for each in ("cos", "exp", "log", "sqrt", "tanh", "floor", "ceil")}
    | {"minimum": "{0} if {0} < {1} else {1}", "maximum": "{0} if {0} > {1} else {1}"},
    lazy=True,
)
JAX = _library("jax", "jnp")
# Keras's own minimum, maximum, floor and ceil turn float64 into float32 on torch; signs and where do not.
KERAS = _library(
    "keras",
    "ops",
    minimum="ops.where({0} < {1}, {0}, {1})",
    maximum="ops.where({0} > {1}, {0}, {1})",
    floor="({0}) // 1",
    ceil="-(-({0}) // 1)",
)


def function(expression: Value, dialect: Dialect) -> str:
    """The source of a function `value` of t (and of `factors`, where there are reactive pieces).

    Raises ScheduleError for what is drawn step by step, which no code of one function says.
    """
    factors = ", factors" if any(part.op == "factor" for part in parts(expression)) else ""
    return f"def value(t{factors}):\n{_body(expression, dialect, {})}\n"


def compiled(expression: Value, dialect: Dialect = PYTHON, **names: Any) -> Callable[..., Any]:
    """`function` as a function of (t, factors). The source is made of numbers and of the names above only."""
    draws = {part.args[0] for part in parts(expression) if part.op == "drawn"}
    named = {draw: f"draw{i}" for i, draw in enumerate(draws)}
    space: dict[str, Any] = {"math": math, "inf": math.inf, "nan": math.nan, **names}
    space |= {text: draw for draw, text in named.items()}
    exec(compile(f"def value(t, factors=()):\n{_body(expression, dialect, named)}", "<schedule>", "exec"), space)
    made: Callable[..., Any] = space["value"]
    return made


def _body(expression: Value, dialect: Dialect, draws: Mapping[Any, str]) -> str:
    uses = Counter(arg for part in parts(expression) for arg in part.args if _is(arg))
    writer = _Writer(dialect, uses, draws)
    writer.finish(expression)
    return "\n".join(writer.lines)


def parts(expression: Value) -> list[Expression]:
    """Every different expression in it, inner ones first."""
    found: dict[Expression, None] = {}

    def visit(x: Any) -> None:
        if isinstance(x, Expression) and x not in found:
            for arg in x.args:
                visit(arg)
            found[x] = None

    visit(expression)
    return list(found)


@define
class _Writer:
    """Writes statements; what is used more than once, or is long, gets a name."""

    dialect: Dialect
    uses: Counter[Expression]
    draws: Mapping[Any, str] = field(factory=dict)
    lines: list[str] = field(factory=list)
    named: dict[Expression, str] = field(factory=dict)
    depth: int = 1
    count: int = 0

    def write(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def branch(self, line: str) -> Iterator[None]:
        """Statements under `line`; names given there are not known after it."""
        self.write(line)
        outer, self.named, self.depth = self.named, dict(self.named), self.depth + 1
        yield
        self.named, self.depth = outer, self.depth - 1

    def finish(self, x: Value) -> None:
        """Writes the return of a value."""
        if self.dialect.lazy and _is(x, "where"):
            condition, yes, no = x.args  # type: ignore[union-attr]
            with self.branch(f"if {self.text(condition, inner=False)}:"):
                self.finish(yes)
            self.finish(no)
        else:
            value = self.text(x, inner=False) if isinstance(x, Expression) else self.dialect.constant(x)
            self.write(f"return {value}")

    def text(self, x: Value, inner: bool = True) -> str:
        """The text of a value; in parentheses where it stands inside another."""
        if not isinstance(x, Expression):
            return _number(x) if x >= 0 or not inner else f"({_number(x)})"
        if x.op == "t":
            return "t"
        if x in self.named:
            return self.named[x]
        if self.dialect.lazy and x.op == "where":
            return self.lazy(x)
        text = self.operation(x)
        if self.uses[x] > 1 or len(text) > LONGEST:
            return self.name(x, text)
        plain = x.op == "factor" or (text.endswith(")") and text[0].isalpha() and x.op not in _SIGNS)
        return text if (plain and not _is(x, "minimum", "maximum")) or not inner else f"({text})"

    def operation(self, x: Expression) -> str:
        if x.op == "drawn":
            if x.args[0] not in self.draws:
                raise ScheduleError(
                    "no single function gives this schedule: it draws a value for every step",
                    received=str(x.args[0]),
                    remedy="use the schedule through Surefoot's adapter for the framework",
                )
            return f"{self.draws[x.args[0]]}({self.text(x.args[1], inner=False)})"
        template = self.dialect.calls[x.op]
        signs = x.op in _SIGNS
        texts = [self.text(arg, inner=signs) for arg in x.args]
        if x.op in ("minimum", "maximum"):
            texts = [self.atom(arg, text) for arg, text in zip(x.args, texts, strict=True)]
        if x.op in ("where", "minimum", "maximum") and not self.dialect.lazy:
            last = len(x.args) - 1
            for i, arg in enumerate(x.args):
                if not isinstance(arg, Expression) and (i == last or x.op != "where"):
                    texts[i] = self.dialect.constant(arg)
        return template.format(*texts)

    def atom(self, x: Value, text: str) -> str:
        return text if not _is(x) or text.isidentifier() else self.name(x, text)

    def lazy(self, x: Expression) -> str:
        name = f"v{self.count}"
        self.count += 1
        self.assign(name, x)
        self.named[x] = name
        return name

    def assign(self, name: str, x: Value) -> None:
        if not _is(x, "where") or x in self.named:
            self.write(f"{name} = {self.text(x, inner=False)}")
            return
        condition, yes, no = x.args  # type: ignore[union-attr]
        with self.branch(f"if {self.text(condition, inner=False)}:"):
            self.assign(name, yes)
        with self.branch("else:"):
            self.assign(name, no)

    def name(self, x: Any, text: str) -> str:
        name = f"v{self.count}"
        self.count += 1
        self.write(f"{name} = {text}")
        self.named[x] = name
        return name


def _is(x: Any, *ops: str) -> bool:
    return isinstance(x, Expression) and (not ops or x.op in ops)


def _number(x: float) -> str:
    return repr(x) if isinstance(x, int | float) else repr(float(x))
