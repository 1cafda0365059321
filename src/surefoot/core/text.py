"""The text form of schedules and optimizers: calls, numbers, lists and three operators. Nothing is executed.

`read` turns text into plain nodes; whoever owns the names (schedules, optimizers) turns nodes into objects.
The grammar is a corner of Python's own, so Python's parser reads it; hostile text is bounded before that.
"""

import ast
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from attrs import NOTHING, Attribute, frozen

from surefoot.core.errors import UsageError
from surefoot.core.units import Length

LONGEST = 10_000  # characters; a schedule that people read has a few hundred
DEEPEST = 50  # nested calls and lists


@frozen
class Call:
    """`name(*args, **kwargs)`."""

    name: str
    args: tuple["Node", ...]
    kwargs: Mapping[str, "Node"]


@frozen
class Operation:
    """`left >> right`, `left * right` or `left + right`."""

    symbol: str
    left: "Node"
    right: "Node"


Node = float | int | str | bool | None | list["Node"] | Call | Operation

_OPERATORS: dict[type[ast.operator], str] = {ast.RShift: ">>", ast.Mult: "*", ast.Add: "+", ast.Sub: "-", ast.Div: "/"}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "*": lambda a, b: a * b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "/": lambda a, b: a / b,
}


def read(text: str, error: type[UsageError] = UsageError) -> Node:
    """The nodes of an expression; arithmetic between numbers is done on the way.

    Raises `error` for text that is not such an expression, with the place where it stops making sense.

    >>> read("0.1 * cosine(end=1/4)")
    Operation(symbol='*', left=0.1, right=Call(name='cosine', args=(), kwargs={'end': 0.25}))
    """
    if len(text) > LONGEST:
        raise error(f"the expression is longer than {LONGEST} characters", received=f"{len(text)} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # 5ep without quotes is told as an error below
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as wrong:
        where = f" at character {wrong.offset}" if wrong.offset else ""
        raise error(f"cannot read the expression{where}: {wrong.msg}", received=_short(text), remedy=_EXAMPLE) from None
    except (RecursionError, MemoryError, ValueError) as wrong:
        raise error(f"cannot read the expression: {wrong or 'nested too deeply'}", received=_short(text)) from None
    try:
        return _node(tree, text, error, DEEPEST)
    except RecursionError:
        raise error("the expression has too many parts", received=_short(text)) from None


_EXAMPLE = "write it like: 0.1 * (warmup('5%') >> cosine())"


def _node(tree: ast.expr, text: str, error: type[UsageError], depth: int) -> Node:
    def inner(sub: ast.expr) -> Node:
        return _node(sub, text, error, depth - 1)

    def refuse(what: str) -> UsageError:
        return error(f"{what} at character {tree.col_offset + 1}", received=_short(text), remedy=_EXAMPLE)

    if depth == 0:
        raise error(f"the expression is nested more than {DEEPEST} deep", received=_short(text))
    match tree:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negated = inner(operand)
            if isinstance(negated, int | float):
                return -negated
            raise refuse("only a number can have a minus sign")
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [inner(item) for item in items]
        case ast.Name(id=name):
            return Call(name, (), {})
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return Call(f"{owner}.{name}", (), {})
        case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name()) as function, args=args, keywords=keywords):
            names = [word.arg for word in keywords]
            if None in names:
                raise refuse("** is not part of the language")
            if len(set(names)) < len(names):
                raise refuse("an argument is given twice")
            kwargs = {str(word.arg): inner(word.value) for word in keywords}
            called = _node(function, text, error, depth)
            return Call(called.name, tuple(inner(arg) for arg in args), kwargs)  # type: ignore[union-attr]
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            first, second = (_node(side, text, error, depth) for side in (left, right))  # long is not deep
            return _operation(_OPERATORS[type(op)], first, second, refuse)
    raise refuse("this is not part of the language")


def _operation(symbol: str, left: Node, right: Node, refuse: Callable[[str], UsageError]) -> Node:
    if isinstance(left, int | float) and isinstance(right, int | float) and symbol in _ARITHMETIC:
        try:
            return _ARITHMETIC[symbol](left, right)
        except (ZeroDivisionError, OverflowError) as wrong:
            raise refuse(str(wrong)) from None
    if symbol in "-/":
        raise refuse(f"{symbol!r} works between numbers only")
    return Operation(symbol, left, right)


def show_call(name: str, thing: object) -> str:
    """`name(first, other=value)` of an attrs instance: the first field by position, the others by name, no defaults."""
    shown = []
    for position, field in enumerate(attributes(type(thing))):
        value = getattr(thing, field.name)
        if not field.init or value == _default(field):
            continue
        shown.append(show_value(value) if position == 0 else f"{field.name}={show_value(value)}")
    return f"{name}({', '.join(shown)})"


def show_value(value: object) -> str:
    """A value as `read` takes it back."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(show_value(item) for item in value) + "]"
    if isinstance(value, bool | int | float | str | None):
        return repr(value)
    text = str(value)
    if not isinstance(value, Length):
        return text  # a schedule inside another
    return text if text.isdecimal() else repr(text)  # whole steps bare, other units quoted


def number(value: object) -> float | None:
    """The finite number that `value` is, or None; True and False are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def number_of(text: str) -> float | None:
    """The finite number that a text is, or None."""
    try:
        return number(float(text))
    except ValueError:
        return None


def attributes(kind: type) -> tuple["Attribute[Any]", ...]:
    """The attributes of an attrs class."""
    return tuple(kind.__attrs_attrs__)  # type: ignore[attr-defined]


def _default(field: "Attribute[Any]") -> object:
    default = field.default
    return default if field.converter is None or default is NOTHING else field.converter(default)  # type: ignore[operator, unused-ignore]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
