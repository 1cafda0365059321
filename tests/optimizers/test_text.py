"""The text form: what prints reads back; names, shorthands, presets; what is refused, and how."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.core.errors import RecipeError
from surefoot.optimizers import (
    LAMB,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Lion,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    adamw,
    like,
    parse,
)

KINDS = [
    SGD, Adagrad, RMSprop, Adam, NAdam, RAdam, Adamax, Adadelta, Lion, LAMB, Adafactor, Muon, ScheduleFreeSGD,
    ScheduleFreeAdamW,
]  # fmt: skip
positive = st.floats(0, 1e6)
below_one = st.floats(0, 1, exclude_max=True)
FORMS = [
    st.builds(SGD, lr=positive, momentum=positive, dampening=positive, weight_decay=positive, decoupled=st.booleans()),
    st.builds(SGD, lr=positive, momentum=st.floats(0.01, 10), nesterov=st.just(True)),
    st.builds(
        SGD, momentum=below_one, form=st.sampled_from(["average", "average-first", "keras"]), weight_decay=positive
    ),
    st.builds(Adagrad, lr=positive, lr_decay=positive, eps=positive, eps_inside=st.booleans()),
    st.builds(RMSprop, alpha=positive, momentum=positive, centered=st.booleans(), lr_inside_momentum=st.booleans()),
    st.builds(
        Adam,
        lr=positive,
        beta1=below_one,
        beta2=below_one,
        weight_decay=positive,
        amsgrad=st.booleans(),
        decoupled=st.booleans(),
        form=st.sampled_from(["torch", "keras"]),
        clip_norm=positive,
        clip=st.sampled_from(["torch", "keras-each"]),
        ema=below_one,
    ),
    st.builds(NAdam, lr=positive, momentum_decay=positive, decoupled=st.booleans(), momentum_schedule=st.booleans()),
    st.builds(RAdam, lr=positive, eps=positive, decoupled=st.booleans(), form=st.sampled_from(["torch", "optax"])),
    st.builds(Adamax, lr=positive, beta1=below_one, form=st.sampled_from(["torch", "keras"]), clip_value=positive),
    st.builds(Adadelta, lr=positive, rho=below_one, eps=positive, decoupled=st.booleans()),
    st.builds(Lion, lr=positive, beta2=below_one, weight_decay=positive),
    st.builds(LAMB, lr=positive, weight_decay=positive, decoupled=st.booleans()),
    st.builds(
        Adafactor,
        lr=positive,
        beta2_decay=st.floats(-1, 0),
        relative_step=st.booleans(),
        form=st.sampled_from(["torch", "keras", "optax"]),
        min_dim=st.integers(0, 256),
    ),
    st.builds(
        Muon,
        lr=positive,
        ns_b=st.floats(-9, 9),
        ns_steps=st.integers(0, 9),
        adjust=st.sampled_from(["original", "rms", "none"]),
        form=st.sampled_from(["torch", "keras", "optax"]),
    ),
    st.builds(ScheduleFreeSGD, lr=positive, momentum=st.floats(0.01, 0.99), r=positive),
    st.builds(ScheduleFreeAdamW, lr=positive, beta1=st.floats(0.01, 0.99), weight_lr_power=positive),
]


@settings(max_examples=200, deadline=None)
@given(st.one_of(FORMS))
def test_what_prints_reads_back(rule):
    again = parse(str(rule))
    assert again == rule
    assert hash(again) == hash(rule)
    assert str(again) == str(rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("adam", Adam()),
        ("adam()", Adam()),
        ("momentum", SGD(momentum=0.9)),
        ("momentum(momentum=0.5, lr=1)", SGD(momentum=0.5, lr=1)),
        ("nesterov(lr=0.1)", SGD(lr=0.1, momentum=0.9, nesterov=True)),
        ("amsgrad", Adam(amsgrad=True)),
        ("adamw", Adam(decoupled=True, weight_decay=0.01)),
        ("adamw(form='keras')", adamw(form="keras")),
        ("sgd(lr=1/4)", SGD(lr=0.25)),
        ("nadam", NAdam()),
        ("lion(lr=1e-4, weight_decay=1)", Lion(weight_decay=1)),
        ("adafactor(beta2_decay=-0.5, min_dim=128)", Adafactor(beta2_decay=-0.5, min_dim=128)),
        ("muon(ns_b=-4, ns_steps=6)", Muon(ns_b=-4, ns_steps=6)),
        ("schedule_free_sgd(momentum=0.8)", ScheduleFreeSGD(momentum=0.8)),
        ("torch.SGD(lr=0.1, momentum=0.9)", SGD(lr=0.1, momentum=0.9)),
        ("torch.Adam(betas=(0.8, 0.99))", Adam(beta1=0.8, beta2=0.99)),
        ("torch.Adam(betas=[0.8, 0.99], decoupled_weight_decay=True)", adamw(beta1=0.8, beta2=0.99, weight_decay=0)),
        ("torch.AdamW", adamw()),
        ("torch.Adagrad(lr_decay=0.1)", Adagrad(lr_decay=0.1)),
        ("torch.RMSprop(centered=True)", RMSprop(centered=True)),
        ("keras.SGD(0.1)", SGD(lr=0.1, form="keras", decoupled=True)),
        ("keras.Adam(learning_rate=0.1, beta_1=0.8)", like.keras.Adam(learning_rate=0.1, beta_1=0.8)),
        ("keras.AdamW", like.keras.AdamW()),
        ("keras.Adagrad", like.keras.Adagrad()),
        ("keras.RMSprop(rho=0.5)", like.keras.RMSprop(rho=0.5)),
        ("torch.NAdam(momentum_decay=0.1)", NAdam(momentum_decay=0.1)),
        ("torch.RAdam(betas=[0.8, 0.99], decoupled_weight_decay=True)", RAdam(beta1=0.8, beta2=0.99, decoupled=True)),
        ("torch.Adamax", Adamax()),
        ("torch.Adadelta(rho=0.8)", Adadelta(rho=0.8)),
        ("torch.Adafactor(eps=[None, 0.01], d=2)", Adafactor(eps2=0.01, d=2)),
        (
            "torch.Muon(ns_coefficients=[3, -4, 2], adjust_lr_fn='match_rms_adamw')",
            Muon(ns_a=3, ns_b=-4, ns_c=2, adjust="rms"),
        ),
        ("keras.Nadam(beta_1=0.8)", NAdam(lr=0.001, beta1=0.8, eps=1e-7, momentum_decay=1, decoupled=True)),
        ("keras.Lion", Lion(lr=1e-3)),
        ("keras.Lion(clipnorm=1, use_ema=True)", Lion(lr=1e-3, clip_norm=1, clip="keras-each", ema=0.99)),
        ("keras.SGD(global_clipnorm=2)", SGD(lr=0.01, form="keras", decoupled=True, clip_norm=2, clip="keras")),
        ("keras.Lamb(clipvalue=2)", LAMB(eps=1e-7, decoupled=True, clip_value=2)),
    ],
)
def test_names(text, rule):
    assert parse(text) == rule
    assert parse(str(rule)) == rule


def test_whole_numbers_and_floats_are_one_rule():
    assert str(SGD(lr=1)) == str(SGD(lr=1.0)) == "sgd(lr=1.0)"
    assert all(type(value) is float for value in SGD(lr=1, momentum=0).hyper.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("adm", "did you mean 'adam'"),
        ("adam(beta_1=0.9)", "no argument 'beta_1'. Did you mean 'beta1'"),
        ("torch.Adam(fused=True)", "no argument 'fused'"),
        ("keras.Adam(clipnrm=1)", "no argument 'clipnrm'. Did you mean 'clipnorm'"),
        ("keras.Adam(clipnorm=1, clipvalue=1)", "only one of clipnorm, clipvalue can be set, as in Keras"),
        ("keras.Adam(gradient_accumulation_steps=4)", "gradient_accumulation_steps of keras.Adam has no counterpart"),
        ("keras.SGD(use_ema=True, ema_overwrite_frequency=10)", "ema_overwrite_frequency of keras.SGD has no"),
        ("keras.Adam(use_ema=True, ema_momentum=1)", "ema of adam must lie below 1"),
        ("keras.Muon(exclude_layers=['head'])", "layers cannot be excluded by name"),
        ("keras.Adafactor(epsilon_1=0)", "an epsilon_1 of 0 has no counterpart"),
        ("keras.ScheduleFreeAdamW(warmup_steps=10)", "with the schedule warmup(10)"),
        ("keras.Ftrl", "unknown optimizer 'keras.Ftrl'"),
        ("torch.Adafactor(eps=[0, 0.001])", "eps must be None or a number above 0"),
        ("torch.Adafactor(eps=0.1)", "eps must be two numbers"),
        ("torch.Muon(adjust_lr_fn='rms')", "adjust_lr_fn must be 'original' or 'match_rms_adamw'"),
        ("torch.Muon(ns_coefficients=[1, 2])", "ns_coefficients must be three numbers"),
        ("adam(0.1)", "name each argument once: adam(lr=...)"),
        ("keras.SGD(0.1, learning_rate=0.1)", "multiple values"),
        ("torch.Adam(betas=0.9)", "two numbers"),
        ("torch.Adam(betas=[0.9])", "two numbers"),
        ("adam(lr=cosine())", "a schedule goes beside the optimizer"),
        ("adam(lr=0.1 * cosine())", "a schedule goes beside the optimizer"),
        ("0.1", "not an optimizer"),
        ("adam >> sgd", "not an optimizer"),
        ("adam(", "cannot read"),
        ("__import__('os')", "unknown optimizer"),
        ("adam(lr='0.1')", "lr of adam must be a finite number"),
        ("keras.AdamW(weight_decay=None)", "weight_decay of adam must be a finite number"),
        ("adam(lr=None)", "lr of adam must be a finite number"),
    ],
)
def test_refused_text(text, says):
    with pytest.raises(RecipeError, match="(?i)" + re.escape(says)):
        parse(text)


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        (kind, {name: value}, f"{name} of {kind.name} must be a finite number from 0 to 1e+30; received")
        for kind in KINDS
        for name in kind().hyper
        if name not in kind.signed
        for value in (-1, float("nan"), float("inf"), True, "1")
    ]
    + [
        (Adam, {"beta1": 1}, "beta1 of adam must lie below 1; received 1.0"),
        (Adam, {"beta2": 1.5}, "beta2 of adam must lie below 1; received 1.5"),
        (SGD, {"nesterov": True}, "nesterov needs a momentum above 0"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.5}, "nesterov needs a dampening of 0"),
        (SGD, {"nesterov": True, "momentum": 0.9, "form": "average"}, "defined for heavy-ball and keras"),
        (SGD, {"form": "keras", "dampening": 0.5}, "dampening belongs to form 'heavy-ball'"),
        (SGD, {"form": "average", "momentum": 1.5}, "may be 1 at most"),
        (SGD, {"form": "polyak"}, "form of sgd must be 'heavy-ball' or"),
        (SGD, {"nesterov": 1, "momentum": 0.9}, "nesterov of sgd must be False or True"),
        (Adam, {"form": None}, "form of adam must be 'torch' or 'keras'"),
        (Adam, {"amsgrad": "yes"}, "amsgrad of adam must be False or True; received 'yes'"),
        (Adadelta, {"rho": 1.1}, "rho of adadelta must be 1 at most"),
        (Adafactor, {"beta2_decay": 0.8}, "beta2_decay of adafactor must be 0 at most; received 0.8"),
        (Adafactor, {"d": 0.5}, "d of adafactor must be 1 at least"),
        (Adafactor, {"min_dim": 1.5}, "min_dim of adafactor must be a whole number from 0; received 1.5"),
        (Adafactor, {"min_dim": True}, "min_dim of adafactor must be a whole number"),
        (Muon, {"ns_steps": -1}, "ns_steps of muon must be a whole number from 0; received -1"),
        (Muon, {"ns_b": float("inf")}, "ns_b of muon must be a finite number from -1e+30 to 1e+30"),
        (ScheduleFreeSGD, {"momentum": 0}, "momentum of schedule_free_sgd must lie between 0 and 1"),
        (ScheduleFreeAdamW, {"beta1": 1}, "beta1 of schedule_free_adamw must lie between 0 and 1"),
        (ScheduleFreeAdamW, {"ema": 0.9}, "schedule_free_adamw averages the weights itself"),
    ],
)
def test_refused_values(kind, arguments, says):
    with pytest.raises(RecipeError) as refused:
        kind(**arguments)
    assert says in str(refused.value)
    assert refused.value.received is not None or None in arguments.values()


def test_hyper_of_a_recipe_is_checked():
    with pytest.raises(RecipeError, match="adam has no hyperparameter 'momentum'"):
        Adam().filled({"momentum": 0.9})
    with pytest.raises(RecipeError, match="Did you mean 'beta1'"):
        Adam().check("beta_1", 0.9)
    with pytest.raises(RecipeError, match="nesterov needs a momentum above 0"):
        SGD(momentum=0.9, nesterov=True).filled({"momentum": 0})
    assert Adam().filled({"lr": 1}) == Adam(lr=1).hyper


def test_structure_holds_choices_and_no_numbers():
    assert SGD(lr=1, momentum=0.9, weight_decay=1).structure == SGD().structure
    different = [SGD(), SGD(form="keras"), SGD(decoupled=True), Adam(), Adam(amsgrad=True), RMSprop(centered=True)]
    assert len({rule.structure for rule in different}) == len(different)
