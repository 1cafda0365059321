"""Keras's optimizers that look at more than single numbers."""
# ruff: noqa: N802 (the originals' names)

from attrs import evolve

from surefoot.core.errors import RecipeError
from surefoot.optimizers import rules
from surefoot.optimizers.like.keras_base import given, preset


@preset
def Lamb(
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float | None = None,
) -> rules.LAMB:
    """keras.optimizers.Lamb."""
    decay = given(weight_decay)
    return rules.LAMB(lr=learning_rate, beta1=beta_1, beta2=beta_2, eps=epsilon, weight_decay=decay, decoupled=True)


@preset
def Adafactor(
    learning_rate: float = 0.001,
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
    relative_step: bool = True,
    weight_decay: float | None = None,
) -> rules.Adafactor:
    """keras.optimizers.Adafactor. As there, `relative_step` changes nothing: the step is min(lr, 1/√t) either way."""
    if epsilon_1 == 0:
        raise RecipeError("an epsilon_1 of 0 has no counterpart", received=epsilon_1, remedy="write epsilon_1=1e-30")
    return rules.Adafactor(
        lr=learning_rate,
        beta2_decay=beta_2_decay,
        eps1=epsilon_1,
        eps2=epsilon_2,
        d=clip_threshold,
        weight_decay=given(weight_decay),
        form="keras",
    )


@preset
def Muon(
    learning_rate: float = 0.001,
    adam_beta_1: float = 0.9,
    adam_beta_2: float = 0.999,
    adam_weight_decay: float | None = 0.004,
    epsilon: float = 1e-7,
    weight_decay: float | None = 0.004,
    *,
    exclude_layers: None = None,
    exclude_embeddings: bool = True,
    muon_a: float = 3.4445,
    muon_b: float = -4.775,
    muon_c: float = 2.0315,
    adam_lr_ratio: float = 1,
    momentum: float = 0.95,
    ns_steps: int = 5,
    nesterov: bool = True,
    rms_rate: float | None = 0.2,
) -> rules.Muon:
    """keras.optimizers.Muon, for models without embeddings: Keras tells those by their names, and gives them Adam."""
    if exclude_layers:
        what = "layers cannot be excluded by name: every matrix is updated by Muon"
        raise RecipeError(what, received=exclude_layers, remedy="leave out exclude_layers")
    return rules.Muon(
        lr=learning_rate,
        momentum=momentum,
        weight_decay=given(weight_decay),
        ns_a=muon_a,
        ns_b=muon_b,
        ns_c=muon_c,
        rms_rate=given(rms_rate),
        adam_lr_ratio=adam_lr_ratio,
        adam_beta1=adam_beta_1,
        adam_beta2=adam_beta_2,
        adam_eps=epsilon,
        adam_weight_decay=given(adam_weight_decay),
        nesterov=nesterov,
        adjust="none" if rms_rate is None else "rms",
        form="keras",
        precision="full",
        ns_steps=ns_steps,
    )


@preset
def ScheduleFreeAdamW(
    learning_rate: float = 0.0025,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    warmup_steps: int = 0,
    weight_decay: float | None = None,
) -> rules.ScheduleFreeAdamW:
    """keras.optimizers.ScheduleFreeAdamW. Keras measures a model at y; here it is measured at x."""
    if warmup_steps:
        what = "the warm-up is a schedule of its own"
        raise RecipeError(what, received=warmup_steps, remedy=f"leave it out, with the schedule warmup({warmup_steps})")
    own = rules.ScheduleFreeAdamW(lr=learning_rate, beta1=beta_1, beta2=beta_2, eps=epsilon, decoupled=True)
    return evolve(own, weight_decay=given(weight_decay), weight_lr_power=0.0)
