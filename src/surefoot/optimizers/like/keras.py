"""keras.optimizers, version 3.

Every optimizer also takes what all of Keras's do: `clipnorm`, `clipvalue` or `global_clipnorm`, `use_ema` with
`ema_momentum`; a RecipeError tells which others have no counterpart. `weight_decay` is decoupled in all of them.
"""
# ruff: noqa: N802 (the originals' names)

from attrs import evolve

from surefoot.optimizers import rules
from surefoot.optimizers.like.keras_base import given, preset
from surefoot.optimizers.like.keras_large import Adafactor, Lamb, Muon, ScheduleFreeAdamW

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
    "ScheduleFreeAdamW",
]


@preset
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
        weight_decay=given(weight_decay),
        form="keras",
        decoupled=True,
    )


@preset
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
        weight_decay=given(weight_decay),
        amsgrad=amsgrad,
        decoupled=True,
        form="keras",
    )


@preset
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


@preset
def Adagrad(
    learning_rate: float = 0.001,
    initial_accumulator_value: float = 0.1,
    epsilon: float = 1e-7,
    weight_decay: float | None = None,
) -> rules.Adagrad:
    """keras.optimizers.Adagrad."""
    return rules.Adagrad(
        lr=learning_rate,
        weight_decay=given(weight_decay),
        initial_accumulator_value=initial_accumulator_value,
        eps=epsilon,
        eps_inside=True,
        decoupled=True,
    )


@preset
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
        weight_decay=given(weight_decay),
        momentum=momentum,
        centered=centered,
        eps_inside=True,
        lr_inside_momentum=True,
        decoupled=True,
    )


@preset
def Nadam(
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float | None = None,
) -> rules.NAdam:
    """keras.optimizers.Nadam."""
    decay = given(weight_decay)
    own = rules.NAdam(lr=learning_rate, beta1=beta_1, beta2=beta_2, eps=epsilon, weight_decay=decay, decoupled=True)
    return evolve(own, momentum_decay=1.0)


@preset
def Adamax(
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float | None = None,
) -> rules.Adamax:
    """keras.optimizers.Adamax."""
    own = rules.Adamax(lr=learning_rate, beta1=beta_1, beta2=beta_2, eps=epsilon, decoupled=True, form="keras")
    return evolve(own, weight_decay=given(weight_decay))


@preset
def Adadelta(
    learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7, weight_decay: float | None = None
) -> rules.Adadelta:
    """keras.optimizers.Adadelta."""
    return rules.Adadelta(lr=learning_rate, rho=rho, eps=epsilon, weight_decay=given(weight_decay), decoupled=True)


@preset
def Lion(
    learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, weight_decay: float | None = None
) -> rules.Lion:
    """keras.optimizers.Lion."""
    return rules.Lion(lr=learning_rate, beta1=beta_1, beta2=beta_2, weight_decay=given(weight_decay))
