"""The text form of optimizers: `adam(lr=0.001)`, shorthands, and presets under the original's name. No eval."""

import inspect
from collections.abc import Callable
from functools import partial

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.text import Call, Operation, read
from surefoot.optimizers import like
from surefoot.optimizers.rule import Rule
from surefoot.optimizers.rules import (
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
)
from surefoot.optimizers.torch_class import torch_class

RULES: dict[str, Callable[..., Rule]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "amsgrad": partial(Adam, amsgrad=True),
    "adamw": adamw,
    "nadam": NAdam,
    "radam": RAdam,
    "adamax": Adamax,
    "adadelta": Adadelta,
    "lion": Lion,
    "lamb": LAMB,
    "adafactor": Adafactor,
    "muon": Muon,
    "schedule_free_sgd": ScheduleFreeSGD,
    "schedule_free_adamw": ScheduleFreeAdamW,
    "torch_class": torch_class,
}
PRESETS: dict[str, Callable[..., Rule]] = {
    f"{library}.{name}": getattr(presets, name)
    for library, presets in (("torch", like.torch), ("keras", like.keras), ("optax", like.optax))
    for name in presets.__all__
}


def parse(text: str) -> Rule:
    """The optimizer that a text describes; `parse(str(rule)) == rule`.

    Names: those of the rules (sgd, adam, lion, muon, ...); momentum and nesterov (sgd with momentum=0.9), amsgrad,
    adamw; presets such as torch.AdamW(betas=[0.9, 0.99]), keras.RMSprop(rho=0.9) or optax.lamb(0.01); and any class of
    torch optimizer: torch_class('prodigyopt.Prodigy'). Arguments are named; a bare name is a call without any.
    Raises RecipeError for an unknown name or argument and for a value out of range.

    >>> parse("momentum(lr=0.1)").hyper
    {'lr': 0.1, 'momentum': 0.9, 'dampening': 0.0, 'weight_decay': 0.0, 'clip_norm': 0.0, 'clip_value': 0.0, 'ema': 0.0}
    >>> print(parse("keras.Adam"))
    adamw(eps=1e-07, weight_decay=0.0, form='keras')
    """
    node = read(text, RecipeError)
    if not isinstance(node, Call):
        raise RecipeError("this is not an optimizer", received=text, remedy="write it like: adam(lr=0.001)")
    known = RULES | PRESETS
    if node.name not in known:
        raise RecipeError(f"unknown optimizer {node.name!r}", remedy=did_you_mean(node.name, known))
    make = known[node.name]
    arguments = inspect.signature(make)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in arguments.parameters.values())
    for name in node.kwargs:
        if name not in arguments.parameters and not open_ended:
            raise RecipeError(f"{node.name} has no argument {name!r}", remedy=did_you_mean(name, arguments.parameters))
    for value in (*node.args, *node.kwargs.values()):
        if isinstance(value, Call | Operation):
            what = f"an argument of {node.name} is a number, a word in quotes, True or False"
            raise RecipeError(what, received=text, remedy="a schedule goes beside the optimizer, not into it")
    try:
        arguments.bind(*node.args, **node.kwargs)
    except TypeError as wrong:
        usual = [name for name in ("lr", "learning_rate") if name in arguments.parameters]
        first = usual[0] if usual else next(iter(arguments.parameters))
        remedy = f"name each argument once: {node.name}({first}=...)"
        raise RecipeError(f"cannot call {node.name}: {wrong}", received=text, remedy=remedy) from None
    return make(*node.args, **node.kwargs)
