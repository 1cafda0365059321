"""Muon: for matrices, a step of the same size in every direction; AdamW for all else."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from attrs import frozen
from torch import Tensor

from surefoot.optimizers.ops import Coefficient, add_, scale_
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real
from surefoot.optimizers.rules.adam import Adam
from surefoot.optimizers.rules.nadam import NAdam

COMPANION = ("beta1", "beta2", "eps", "weight_decay")


@frozen(kw_only=True)
class Muon(Rule):
    """Orthogonalised momentum: b ← μ·b + (1 - μ)·g, p ← (1 - lr·λ)·p - lr·s·NS((1 - μ)·g + μ·b).

    NS brings all singular values near 1 by Newton-Schulz steps X ← a·X + (b·A + c·A²)·X, A = X·Xᵀ, from X/‖X‖. It is
    for parameters of two dimensions; the others have AdamW with numbers of their own. Embeddings and the last layer,
    which its authors leave to AdamW too, are matrices here like any other.

    Parameters:
        lr, momentum, weight_decay, eps: lr, μ, λ, and the least ‖X‖; ns_a, ns_b, ns_c: a, b, c; ns_steps: how many.
        nesterov: False orthogonalises b itself.
        adjust: s. "original", √max(1, rows/columns); "rms", rms_rate·√max(rows, columns), for rates like AdamW's;
            "none", 1.
        form: "torch" is the above; "keras" has b ← μ·b + g, g + μ·b, ‖X‖ + ε; "optax" corrects the start from zero,
            (1 - μ)·g/(1 - μᵗ) + μ·b/(1 - μᵗ⁺¹), and ‖X‖ + ε.
        precision: of NS; "bfloat16" (torch), or "full", that of the parameters.
        adam_lr_ratio: AdamW's rate as a share of lr; adam_beta1, adam_beta2, adam_eps, adam_weight_decay: its numbers.
            Its form is that of Keras in "keras", where it decays by lr whatever the ratio, and with nesterov in "optax"
            that of `nadam(momentum_schedule=False)`.

    Raises RecipeError out of range.

    >>> str(Muon(lr=0.02, adam_lr_ratio=0.1))
    'muon(lr=0.02, adam_lr_ratio=0.1)'

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Liu et al. 2025, "Muon is scalable
    for LLM training" (rms).
    """

    name: ClassVar[str] = "muon"
    elementwise: ClassVar[bool] = False
    below_one: ClassVar[tuple[str, ...]] = ("adam_beta1", "adam_beta2")
    up_to_one: ClassVar[tuple[str, ...]] = ("momentum",)
    signed: ClassVar[tuple[str, ...]] = ("ns_a", "ns_b", "ns_c")
    lr: float = real(1e-3)
    momentum: float = real(0.95)
    weight_decay: float = real(0.1)
    eps: float = real(1e-7)
    ns_a: float = real(3.4445)
    ns_b: float = real(-4.775)
    ns_c: float = real(2.0315)
    rms_rate: float = real(0.2)
    adam_lr_ratio: float = real(1.0)
    adam_beta1: float = real(0.9)
    adam_beta2: float = real(0.999)
    adam_eps: float = real(1e-8)
    adam_weight_decay: float = real(0.01)
    nesterov: bool = True
    adjust: Literal["original", "rms", "none"] = "original"
    form: Literal["torch", "keras", "optax"] = "torch"
    precision: Literal["bfloat16", "full"] = "bfloat16"
    ns_steps: int = 5

    @property
    def companion(self) -> Rule:
        """The rule of parameters that are no matrices."""
        if self.form == "optax" and self.nesterov:
            return NAdam(momentum_schedule=False, decoupled=True)
        return Adam(form="keras" if self.form == "keras" else "torch", decoupled=True)

    def init(self, p: Tensor, h: Coefficients) -> State:
        if p.ndim == 2:
            return {"momentum_buffer": torch.zeros_like(p)}
        return self.companion.init(p, _of_companion(h))

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        lr, mu = h["lr"], h["momentum"]
        beside = self.companion.coefficients({**self.companion.hyper, **_of_companion(h)}, t)
        c = {f"adam {name}": value for name, value in beside.items()}
        if self.form == "keras":
            c["adam shrink"] = 1 - lr * h["adam_weight_decay"]
        c |= {"momentum": mu, "1-momentum": 1 - mu, "lr": -lr, "shrink": 1 - lr * h["weight_decay"]}
        if self.form == "optax":
            c |= {"ahead": (1 - mu) / (1 - mu**t), "past": mu / (1 - mu ** (t + 1)), "whole": 1 / (1 - mu**t)}
        return c | {name: h[name] for name in ("eps", "ns_a", "ns_b", "ns_c", "rms_rate")}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        if p.ndim != 2:
            return self.companion.update(p, g, s, _under("adam ", c))
        step = _adjusted(self._direction(g, s["momentum_buffer"], c), p, self.adjust, c)
        return add_(scale_(p, c["shrink"]), *step), s

    def _direction(self, g: Tensor, b: Tensor, c: Coefficients) -> Tensor:
        mu = c["momentum"]
        if self.form == "keras":
            b.mul_(mu).add_(g)
            x = g + b * mu if self.nesterov else b
        elif self.form == "optax":
            b.lerp_(g, c["1-momentum"])
            x = g * c["ahead"] + b * c["past"] if self.nesterov else b * c["whole"]
        else:
            b.lerp_(g, c["1-momentum"])
            x = g.lerp(b, mu) if self.nesterov else b
        return self._orthogonal(x, c)

    def _orthogonal(self, g: Tensor, c: Coefficients) -> Tensor:
        """Newton-Schulz, on the side that is shorter. A copy: torch writes into its own buffer where it is bfloat16."""
        wide = g.shape[0] <= g.shape[1]
        x = g.to(torch.bfloat16) if self.precision == "bfloat16" else g
        x = x if wide else x.T
        norm = x.norm()
        x = x / (norm.clamp(min=c["eps"]) if self.form == "torch" else norm + c["eps"])
        for _ in range(self.ns_steps):
            gram = x @ x.T
            gram = _addmm(gram, gram, gram, c["ns_b"], c["ns_c"])
            x = _addmm(x, gram, x, c["ns_a"], 1.0)
        return x if wide else x.T


def _addmm(x: Tensor, a: Tensor, b: Tensor, beta: Coefficient, alpha: Coefficient) -> Tensor:
    """β·x + α·a·b."""
    if isinstance(alpha, Tensor) or isinstance(beta, Tensor):
        return (x * beta + (a @ b) * alpha).to(x.dtype)
    return torch.addmm(x, a, b, beta=beta, alpha=alpha)


def _adjusted(x: Tensor, p: Tensor, adjust: str, c: Coefficients) -> tuple[Tensor, Coefficient]:
    rows, columns = p.shape
    match adjust:
        case "original":
            return x, c["lr"] * math.sqrt(max(1, rows / columns))
        case "rms":
            return x, c["lr"] * (c["rms_rate"] * math.sqrt(max(rows, columns)))
        case _:
            return x, c["lr"]


def _of_companion(h: Mapping[str, Any]) -> dict[str, Any]:
    return {name: h[f"adam_{name}"] for name in COMPANION} | {"lr": h["lr"] * h["adam_lr_ratio"]}


def _under(prefix: str, c: Coefficients) -> dict[str, Coefficient]:
    return {name.removeprefix(prefix): value for name, value in c.items() if name.startswith(prefix)}
