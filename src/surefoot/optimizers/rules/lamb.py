"""LAMB: Adam whose step in every layer is a share of the layer's weights."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add, add_, add_square_, decay_coefficients, divide_, scale_
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class LAMB(Rule):
    """Adam with a trust ratio: u = m̂/(√v̂ + ε) + λ·p, p ← p - lr·(‖p‖/‖u‖)·u, norms over each parameter tensor.

    The ratio is 1 where either norm is 0. m̂ and v̂ are Adam's.

    Parameters:
        lr: the step, as a share of the tensor's norm; beta1, beta2: β₁, β₂; eps: ε.
        weight_decay: λ, within the ratio as above; `decoupled` (Keras), p ← (1 - lr·λ)·p before the update.

    Raises RecipeError out of range; betas lie below 1.

    >>> str(LAMB(weight_decay=0.01))
    'lamb(weight_decay=0.01)'

    You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes".
    """

    name: ClassVar[str] = "lamb"
    elementwise: ClassVar[bool] = False
    below_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(1e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-6)
    weight_decay: float = real(0)
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        beta1, beta2 = h["beta1"], h["beta2"]
        c = decay_coefficients(h, self.decoupled) | {"1-beta1": 1 - beta1, "beta2": beta2, "1-beta2": 1 - beta2}
        return c | {"correction1": 1 - beta1**t, "root": (1 - beta2**t) ** 0.5, "eps": h["eps"], "step": -h["lr"]}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        scale_(p, c["shrink"])
        m = s["exp_avg"].lerp_(g, c["1-beta1"])
        v = add_square_(scale_(s["exp_avg_sq"], c["beta2"]), g, c["1-beta2"])
        u = m.div(c["correction1"]).div_(divide_(v.sqrt(), c["root"]).add_(c["eps"]))
        u = add(u, p, c["l2"])
        weights, step = torch.linalg.vector_norm(p), torch.linalg.vector_norm(u)
        trust = torch.where((weights > 0) & (step > 0), weights / step, torch.ones_like(step))
        return add_(p, u, trust * c["step"]), s
