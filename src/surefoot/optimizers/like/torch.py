"""torch.optim."""
# ruff: noqa: N802 (the originals' names)

from collections.abc import Sequence

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]


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


def _pair(betas: Sequence[float]) -> tuple[float, float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise RecipeError("betas must be two numbers", received=betas, remedy="write betas=(0.9, 0.999)")
    return betas[0], betas[1]
