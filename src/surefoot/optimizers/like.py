"""Presets: the optimizers of torch and Keras 3 under their own names, arguments and defaults.

    like.torch.Adam(lr=1e-3, betas=(0.9, 0.999))       like.keras.Adam(learning_rate=1e-3, beta_1=0.9)

Weight decay is coupled in torch's SGD, Adam, Adagrad and RMSprop, decoupled in AdamW and in all of Keras.
"""
# ruff: noqa: N801, N802 (the originals' names)

from collections.abc import Sequence

from attrs import evolve

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules


def _pair(betas: Sequence[float]) -> tuple[float, float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise RecipeError("betas must be two numbers", received=betas, remedy="write betas=(0.9, 0.999)")
    return betas[0], betas[1]


def _given(weight_decay: float | None) -> float:
    return 0.0 if weight_decay is None else weight_decay


class torch:
    """torch.optim."""

    @staticmethod
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

    @staticmethod
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

    @staticmethod
    def AdamW(
        *,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> rules.Adam:
        """torch.optim.AdamW."""
        return torch.Adam(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, decoupled_weight_decay=True
        )

    @staticmethod
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

    @staticmethod
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
        return rules.RMSprop(
            lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )


class keras:
    """keras.optimizers, version 3."""

    @staticmethod
    def SGD(
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
    ) -> rules.SGD:
        """keras.optimizers.SGD."""
        return rules.SGD(
            lr=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=_given(weight_decay),
            form="keras",
            decoupled=True,
        )

    @staticmethod
    def Adam(
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
    ) -> rules.Adam:
        """keras.optimizers.Adam."""
        return rules.Adam(
            lr=learning_rate,
            beta1=beta_1,
            beta2=beta_2,
            eps=epsilon,
            weight_decay=_given(weight_decay),
            amsgrad=amsgrad,
            decoupled=True,
            form="keras",
        )

    @staticmethod
    def AdamW(
        learning_rate: float = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
    ) -> rules.Adam:
        """keras.optimizers.AdamW."""
        return evolve(keras.Adam(learning_rate, beta_1, beta_2, epsilon, amsgrad), weight_decay=weight_decay)

    @staticmethod
    def Adagrad(
        learning_rate: float = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
    ) -> rules.Adagrad:
        """keras.optimizers.Adagrad."""
        return rules.Adagrad(
            lr=learning_rate,
            weight_decay=_given(weight_decay),
            initial_accumulator_value=initial_accumulator_value,
            eps=epsilon,
            eps_inside=True,
            decoupled=True,
        )

    @staticmethod
    def RMSprop(
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
    ) -> rules.RMSprop:
        """keras.optimizers.RMSprop."""
        return rules.RMSprop(
            lr=learning_rate,
            alpha=rho,
            eps=epsilon,
            weight_decay=_given(weight_decay),
            momentum=momentum,
            centered=centered,
            eps_inside=True,
            lr_inside_momentum=True,
            decoupled=True,
        )
