"""Any class of torch optimizer as a rule: another package's, or one of the user's own."""

import contextlib
import inspect
import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor
from torch.optim import Optimizer

from surefoot.core.errors import RecipeError, brief, did_you_mean
from surefoot.core.text import number, show_value
from surefoot.optimizers.found import REMEDY, imported, path_of
from surefoot.optimizers.rule import AROUND, Clip, Coefficients, Hyper, Numbers, Rule, State, real

NEEDED = inspect.Parameter.empty
Option = float | int | bool | str | None | tuple[Any, ...]


@frozen(kw_only=True)
class TorchClass(Rule):
    """An optimizer made by a class: `torch_class` makes it.

    Its hyperparameters are lr and the numbers among the constructor's arguments that the class keeps in its parameter
    groups; `options` are the arguments that are not the class's defaults. Its models are trained one by one: it has no
    `update`. Raises RecipeError for a class that cannot be used so.
    """

    name: ClassVar[str] = "torch_class"
    elementwise: ClassVar[bool] = False
    stackable: ClassVar[bool] = False
    path: str
    options: tuple[tuple[str, Option], ...] = ()
    lr: float = real(0)

    def __attrs_post_init__(self) -> None:
        for name, value in self.hyper.items():
            self.check(name, value)

    @property
    def kind(self) -> Any:
        """The class itself."""
        return imported(self.path)

    @property
    def hyper(self) -> dict[str, float]:
        """lr, the class's own numbers, and those that every rule has."""
        numbers = {name: float(value) for name, value in self._numbers.items()}
        return {"lr": self.lr} | numbers | {name: getattr(self, name) for name in AROUND if name != "clip"}

    @property
    def _numbers(self) -> dict[str, float]:
        return dict(_numbers(self.kind, self.options))

    @property
    def structure(self) -> tuple[object, ...]:
        numbers = self._numbers
        return (self.name, self.path, tuple(pair for pair in self.options if pair[0] not in numbers), self.clip)

    def check(self, name: str, value: float) -> None:
        if name in ("lr", *AROUND) or name not in self.hyper:
            super().check(name, value)
        elif number(value) is None:
            raise RecipeError(f"{name} of {self.path} must be a finite number", received=value)

    def arguments(self, hyper: Hyper) -> dict[str, Any]:
        """What the groups hold of `hyper`: whole numbers stay whole where the class has whole numbers."""
        numbers = self._numbers
        own = {name: _as(numbers[name], value) for name, value in hyper.items() if name in numbers}
        return {"lr": hyper["lr"]} | own

    def make(self, params: Iterable[Any], hyper: Hyper) -> Optimizer:
        """The optimizer; one that has modes is in that of training. Raises RecipeError where the class refuses."""
        return _made(self.kind, params, dict(self.options) | self.arguments(hyper))

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        return dict(h)

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        what = f"{self.path} updates one model at a time: rows of it cannot be stacked"
        raise RecipeError(what, remedy="train it with the loop trainer: trainer='loop'")

    def __str__(self) -> str:
        usual = {"lr": _defaults(self.kind)["lr"], **dict.fromkeys(AROUND, 0.0), "clip": "torch"}
        own = dict(self.options) | {name: getattr(self, name) for name in usual}
        changed = [f"{name}={show_value(v)}" for name, v in own.items() if name not in usual or v != usual[name]]
        return f"torch_class({', '.join([repr(self.path), *changed])})"


def torch_class(
    kind: str | type[Optimizer],
    /,
    *,
    clip_norm: float = 0,
    clip_value: float = 0,
    ema: float = 0,
    clip: Clip = "torch",
    **arguments: Any,
) -> TorchClass:
    """A rule that is an optimizer class of torch's kind, with arguments by the names of its constructor.

    Parameters: `kind`, the class, or where it is, "package.Class" or "module:Class": the module is imported, which runs
    its code. `clip_norm`, `clip_value`, `clip`, `ema` as for every rule; the others go to the class. Raises RecipeError
    where the class cannot be found, where its constructor is not of the form Class(params, lr=..., ...), and where it
    cannot make an update by itself.

    >>> rule = torch_class(torch.optim.Rprop, lr=0.1)
    >>> print(rule)
    torch_class('torch.optim.rprop:Rprop', lr=0.1)
    >>> rule.hyper["lr"]
    0.1
    """
    path = kind if isinstance(kind, str) else path_of(kind)
    found: Any = imported(path)
    usual = _defaults(found)
    for name in arguments:
        if name not in usual:
            raise RecipeError(f"{path} has no argument {name!r}", remedy=did_you_mean(name, usual))
    needed = [name for name, value in usual.items() if value is NEEDED and name not in arguments]
    if needed:
        remedy = f"give what is a number or a text; for the rest {REMEDY}"
        raise RecipeError(f"{path} needs {', '.join(needed)}", received=sorted(arguments), remedy=remedy)
    given = {name: _option(path, name, value, usual[name]) for name, value in arguments.items()}
    lr = given.pop("lr", usual["lr"])
    options = tuple(sorted((name, v) for name, v in given.items() if not _same(v, usual[name])))
    _numbers(found, options)  # tries it
    return TorchClass(path=path, options=options, lr=lr, clip_norm=clip_norm, clip_value=clip_value, ema=ema, clip=clip)


