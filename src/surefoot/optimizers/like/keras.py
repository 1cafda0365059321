"""keras.optimizers, version 3."""
# ruff: noqa: N802 (the originals' names)

from attrs import evolve

from surefoot.optimizers import rules

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]


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


def AdamW(
    learning_rate: float = 0.001,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
) -> rules.Adam:
    """keras.optimizers.AdamW."""
    return evolve(Adam(learning_rate, beta_1, beta_2, epsilon, amsgrad), weight_decay=weight_decay)


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


def _given(weight_decay: float | None) -> float:
    return 0.0 if weight_decay is None else weight_decay
