"""The contract of an optimizer rule, in the words of the papers.

A rule is split where exactness asks for it. `coefficients` works on the host in float64, once a step and row (1 - β₁ᵗ,
η/(1 - β₁ᵗ), ...); `update` works on tensors with those coefficients, rounded once. The same `update` serves one model,
whose coefficients are floats, and a population, where a coefficient that differs between rows is a tensor that
broadcasts along them.

A row's numbers never depend on the rows beside it: what a row does not use (its weight decay is 0, its momentum is off)
reaches it as a coefficient under which the operation gives its argument back, bit for bit.

Clipping and the average of the weights are alike for all rules: what applies a rule does them around `update`, with the
scalars that `scalars` gives beside the rule's own (`around.py`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from attrs import field, fields, frozen
from torch import Tensor

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.text import number, show_value
from surefoot.optimizers.ops import Coefficient, where

if TYPE_CHECKING:
    from attrs import Attribute

Hyper = Mapping[str, float]  # lr, momentum, beta1, ...: float64, of one row
Numbers = Mapping[str, Any]  # the same, or arrays of them for many steps and rows
State = dict[str, Tensor]  # of one parameter; named as torch.optim names it (exp_avg, momentum_buffer, ...)
Coefficients = Mapping[str, Coefficient]  # of one step, for one row or for all rows of a population
Clip = Literal["torch", "keras", "keras-each", "optax"]

MOST = 1e30  # beyond it float32 overflows in the coefficients, where torch raises instead of diverging


def real(default: float) -> Any:
    """A numeric hyperparameter; whole numbers become floats, so that equal rules have equal text."""
    return field(default=default, converter=lambda value: value if number(value) is None else float(value))


@frozen(kw_only=True)
class Rule(ABC):
    """An optimizer: numbers that may differ from row to row (`hyper`) and choices that may not (`structure`).

    Rules are frozen, comparable and hashable attrs classes: float fields are the hyperparameters, the others choices.
    `str` gives the text that `parse` reads back. Raises RecipeError for a value out of range.

    Every rule has:
        clip_value: v; each number of the gradients is brought into [-v, v] before the update. 0: as it is.
        clip_norm: c; where the norm of all of a model's gradients is above c they are scaled down to it. 0: as it is.
            Where both are given the values come first, so that the norm holds in the end.
        clip: how the norm is clipped. "torch": g·min(1, c/(norm + 1e-6)); "keras" (`global_clipnorm`): without the
            1e-6; "optax" (`clip_by_global_norm`): (g/norm)·c, and gradients of a smaller norm are left as they are;
            "keras-each" (`clipnorm`): each parameter's gradient by its own norm, g·c/max(norm, c).
        ema: d; a model is measured with the average e ← d·e + (1 - d)·p after each update, e₁ = p₁. 0: with p itself.

    Classes say: `elementwise`, whether a number's update depends on nothing but that number's own past (else `update`
    is written for one row, and what lifts the rule applies it row by row); `stackable`, whether rows can be stacked;
    `below_one`, `up_to_one`, `signed`, which hyperparameters lie below 1, are 1 at most, may be negative.
    """

    name: ClassVar[str]
    elementwise: ClassVar[bool] = True
    stackable: ClassVar[bool] = True
    below_one: ClassVar[tuple[str, ...]] = ()
    up_to_one: ClassVar[tuple[str, ...]] = ()
    signed: ClassVar[tuple[str, ...]] = ()

    clip_norm: float = real(0)
    clip_value: float = real(0)
    ema: float = real(0)
    clip: Clip = "torch"

    def __attrs_post_init__(self) -> None:
        for spec in specs(type(self)):
            value = getattr(self, spec.name)
            if spec.type is float:
                self.check(spec.name, value)
            elif spec.type is int:
                if type(value) is not int or value < 0:
                    raise RecipeError(f"{spec.name} of {self.name} must be a whole number from 0", received=value)
            elif not any(type(value) is type(choice) and value == choice for choice in _choices(spec.type)):
                known = " or ".join(map(repr, _choices(spec.type)))
                raise RecipeError(f"{spec.name} of {self.name} must be {known}", received=value)

    @property
    def hyper(self) -> dict[str, float]:
        """The numeric hyperparameters and their values, `lr` first, those that every rule has last."""
        return {spec.name: getattr(self, spec.name) for spec in specs(type(self)) if spec.type is float}

    @property
    def structure(self) -> tuple[object, ...]:
        """What decides the sequence of operations; rows of equal structure can be updated together."""
        return (self.name, *(getattr(self, spec.name) for spec in specs(type(self)) if spec.type is not float))

    def filled(self, values: Hyper) -> dict[str, float]:
        """The rule's hyperparameters with `values` in their place. Raises RecipeError for a bad name or value."""
        for name, value in values.items():
            self.check(name, value)
        return self.hyper | {name: float(value) for name, value in values.items()}

    def check(self, name: str, value: float) -> None:
        """Raises RecipeError where hyperparameter `name` may not have this value."""
        if name not in self.hyper:
            raise RecipeError(f"{self.name} has no hyperparameter {name!r}", remedy=did_you_mean(name, self.hyper))
        least = -MOST if name in self.signed else 0
        if (real_value := number(value)) is None or not least <= real_value <= MOST:
            raise RecipeError(
                f"{name} of {self.name} must be a finite number from {least:g} to {MOST:g}", received=value
            )
        if real_value >= 1 and name in ("ema", *self.below_one):
            raise RecipeError(f"{name} of {self.name} must lie below 1", received=value)
        if real_value > 1 and name in self.up_to_one:
            raise RecipeError(f"{name} of {self.name} must be 1 at most", received=value)

    @abstractmethod
    def init(self, p: Tensor, h: Coefficients) -> State:
        """The state before the first update of parameter `p` with hyperparameters `h`."""

    @abstractmethod
    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        """The scalars of update number `t` = 1, 2, ... in float64: floats, or arrays where `h` or `t` has arrays."""

    @abstractmethod
    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        """`p` and `s` after one update with gradient `g`, written in place; `g` is left as it is."""

    def scalars(self, h: Numbers, t: Any) -> dict[str, Any]:
        """`coefficients`, and those of clipping and the average: `clip_norm` and `clip_value` are ∞ where they are off,
        `ema` is 0; `ema_take` is what the average takes of the weights, all of them after the first update."""
        limits = {name: where(h[name] == 0, math.inf, h[name]) for name in ("clip_norm", "clip_value")}
        d = h["ema"]
        take = where(t == 1, 1.0, 1 - d) if isinstance(d, np.ndarray) or d != 0 else 1.0
        return self.coefficients(h, t) | limits | {"ema": d, "ema_take": take}

    def evaluated(self, p: Tensor, s: State, h: Coefficients) -> Tensor:
        """The weights that a model is measured with: the average where there is one, else `p` itself.

        Parameters: `p` and `s` after an update; `h`, its hyperparameters or coefficients, which broadcast along rows.
        """
        return s.get("ema", p)

    def __str__(self) -> str:
        return self.show(self.name, type(self)())

    def show(self, name: str, default: "Rule") -> str:
        """`name(field=value, ...)`, without the fields that equal `default`'s."""
        pairs = ((spec.name, getattr(self, spec.name)) for spec in specs(type(self)))
        changed = [f"{key}={show_value(value)}" for key, value in pairs if value != getattr(default, key)]
        return f"{name}({', '.join(changed)})"


AROUND = tuple(spec.name for spec in fields(Rule))  # what no rule's `update` knows


def specs(kind: type[Rule]) -> "list[Attribute[Any]]":
    """A rule's fields, those that every rule has last."""
    return sorted(fields(kind), key=lambda spec: spec.inherited)


def _choices(kind: Any) -> tuple[object, ...]:
    return (False, True) if kind is bool else get_args(kind)
