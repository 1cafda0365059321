"""Adafactor: Adam whose second moments of a matrix are kept as a row and a column."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.ops import Coefficient, add_, scale_, where, wide, widest
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class Adafactor(Rule):
    """Steps in the size of the weights: u = g/√v, p ← p - α·u/max(1, rms(u)/d), α = max(ε₂, rms(p))·min(lr, 1/√t).

    v is a running mean of g² with the memory β₂ = 1 - t^decay; for a matrix, the product of its rows' and its columns'
    means over the mean of all.

    Parameters:
        lr: the largest relative step; beta2_decay: the exponent of t, below 0; d: the largest rms of u.
        eps1: ε₁, the least of v. 0: that of the number type. "torch" clamps v at ε₁², "keras" and "optax" add ε₁ to g².
        eps2: ε₂, the least scale of the weights.
        weight_decay: λ, p ← (1 - lr·λ)·p; in "optax" p ← (1 - λ)·p.
        relative_step: False has lr in the place of min(lr, 1/√t).
        scale_parameter: False has 1 in the place of max(ε₂, rms(p)).
        form: "torch" and "keras" factor the last two dimensions, "optax" the two largest.
        min_dim: a tensor is factored where both dimensions are at least so large.

    Raises RecipeError out of range.

    >>> str(Adafactor(lr=0.1, relative_step=False))
    'adafactor(lr=0.1, relative_step=False)'

    Shazeer, Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost".
    """

    name: ClassVar[str] = "adafactor"
    elementwise: ClassVar[bool] = False
    signed: ClassVar[tuple[str, ...]] = ("beta2_decay",)
    lr: float = real(1e-2)
    beta2_decay: float = real(-0.8)
    eps1: float = real(0)
    eps2: float = real(1e-3)
    d: float = real(1.0)
    weight_decay: float = real(0)
    relative_step: bool = True
    scale_parameter: bool = True
    form: Literal["torch", "keras", "optax"] = "torch"
    min_dim: int = 0

    def check(self, name: str, value: float) -> None:
        super().check(name, value)
        if name == "beta2_decay" and value > 0:
            raise RecipeError("beta2_decay of adafactor must be 0 at most", received=value, remedy="write -0.8")
        if name == "d" and value < 1 and self.form == "torch":
            raise RecipeError("d of adafactor must be 1 at least", received=value)

    def init(self, p: Tensor, h: Coefficients) -> State:
        if (pair := self._factored(p)) is None:
            return {"variance": torch.zeros_like(p)}
        return {name: torch.zeros_like(p.sum(dim, keepdim=True)) for name, dim in zip(NAMES, pair, strict=True)}

    def _factored(self, p: Tensor) -> tuple[int, int] | None:
        """The dimension that rows are the means over, and that of columns; None where v is held whole."""
        if p.ndim < 2:
            return None
        order = np.argsort(p.shape, kind="stable") if self.form == "optax" else range(p.ndim)
        column, row = int(order[-2]), int(order[-1])
        return (row, column) if min(p.shape[row], p.shape[column]) >= self.min_dim else None

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        lr, inverse = h["lr"], 1 / (t**0.5)
        step = where(lr < inverse, lr, inverse) if self.relative_step else lr
        shrink = 1 - (1.0 if self.form == "optax" else lr) * h["weight_decay"]
        c = {"eps1": h["eps1"], "eps2": h["eps2"], "d": h["d"], "step": -step, "shrink": shrink}
        return c | {"take": (t * 1.0) ** h["beta2_decay"]}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        if self.form == "keras":
            scale_(p, c["shrink"])
        step = self._scale(p, c)
        if self.form != "keras":
            scale_(p, c["shrink"])
        u = self._normalised(g, s, c)
        size = u.norm(2).to(widest(u.device))
        excess = (size / (wide(c["d"], size) * u.numel() ** 0.5)).clamp(min=1.0)
        return add_(p, u, (step / excess).to(p.dtype)), s

    def _scale(self, p: Tensor, c: Coefficients) -> Tensor:
        size = p.norm(2).to(widest(p.device)) / (p.numel() ** 0.5)  # wide from the norm on, as torch's loop has it
        least = wide(c["eps2"], size)
        return wide(c["step"], size) * (torch.maximum(least, size) if self.scale_parameter else torch.ones_like(size))

    def _normalised(self, g: Tensor, s: State, c: Coefficients) -> Tensor:
        least = _least(c["eps1"], g)
        pair, clamped = self._factored(g), self.form == "torch"
        if pair is None:
            v = s["variance"].lerp_(g * g if clamped else (g * g).add_(least), c["take"])
            return (v.clamp(min=least * least) if clamped else v).rsqrt().mul_(g)
        _, column = pair
        for name, dim in zip(NAMES, pair, strict=True):
            # The mean square without a temporary of the size of g, as torch has it.
            mean = torch.norm(g, dim=dim, keepdim=True).square().div_(g.size(dim))
            s[name].lerp_(mean if clamped else mean.add_(least), c["take"])
        mean = s["row_var"].mean(dim=column, keepdim=True)
        if not clamped:
            return (s["row_var"] / mean).mul(s["col_var"]).rsqrt_().mul_(g)
        v = (s["row_var"] @ s["col_var"]).div_(mean.clamp_(min=least))
        return v.clamp_(min=least * least).rsqrt_().mul_(g)


NAMES = ("row_var", "col_var")


def _least(eps: Coefficient, g: Tensor) -> Any:
    smallest = torch.finfo(g.dtype).eps
    return torch.where(eps == 0, smallest, eps) if isinstance(eps, Tensor) else eps or smallest
