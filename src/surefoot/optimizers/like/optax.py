"""optax: its optimizers as they stand in `optax`, and `muon` and the schedule-free ones of `optax.contrib`.

A learning rate is a number here, its schedule stands beside the optimizer. What the rules have no number for
(`eps_root`, masks, types) is in the signatures, and a RecipeError says so where it is used.
"""

from attrs import evolve

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules
from surefoot.optimizers.like.optax_large import (
    absent,
    adafactor,
    lamb,
    muon,
    schedule_free_adamw,
    schedule_free_sgd,
)

__all__ = [
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "amsgrad",
    "lamb",
    "lion",
    "muon",
    "nadam",
    "nadamw",
    "radam",
    "rmsprop",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "sgd",
    "sign_sgd",
    "signum",
]


def sgd(
    learning_rate: float, momentum: float | None = None, nesterov: bool = False, accumulator_dtype: None = None
) -> rules.SGD:
    """optax.sgd."""
    absent("sgd", accumulator_dtype=accumulator_dtype)
    return rules.SGD(lr=learning_rate, momentum=momentum or 0.0, nesterov=bool(nesterov and momentum))


def adam(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: None = None,
    *,
    nesterov: bool = False,
) -> rules.Adam | rules.NAdam:
    """optax.adam."""
    absent("adam", eps_root=eps_root, mu_dtype=mu_dtype)
    if nesterov:
        return rules.NAdam(lr=learning_rate, beta1=b1, beta2=b2, eps=eps, momentum_schedule=False)
    return rules.Adam(lr=learning_rate, beta1=b1, beta2=b2, eps=eps)


def adamw(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: None = None,
    weight_decay: float = 1e-4,
    mask: None = None,
    *,
    nesterov: bool = False,
) -> rules.Adam | rules.NAdam:
    """optax.adamw."""
    absent("adamw", mask=mask)
    own = adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)
    return evolve(own, weight_decay=weight_decay, decoupled=True)


def nadam(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: None = None,
    *,
    nesterov: bool = True,
) -> rules.Adam | rules.NAdam:
    """optax.nadam: optax.adam with nesterov; μ has no schedule."""
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def nadamw(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: None = None,
    weight_decay: float = 1e-4,
    mask: None = None,
    *,
    nesterov: bool = True,
) -> rules.Adam | rules.NAdam:
    """optax.nadamw: optax.adamw with nesterov."""
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)


def amsgrad(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: None = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> rules.Adam:
    """optax.amsgrad, which takes the largest v̂, where torch takes the largest v."""
    absent("amsgrad", eps_root=eps_root, mu_dtype=mu_dtype)
    if not (bias_correction_mu and bias_correction_nu):
        raise RecipeError("amsgrad without bias correction has no counterpart", remedy="leave the arguments out")
    return rules.Adam(lr=learning_rate, beta1=b1, beta2=b2, eps=eps, amsgrad=True, form="optax")


def radam(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    threshold: float = 5.0,
    *,
    nesterov: bool = False,
) -> rules.RAdam:
    """optax.radam."""
    absent("radam", eps_root=eps_root, threshold=threshold != 5 and threshold, nesterov=nesterov)
    return rules.RAdam(lr=learning_rate, beta1=b1, beta2=b2, eps=eps, form="optax")


def adamax(learning_rate: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> rules.Adamax:
    """optax.adamax."""
    return rules.Adamax(lr=learning_rate, beta1=b1, beta2=b2, eps=eps)


def adamaxw(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    mask: None = None,
) -> rules.Adamax:
    """optax.adamaxw."""
    absent("adamaxw", mask=mask)
    return evolve(adamax(learning_rate, b1, b2, eps), weight_decay=weight_decay, decoupled=True)


def adadelta(
    learning_rate: float | None = None,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    weight_decay_mask: None = None,
) -> rules.Adadelta:
    """optax.adadelta, whose weight decay is coupled. It needs a learning rate, though its signature has None."""
    absent("adadelta", weight_decay_mask=weight_decay_mask)
    if learning_rate is None:
        raise RecipeError("optax.adadelta needs a learning rate", remedy="write learning_rate=1.0, as in the paper")
    return rules.Adadelta(lr=learning_rate, rho=rho, eps=eps, weight_decay=weight_decay)


def adagrad(learning_rate: float, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> rules.Adagrad:
    """optax.adagrad."""
    own = rules.Adagrad(lr=learning_rate, eps=eps, eps_inside=True)
    return evolve(own, initial_accumulator_value=initial_accumulator_value)


def rmsprop(
    learning_rate: float,
    decay: float = 0.9,
    eps: float = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: float | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> rules.RMSprop:
    """optax.rmsprop."""
    ahead = bool(nesterov and momentum)
    absent("rmsprop", initial_scale=initial_scale, nesterov=ahead, bias_correction=bias_correction)
    return rules.RMSprop(
        lr=learning_rate,
        alpha=decay,
        eps=eps,
        momentum=momentum or 0.0,
        centered=centered,
        eps_inside=eps_in_sqrt,
        lr_inside_momentum=True,
    )


def lion(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.99,
    mu_dtype: None = None,
    weight_decay: float = 1e-3,
    mask: None = None,
) -> rules.Lion:
    """optax.lion."""
    absent("lion", mu_dtype=mu_dtype, mask=mask)
    return rules.Lion(lr=learning_rate, beta1=b1, beta2=b2, weight_decay=weight_decay)


def sign_sgd(learning_rate: float) -> rules.Lion:
    """optax.sign_sgd: Lion without momentum."""
    return rules.Lion(lr=learning_rate, beta1=0, beta2=0)


def signum(learning_rate: float, beta: float = 0.9, accumulator_dtype: None = None) -> rules.Lion:
    """optax.signum: Lion with one β."""
    absent("signum", accumulator_dtype=accumulator_dtype)
    return rules.Lion(lr=learning_rate, beta1=beta, beta2=beta)
