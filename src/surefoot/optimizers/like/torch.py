"""torch.optim."""
# ruff: noqa: N802 (the originals' names)

from collections.abc import Sequence
from typing import Literal

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
]


def SGD(
    *,
    lr: float = 1e-3,
    momentum: float = 0,
    dampening: float = 0,
    weight_decay: float = 0,
    nesterov: bool = False,
) -> rules.SGD:
    """torch.optim.SGD."""
    return rules.SGD(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)


def Adam(
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    amsgrad: bool = False,
    decoupled_weight_decay: bool = False,
) -> rules.Adam:
    """torch.optim.Adam."""
    beta1, beta2 = _pair(betas)
    return rules.Adam(
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        amsgrad=amsgrad,
        decoupled=decoupled_weight_decay,
    )


def AdamW(
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> rules.Adam:
    """torch.optim.AdamW."""
    return Adam(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, decoupled_weight_decay=True)


def Adagrad(
    *,
    lr: float = 1e-2,
    lr_decay: float = 0,
    weight_decay: float = 0,
    initial_accumulator_value: float = 0,
    eps: float = 1e-10,
) -> rules.Adagrad:
    """torch.optim.Adagrad."""
    return rules.Adagrad(
        lr=lr,
        lr_decay=lr_decay,
        weight_decay=weight_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
    )


def RMSprop(
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0,
    momentum: float = 0,
    centered: bool = False,
) -> rules.RMSprop:
    """torch.optim.RMSprop."""
    return rules.RMSprop(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered)


def NAdam(
    *,
    lr: float = 2e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
) -> rules.NAdam:
    """torch.optim.NAdam."""
    beta1, beta2 = _pair(betas)
    return rules.NAdam(
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        momentum_decay=momentum_decay,
        decoupled=decoupled_weight_decay,
    )


def RAdam(
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    decoupled_weight_decay: bool = False,
) -> rules.RAdam:
    """torch.optim.RAdam."""
    beta1, beta2 = _pair(betas)
    return rules.RAdam(
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, decoupled=decoupled_weight_decay
    )


def Adamax(
    *, lr: float = 2e-3, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0
) -> rules.Adamax:
    """torch.optim.Adamax."""
    beta1, beta2 = _pair(betas)
    return rules.Adamax(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)


def Adadelta(*, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0) -> rules.Adadelta:
    """torch.optim.Adadelta."""
    return rules.Adadelta(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


def Adafactor(
    *,
    lr: float = 1e-2,
    beta2_decay: float = -0.8,
    eps: Sequence[float | None] = (None, 1e-3),
    d: float = 1.0,
    weight_decay: float = 0.0,
) -> rules.Adafactor:
    """torch.optim.Adafactor. Raises RecipeError for an eps[0] of 0, which would divide by zero."""
    if not isinstance(eps, tuple | list) or len(eps) != 2:
        raise RecipeError("eps must be two numbers", received=eps, remedy="write eps=(None, 0.001)")
    eps1, eps2 = eps
    if eps1 == 0 or eps2 is None:
        raise RecipeError("eps must be None or a number above 0, and a number", received=eps)
    return rules.Adafactor(
        lr=lr, beta2_decay=beta2_decay, eps1=0.0 if eps1 is None else eps1, eps2=eps2, d=d, weight_decay=weight_decay
    )


def Muon(
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_coefficients: Sequence[float] = (3.4445, -4.775, 2.0315),
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> rules.Muon:
    """torch.optim.Muon, which takes matrices alone: here all else has torch's AdamW with the same rate."""
    adjusts: dict[str | None, Literal["original", "rms"]] = {None: "original", "original": "original"}
    adjusts["match_rms_adamw"] = "rms"
    if adjust_lr_fn not in adjusts:
        raise RecipeError("adjust_lr_fn must be 'original' or 'match_rms_adamw'", received=adjust_lr_fn)
    if not isinstance(ns_coefficients, tuple | list) or len(ns_coefficients) != 3:
        raise RecipeError("ns_coefficients must be three numbers", received=ns_coefficients)
    a, b, c = ns_coefficients
    return rules.Muon(
        lr=lr,
        weight_decay=weight_decay,
        momentum=momentum,
        nesterov=nesterov,
        ns_a=a,
        ns_b=b,
        ns_c=c,
        eps=eps,
        ns_steps=ns_steps,
        adjust=adjusts[adjust_lr_fn],
    )


def _pair(betas: Sequence[float]) -> tuple[float, float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise RecipeError("betas must be two numbers", received=betas, remedy="write betas=(0.9, 0.999)")
    return betas[0], betas[1]