@contextmanager
def evaluating(optimizer: Optimizer) -> Iterator[None]:
    """Inside, a model has the weights that it is to be measured with, where its optimizer has modes for that.

    Calls `eval()` of the optimizer before and `train()` after where it has both, as schedule-free ones do.
    """
    modes = _has_modes(optimizer)
    if modes:
        optimizer.eval()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if modes:
            optimizer.train()  # type: ignore[attr-defined]


def _has_modes(optimizer: Optimizer) -> bool:
    return all(callable(getattr(optimizer, mode, None)) for mode in ("train", "eval"))


@lru_cache
def _defaults(kind: Any) -> dict[str, Any]:
    """The constructor's arguments behind params: their defaults, or NEEDED. Raises RecipeError where there is no lr."""
    where = f"{kind.__module__}.{kind.__qualname__}"
    every = list(inspect.signature(kind).parameters.values())
    named = [p for p in every if p.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)]
    usual = {p.name: p.default for p in named[1:]}
    if "lr" not in usual:
        raise RecipeError(f"{where} takes no lr, so that nothing could be scheduled or compared", remedy=REMEDY)
    if number(usual["lr"]) is None:
        usual["lr"] = 1e-3
    steps = list(inspect.signature(kind.step).parameters.values())[1:]
    if any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in steps):
        what = f"{where} asks for the loss again within an update (a closure), which a trainer does not give"
        raise RecipeError(what, remedy="choose an optimizer whose step() needs no argument")
    return usual


def _numbers(kind: Any, options: tuple[tuple[str, Option], ...]) -> tuple[tuple[str, float], ...]:
    """The constructor's numbers that are kept in the groups, besides lr; tries an update on a small matrix."""
    return _found_numbers(kind, options, tuple(type(value) for _, value in options))


@lru_cache
def _found_numbers(
    kind: Any, options: tuple[tuple[str, Option], ...], types: tuple[type, ...]
) -> tuple[tuple[str, float], ...]:
    # `types`: 1, 1.0 and True are one key to a cache.
    p = torch.nn.Parameter(torch.ones(2, 2))
    p.grad = torch.full_like(p, 0.1)
    silent = contextlib.redirect_stdout(io.StringIO())
    with silent, warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("ignore")
        optimizer = _made(kind, [p], dict(options))
        try:
            optimizer.step()
        except Exception as wrong:  # whatever the class raises
            what = f"an update of {kind.__module__}.{kind.__qualname__} failed: {brief(wrong)}"
            raise RecipeError(what, remedy="choose an optimizer whose step() needs gradients alone") from wrong
    kept = optimizer.param_groups[0]
    every = _defaults(kind) | dict(options)
    return tuple((n, v) for n, v in every.items() if n != "lr" and n in kept and number(v) is not None)


def _made(kind: Any, params: Iterable[Any], arguments: dict[str, Any]) -> Optimizer:
    try:
        optimizer: Optimizer = kind(params, **({"lr": _defaults(kind)["lr"]} | arguments))
    except Exception as wrong:  # whatever the class raises
        what = f"{kind.__module__}.{kind.__qualname__} refuses its arguments or parameters: {brief(wrong)}"
        raise RecipeError(what, received=arguments) from wrong
    if _has_modes(optimizer):
        optimizer.train()  # type: ignore[attr-defined]
    return optimizer


def _option(path: str, name: str, value: object, usual: object) -> Option:
    if isinstance(value, list | tuple):
        return tuple(_option(path, name, item, None) for item in value)
    if isinstance(value, float | int) and number(value) is None and not isinstance(value, bool):
        raise RecipeError(f"{name} of {path} must be a finite number", received=value, remedy="leave it out")
    if isinstance(usual, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    what = f"{name} of {path} must be a number, a text, True, False, None or a list of them"
    raise RecipeError(what, received=value, remedy="make a subclass whose default it is")


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _as(usual: float, value: float) -> float:
    return int(value) if isinstance(usual, int) and float(value).is_integer() else value
