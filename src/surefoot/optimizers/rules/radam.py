"""RAdam: Adam that waits until it knows the spread of its gradients."""

from typing import Any, ClassVar, Literal

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_square_, decay, decay_coefficients, divide_, scale_, where
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real

LEAST = 5.0  # gradients' worth of memory from which their spread is trusted


@frozen(kw_only=True)
class RAdam(Rule):
    """Rectified Adam: p ← p - lr·m̂·r_t·√(1 - β₂ᵗ)/(√v + ε) once ρ_t > 5, before that p ← p - lr·m̂.

    With ρ_∞ = 2/(1 - β₂) - 1, ρ_t = ρ_∞ - 2t·β₂ᵗ/(1 - β₂ᵗ), r_t = √((ρ_t-4)(ρ_t-2)ρ_∞/((ρ_∞-4)(ρ_∞-2)ρ_t)).

    Parameters:
        lr: the step; beta1, beta2: β₁, β₂; eps: ε.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update.
        form: where ε stands. "torch" is the above; "optax" has √v̂ + ε, and rectifies from ρ_t = 5 on.

    Raises RecipeError out of range; betas lie below 1.

    >>> str(RAdam(decoupled=True, weight_decay=0.1))
    'radam(weight_decay=0.1, decoupled=True)'

    Liu et al. 2020, "On the variance of the adaptive learning rate and beyond".
    """

    name: ClassVar[str] = "radam"
    below_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(1e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    decoupled: bool = False
    form: Literal["torch", "optax"] = "torch"

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        beta1, beta2 = h["beta1"], h["beta2"]
        correction2 = 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        now = most - 2 * t * (beta2**t) / correction2
        known = now > LEAST if self.form == "torch" else now >= LEAST
        most, now = where(known, most, 6.0), where(known, now, 6.0)  # any number for which what follows is defined
        rectify = ((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)) ** 0.5
        top, root = (correction2**0.5, 1.0) if self.form == "torch" else (1.0, correction2**0.5)
        return decay_coefficients(h, self.decoupled) | {
            "1-beta1": 1 - beta1,
            "beta2": beta2,
            "1-beta2": 1 - beta2,
            "correction1": 1 - beta1**t,
            "lr": h["lr"],
            "eps": h["eps"],
            "root": root,
            "top": top,
            "known": where(known, 1.0, 0.0),
            "rectify": where(known, rectify, 1.0),
        }

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        m = s["exp_avg"].lerp_(g, c["1-beta1"])
        v = add_square_(scale_(s["exp_avg_sq"], c["beta2"]), g, c["1-beta2"])
        step, known = (m / c["correction1"]) * c["lr"], c["known"]
        if isinstance(known, Tensor) or known:
            adaptive = divide_(v.sqrt(), c["root"]).add_(c["eps"]).reciprocal() * c["top"]
            if isinstance(known, Tensor):
                adaptive = torch.where(known > 0, adaptive, torch.ones_like(adaptive))
            step = step * adaptive * c["rectify"]
        return p.sub_(step), s
