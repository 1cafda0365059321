"""Adadelta: steps in the unit of the parameter."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_, add_square_, decay, decay_coefficients, root, scale_
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Adadelta(Rule):
    """Steps as large as past steps: v ← ρ·v + (1 - ρ)·g², Δ = g·√(u + ε)/√(v + ε), u ← ρ·u + (1 - ρ)·Δ², p ← p - lr·Δ.

    Parameters:
        lr: the share of Δ that is taken, 1 in the paper; rho: ρ; eps: ε, which also sets the first steps.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update, as in Keras and optax.

    Raises RecipeError out of range; rho is 1 at most.

    >>> str(Adadelta(rho=0.95))
    'adadelta(rho=0.95)'

    Zeiler 2012, "ADADELTA: an adaptive learning rate method".
    """

    name: ClassVar[str] = "adadelta"
    up_to_one: ClassVar[tuple[str, ...]] = ("rho",)
    lr: float = real(1.0)
    rho: float = real(0.9)
    eps: float = real(1e-6)
    weight_decay: float = real(0)
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"square_avg": torch.zeros_like(p), "acc_delta": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        c = {"rho": h["rho"], "1-rho": 1 - h["rho"], "eps": h["eps"], "step": -h["lr"]}
        return decay_coefficients(h, self.decoupled) | c

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        v = add_square_(scale_(s["square_avg"], c["rho"]), g, c["1-rho"])
        delta = root(s["acc_delta"], c["eps"], inside=True).div_(root(v, c["eps"], inside=True)).mul_(g)
        add_square_(scale_(s["acc_delta"], c["rho"]), delta, c["1-rho"])
        return add_(p, delta, c["step"]), s
