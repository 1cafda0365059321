"""Adagrad: a rate for each parameter that falls with the gradients it has seen."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_ratio_, add_square_, decay, decay_coefficients, root
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Adagrad(Rule):
    """Steps divided by the root of all past squares: s ← s + g², p ← p - lr_t·g/(√s + ε), lr_t = lr/(1 + (t - 1)·η).

    Parameters:
        lr: the step; eps: ε, inside the root with `eps_inside` (Keras): √(s + ε).
        lr_decay: η, counted from t = 1.
        initial_accumulator_value: s before the first update.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update, as in Keras.

    Raises RecipeError out of range.

    >>> str(Adagrad(lr=0.1))
    'adagrad(lr=0.1)'

    Duchi, Hazan, Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization".
    """

    name: ClassVar[str] = "adagrad"
    lr: float = real(1e-2)
    lr_decay: float = real(0)
    weight_decay: float = real(0)
    initial_accumulator_value: float = real(0)
    eps: float = real(1e-10)
    eps_inside: bool = False
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"sum": torch.zeros_like(p).add_(h["initial_accumulator_value"])}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        step = -h["lr"] / (1 + (t - 1) * h["lr_decay"])
        return decay_coefficients(h, self.decoupled) | {"eps": h["eps"], "step": step}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        total = add_square_(s["sum"], g, 1.0)
        return add_ratio_(p, g, root(total, c["eps"], self.eps_inside), c["step"]), s
