"""NAdam: Adam that looks ahead."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_ratio_, add_square_, decay, decay_coefficients, ratio, scale_, widest
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class NAdam(Rule):
    """Adam with Nesterov's momentum: p ← p - lr·(μ_{t+1}·m/(1 - Πμ_{t+1}) + (1 - μ_t)·g/(1 - Πμ_t))/(√v̂ + ε).

    With m, v̂ as Adam's, μ_t = β₁·(1 - ½·0.96^(t·ψ)) and Πμ_t the product of the first t of them.

    Parameters:
        lr: the step; beta1, beta2: β₁, β₂; eps: ε.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update.
        momentum_decay: ψ, how fast μ rises from β₁/2 to β₁: 0.004 in torch, 1 in Keras.
        momentum_schedule: False (optax) has μ_t = β₁ throughout.

    As in torch the product is kept in float32, without the schedule in float64. Raises RecipeError out of range; betas
    lie below 1.

    >>> str(NAdam(momentum_decay=1))
    'nadam(momentum_decay=1.0)'

    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    name: ClassVar[str] = "nadam"
    elementwise: ClassVar[bool] = False  # the product belongs to a row
    below_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(2e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    momentum_decay: float = real(4e-3)
    momentum_schedule: bool = True
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        wide = not self.momentum_schedule or torch.get_default_dtype() == torch.float64
        product = torch.ones((), dtype=widest(p.device) if wide else torch.float32, device=p.device)
        return {"mu_product": product, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        lr, beta1, beta2, psi = h["lr"], h["beta1"], h["beta2"], h["momentum_decay"]
        mu = mu_next = beta1
        if self.momentum_schedule:
            mu, mu_next = (beta1 * (1.0 - 0.5 * (0.96 ** (step * psi))) for step in (t, t + 1))
        c = decay_coefficients(h, self.decoupled) | {"1-beta1": 1 - beta1, "beta2": beta2, "1-beta2": 1 - beta2}
        c |= {"correction2": 1 - beta2**t, "eps": h["eps"], "mu": mu, "mu_next": mu_next}
        return c | {"from_gradient": -lr * (1.0 - mu), "from_average": -lr * mu_next}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g, product, mu = decay(p, g, c), s["mu_product"], c["mu"]
        product.mul_(mu.to(product.dtype) if isinstance(mu, Tensor) else mu)
        m = s["exp_avg"].lerp_(g, c["1-beta1"])
        v = add_square_(scale_(s["exp_avg_sq"], c["beta2"]), g, c["1-beta2"])
        d = v.div(c["correction2"]).sqrt().add_(c["eps"])
        past = product.to(widest(product.device))
        add_ratio_(p, g, d, ratio(c["from_gradient"], 1.0 - past).to(p.dtype))
        return add_ratio_(p, m, d, ratio(c["from_average"], 1.0 - past * c["mu_next"]).to(p.dtype)), s
