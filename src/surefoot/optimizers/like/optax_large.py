"""optax's optimizers that look at more than single numbers."""

from collections.abc import Sequence

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules


def absent(name: str, **given: object) -> None:
    """Raises RecipeError for an argument that is used and that no rule has."""
    for argument, value in given.items():
        if value is not None and value is not False and value != 0:
            raise RecipeError(f"{argument} of optax.{name} has no counterpart", received=value, remedy="leave it out")


def lamb(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    eps_root: float = 0.0,
    weight_decay: float = 0.0,
    mask: None = None,
) -> rules.LAMB:
    """optax.lamb."""
    absent("lamb", eps_root=eps_root, mask=mask)
    return rules.LAMB(lr=learning_rate, beta1=b1, beta2=b2, eps=eps, weight_decay=weight_decay)


def adafactor(
    learning_rate: float | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: float = 0.8,
    decay_offset: float = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: float | None = 1.0,
    momentum: float | None = None,
    dtype_momentum: None = None,
    weight_decay_rate: float | None = None,
    eps: float = 1e-30,
    factored: bool = True,
    weight_decay_mask: None = None,
) -> rules.Adafactor:
    """optax.adafactor. Without a learning rate it has 1; its weight decay is not multiplied by the rate."""
    absent("adafactor", decay_offset=decay_offset, momentum=momentum, weight_decay_mask=weight_decay_mask)
    absent("adafactor", dtype_momentum=dtype_momentum)
    if eps == 0:
        raise RecipeError("an eps of 0 has no counterpart", received=eps, remedy="write eps=1e-30")
    return rules.Adafactor(
        lr=1.0 if learning_rate is None else learning_rate,
        beta2_decay=-decay_rate,
        eps1=eps,
        d=NEVER if clipping_threshold is None else clipping_threshold,
        weight_decay=weight_decay_rate or 0.0,
        relative_step=False,
        scale_parameter=multiply_by_parameter_scale,
        form="optax",
        min_dim=min_dim_size_to_factor if factored else int(NEVER),
    )


def muon(
    learning_rate: float,
    ns_coeffs: Sequence[float] | str = (3.4445, -4.775, 2.0315),
    ns_steps: int = 5,
    beta: float = 0.95,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    weight_decay_mask: None = None,
    mu_dtype: None = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: float = 0.9,
    adam_b2: float = 0.999,
    adam_eps_root: float = 0.0,
    adam_weight_decay: float = 0.0,
    adam_learning_rate: float | None = None,
    muon_weight_dimension_numbers: None = None,
    consistent_rms: float | None = None,
) -> rules.Muon:
    """optax.contrib.muon, on weights that stand as torch has them: [out, in], where JAX has [in, out]."""
    absent("muon", weight_decay_mask=weight_decay_mask, mu_dtype=mu_dtype, adaptive=adaptive)
    absent("muon", adam_eps_root=adam_eps_root, muon_weight_dimension_numbers=muon_weight_dimension_numbers)
    absent("muon", preconditioning=preconditioning != "frobenius" and preconditioning)
    coefficients = (3.4445, -4.775, 2.0315) if ns_coeffs == "standard" else ns_coeffs
    if isinstance(coefficients, str) or len(coefficients) != 3 or isinstance(coefficients[0], Sequence):
        raise RecipeError("ns_coeffs must be three numbers, the same in every step", received=ns_coeffs)
    if adam_learning_rate is not None and learning_rate == 0:
        raise RecipeError("adam_learning_rate is a share of learning_rate, which is 0", received=adam_learning_rate)
    a, b, c = coefficients
    return rules.Muon(
        lr=learning_rate,
        momentum=beta,
        weight_decay=weight_decay,
        eps=eps,
        ns_a=a,
        ns_b=b,
        ns_c=c,
        rms_rate=0.2 if consistent_rms is None else consistent_rms,
        adam_lr_ratio=1.0 if adam_learning_rate is None else adam_learning_rate / learning_rate,
        adam_beta1=adam_b1,
        adam_beta2=adam_b2,
        adam_eps=eps,
        adam_weight_decay=adam_weight_decay,
        nesterov=nesterov,
        adjust="original" if consistent_rms is None else "rms",
        form="optax",
        precision="full",
        ns_steps=ns_steps,
    )


def schedule_free_sgd(
    learning_rate: float = 1.0,
    warmup_steps: int | None = None,
    b1: float = 0.9,
    weight_decay: float | None = None,
    weight_lr_power: float = 2.0,
    state_dtype: None = None,
) -> rules.ScheduleFreeSGD:
    """optax.contrib.schedule_free_sgd."""
    _no_warmup(warmup_steps)
    absent("schedule_free_sgd", state_dtype=state_dtype)
    return rules.ScheduleFreeSGD(
        lr=learning_rate, momentum=b1, weight_decay=weight_decay or 0.0, weight_lr_power=weight_lr_power
    )


def schedule_free_adamw(
    learning_rate: float = 0.0025,
    warmup_steps: int | None = None,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    weight_lr_power: float = 2.0,
    state_dtype: None = None,
) -> rules.ScheduleFreeAdamW:
    """optax.contrib.schedule_free_adamw."""
    _no_warmup(warmup_steps)
    absent("schedule_free_adamw", state_dtype=state_dtype)
    return rules.ScheduleFreeAdamW(
        lr=learning_rate, beta1=b1, beta2=b2, eps=eps, weight_decay=weight_decay, weight_lr_power=weight_lr_power
    )


def _no_warmup(steps: int | None) -> None:
    if steps:
        what = "the warm-up is a schedule of its own"
        raise RecipeError(what, received=steps, remedy=f"leave it out, with the schedule warmup({steps})")


NEVER = 1e30
