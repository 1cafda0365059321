"""Lion: steps of one size, in the direction that momentum and gradient agree on."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import add_, decay_coefficients, scale_
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Lion(Rule):
    """The sign of the momentum: p ← p - lr·sign(β₁·m + (1 - β₁)·g), then m ← β₂·m + (1 - β₂)·g.

    Parameters:
        lr: how far each number moves, 3 to 10 times smaller than Adam's; beta1, beta2: β₁, β₂.
        weight_decay: λ, p ← (1 - lr·λ)·p before the update, in every library; 3 to 10 times larger than AdamW's.

    Raises RecipeError out of range; betas are 1 at most.

    >>> str(Lion(weight_decay=0.1))
    'lion(weight_decay=0.1)'

    Chen et al. 2023, "Symbolic discovery of optimization algorithms".
    """

    name: ClassVar[str] = "lion"
    up_to_one: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    lr: float = real(1e-4)
    beta1: float = real(0.9)
    beta2: float = real(0.99)
    weight_decay: float = real(0)

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"exp_avg": torch.zeros_like(p)}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        c = {"1-beta1": 1 - h["beta1"], "1-beta2": 1 - h["beta2"], "step": -h["lr"]}
        return c | {"shrink": decay_coefficients(h, decoupled=True)["shrink"]}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        m = s["exp_avg"]
        add_(scale_(p, c["shrink"]), m.lerp(g, c["1-beta1"]).sign_(), c["step"])
        m.lerp_(g, c["1-beta2"])
        return p, s
