"""Adam, with AMSGrad and decoupled weight decay (AdamW) as options."""

from typing import Any, ClassVar, Literal

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_ratio_, add_square_, decay, decay_coefficients, divide_, scale_
from surefoot.optimizers.rule import Clip, Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Adam(Rule):
    """Adaptive moments: m ← β₁·m + (1 - β₁)·g, v ← β₂·v + (1 - β₂)·g², p ← p - lr·m̂/(√v̂ + ε).

    With m̂ = m/(1 - β₁ᵗ) and v̂ = v/(1 - β₂ᵗ), which undo the start from zero.

    Parameters:
        lr: the step; beta1, beta2: β₁, β₂; eps: ε.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled` (AdamW), p ← (1 - lr·λ)·p before the update.
        amsgrad: the largest v so far in the place of v.
        form: where ε stands. "torch" is the above; "keras" is ε-hat, p ← p - lr·√(1 - β₂ᵗ)/(1 - β₁ᵗ)·m/(√v + ε),
            with which small gradients take far smaller first steps; "optax" is "torch" but for amsgrad, where it takes
            the largest v̂ instead of the largest v.

    Raises RecipeError out of range; betas lie below 1.

    >>> str(Adam(beta2=0.99)), str(Adam(decoupled=True, weight_decay=0.1))
    ('adam(beta2=0.99)', 'adamw(weight_decay=0.1)')

    Kingma, Ba 2015, "Adam: a method for stochastic optimization"; Reddi, Kale, Kumar 2018, "On the convergence of Adam
    and beyond" (amsgrad); Loshchilov, Hutter 2019, "Decoupled weight decay regularization" (AdamW).
    """

    name: ClassVar[str] = "adam"
    below_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(1e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    amsgrad: bool = False
    decoupled: bool = False
    form: Literal["torch", "keras", "optax"] = "torch"

    def init(self, p: Tensor, h: Coefficients) -> State:
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if self.amsgrad else [])]
        return {name: torch.zeros_like(p) for name in names}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        beta1, beta2 = h["beta1"], h["beta2"]
        correction1, root2 = 1 - beta1**t, (1 - beta2**t) ** 0.5
        step, root = (h["lr"] * root2 / correction1, 1.0) if self.form == "keras" else (h["lr"] / correction1, root2)
        c = decay_coefficients(h, self.decoupled) | {"1-beta1": 1 - beta1, "beta2": beta2, "1-beta2": 1 - beta2}
        if self._corrects_first:
            c, root = c | {"correction2": 1 - beta2**t}, 1.0
        return c | {"root": root, "eps": h["eps"], "step": -step}

    @property
    def _corrects_first(self) -> bool:
        return self.amsgrad and self.form == "optax"

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        m = s["exp_avg"].lerp_(g, c["1-beta1"])
        v = add_square_(scale_(s["exp_avg_sq"], c["beta2"]), g, c["1-beta2"])
        if self._corrects_first:
            v = v / c["correction2"]
        if self.amsgrad:
            v = torch.maximum(s["max_exp_avg_sq"], v, out=s["max_exp_avg_sq"])
        d = divide_(v.sqrt(), c["root"]).add_(c["eps"])
        return add_ratio_(p, m, d, c["step"]), s

    def __str__(self) -> str:
        return self.show("adamw", adamw()) if self.decoupled else super().__str__()


def adamw(
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
    form: Literal["torch", "keras", "optax"] = "torch",
    clip_norm: float = 0,
    clip_value: float = 0,
    ema: float = 0,
    clip: Clip = "torch",
) -> Adam:
    """Adam with decoupled weight decay: `adam(decoupled=True, weight_decay=0.01)`.

    >>> adamw() == Adam(decoupled=True, weight_decay=0.01)
    True
    """
    return Adam(
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        amsgrad=amsgrad,
        decoupled=True,
        form=form,
        clip_norm=clip_norm,
        clip_value=clip_value,
        ema=ema,
        clip=clip,
    )
