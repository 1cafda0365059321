"""Gradient descent, with and without momentum."""

from typing import Any, ClassVar, Literal

import torch
from attrs import frozen
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.ops import add, add_, decay, decay_coefficients, kept, scale_, used, where
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class SGD(Rule):
    """Gradient descent with momentum: b ← μ·b + (1 - τ)·g from b₁ = g₁, then p ← p - lr·b.

    Parameters:
        lr: the step per unit of gradient.
        momentum, dampening: μ and τ. A momentum of 0 leaves the buffer alone: p ← p - lr·g.
        weight_decay: λ. Coupled, g ← g + λ·p; `decoupled`, p ← (1 - lr·λ)·p before the update, as in Keras.
        nesterov: looks ahead, p ← p - lr·(g + μ·b).
        form: what the buffer holds. "heavy-ball" is the above (torch); "average" is b ← μ·b + (1 - μ)·g from zero;
            "average-first" the same from b₁ = g₁ (torch: dampening = momentum); "keras" has the rate inside,
            v ← μ·v - lr·g, p ← p + v, with nesterov p ← p + μ·v - lr·g: when lr changes, old steps keep theirs.

    Raises RecipeError out of range; as in torch, nesterov needs momentum above 0 and no dampening.

    >>> str(SGD(lr=0.1, momentum=0.9))
    'sgd(lr=0.1, momentum=0.9)'

    Polyak 1964, "Some methods of speeding up the convergence of iteration methods"; Sutskever et al. 2013, "On the
    importance of initialization and momentum in deep learning".
    """

    name: ClassVar[str] = "sgd"
    lr: float = real(1e-3)
    momentum: float = real(0)
    dampening: float = real(0)
    weight_decay: float = real(0)
    nesterov: bool = False
    form: Literal["heavy-ball", "average", "average-first", "keras"] = "heavy-ball"
    decoupled: bool = False

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.nesterov and self.form in ("average", "average-first"):
            raise RecipeError("nesterov is defined for heavy-ball and keras momentum", received=self.form)

    def check(self, name: str, value: float) -> None:
        super().check(name, value)
        heavy = self.form == "heavy-ball"
        if name == "momentum" and value == 0 and self.nesterov and heavy:
            raise RecipeError("nesterov needs a momentum above 0", received=value, remedy="write momentum=0.9")
        if name == "momentum" and value > 1 and not heavy:
            raise RecipeError(f"momentum of form {self.form!r} may be 1 at most", received=value)
        if name == "dampening" and value != 0 and not heavy:
            raise RecipeError("dampening belongs to form 'heavy-ball'", received=value, remedy="leave it out")
        if name == "dampening" and value != 0 and self.nesterov:
            raise RecipeError("nesterov needs a dampening of 0", received=value, remedy="leave it out")

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"momentum_buffer": torch.zeros_like(p)} if used(h["momentum"]) else {}

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        lr, mu = h["lr"], h["momentum"]
        ahead, from_buffer, from_gradient = 0.0, 0.0, 0.0
        if self.form == "keras":
            take = -lr
            from_buffer, from_gradient = (mu, -lr) if self.nesterov else (1.0, 0.0)
        else:
            take = 1 - (h["dampening"] if self.form == "heavy-ball" else mu)
            if self.form != "average":
                take = where(t == 1, 1.0, take)  # b₁ = g₁, undamped: the buffer is still zero
            ahead, from_buffer, from_gradient = (mu, 0.0, -lr) if self.nesterov else (0.0, -lr, 0.0)
        off = mu == 0
        return decay_coefficients(h, self.decoupled) | {
            "momentum": mu,
            "keep": where(off, 1.0, mu),
            "take": where(off, 0.0, take),
            "ahead": where(off, 0.0, ahead),
            "from_buffer": where(off, 0.0, from_buffer),
            "from_gradient": where(off, -lr, from_gradient),
        }

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        g = decay(p, g, c)
        if used(c["momentum"]):
            b = add_(scale_(kept(s, "momentum_buffer", p), c["keep"]), g, c["take"])
            if used(c["from_buffer"]) or not self.nesterov:
                add_(p, b, c["from_buffer"])
            if not (used(c["from_gradient"]) or self.nesterov):
                return p, s
            g = add(g, b, c["ahead"])
        return add_(p, g, c["from_gradient"]), s
