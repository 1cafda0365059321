"""RMSprop: steps divided by a running root mean square of the gradient."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import (
    add_,
    add_ratio_,
    add_square_,
    decay,
    decay_coefficients,
    kept,
    root,
    scale_,
    used,
    where,
)
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class RMSprop(Rule):
    """Steps divided by a running root mean square: v ← alpha·v + (1 - alpha)·g², p ← p - lr·g/(√v + ε).

    Parameters:
        lr: the step; alpha: the memory of v; eps: ε, inside the root with `eps_inside` (Keras): √(v + ε).
        momentum: μ. Above 0, b ← μ·b + g/(√v + ε), p ← p - lr·b; `lr_inside_momentum` (Keras) has b ← μ·b + lr·g/√…,
            p ← p - b. A momentum of 0 leaves the buffer alone.
        centered: divides by the running deviation, √(v - a²) with a ← alpha·a + (1 - alpha)·g. As in torch v - a² has
            no floor: on a constant gradient it may round below zero, and the root is then NaN.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update, as in Keras.

    Raises RecipeError out of range.

    >>> str(RMSprop(alpha=0.9))
    'rmsprop(alpha=0.9)'

    Hinton 2012, "Neural networks for machine learning", lecture 6e; Graves 2013, "Generating sequences with recurrent
    neural networks" (centered).
    """

    name: ClassVar[str] = "rmsprop"
    lr: float = real(1e-2)
    alpha: float = real(0.99)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    momentum: float = real(0)
    centered: bool = False
    eps_inside: bool = False
    lr_inside_momentum: bool = False
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        names = ["square_avg"]
        names += ["momentum_buffer"] if used(h["momentum"]) else []
        names += ["grad_avg"] if self.centered else []
        return {name: torch.zeros_like(p) for name in names}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        lr, alpha, mu = h["lr"], h["alpha"], h["momentum"]
        take, from_buffer = (lr, -1.0) if self.lr_inside_momentum else (1.0, -lr)
        off = mu == 0
        return decay_coefficients(h, self.decoupled) | {
            "alpha": alpha,
            "1-alpha": 1 - alpha,
            "eps": h["eps"],
            "momentum": mu,
            "keep": where(off, 1.0, mu),
            "take": where(off, 0.0, take),
            "from_buffer": where(off, 0.0, from_buffer),
            "from_gradient": where(off, -lr, 0.0),
        }

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        v = add_square_(scale_(s["square_avg"], c["alpha"]), g, c["1-alpha"])
        if self.centered:
            a = s["grad_avg"].lerp_(g, c["1-alpha"])
            v = v.addcmul(a, a, value=-1)
        d = root(v, c["eps"], self.eps_inside)
        if used(c["momentum"]):
            b = add_ratio_(scale_(kept(s, "momentum_buffer", p), c["keep"]), g, d, c["take"])
            add_(p, b, c["from_buffer"])
            if not used(c["from_gradient"]):
                return p, s
        return add_ratio_(p, g, d, c["from_gradient"]), s
