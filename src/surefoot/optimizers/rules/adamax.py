"""Adamax: Adam with the largest gradient in the place of their mean square."""

from typing import Any, ClassVar, Literal

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_ratio_, decay, decay_coefficients, scale_
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Adamax(Rule):
    """Steps divided by a fading maximum: u ← max(β₂·u, |g| + ε), p ← p - lr·m̂/u, with m̂ as Adam's.

    Parameters:
        lr: the step; beta1, beta2: β₁, β₂; eps: ε.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update.
        form: where ε stands. "torch" (and optax) is the above; "keras" is u ← max(β₂·u, |g|), p ← p - lr·m̂/(u + ε).

    Raises RecipeError out of range; betas lie below 1.

    >>> str(Adamax(lr=0.01))
    'adamax(lr=0.01)'

    Kingma, Ba 2015, "Adam: a method for stochastic optimization", section 7.
    """

    name: ClassVar[str] = "adamax"
    below_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(2e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    decoupled: bool = False
    form: Literal["torch", "keras"] = "torch"

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"exp_avg": torch.zeros_like(p), "exp_inf": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        c = decay_coefficients(h, self.decoupled) | {"1-beta1": 1 - h["beta1"], "beta2": h["beta2"], "eps": h["eps"]}
        return c | {"step": -(h["lr"] / (1 - h["beta1"] ** t))}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        m = s["exp_avg"].lerp_(g, c["1-beta1"])
        size, inside = g.abs(), self.form == "torch"
        u = torch.maximum(scale_(s["exp_inf"], c["beta2"]), size.add_(c["eps"]) if inside else size, out=s["exp_inf"])
        return add_ratio_(p, m, u if inside else u + c["eps"], c["step"]), s
