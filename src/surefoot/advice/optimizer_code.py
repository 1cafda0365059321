"""An optimizer as the expression that makes it in Keras or optax, with the numbers of the rule.

Where they differ from torch: Keras and optax have ε of AdaGrad inside the root, and Keras that of RMSprop too: ε²
inside is nearly ε outside. Keras decays weights apart from the gradient, with every optimizer: a coupled decay λ is the
gradient of an L2 penalty λ/2.
"""

from __future__ import annotations

from surefoot.optimizers import Adam, Rule

KERAS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad"}


def coupled_decay(rule: Rule, hyper: dict[str, float]) -> float:
    """The weight decay that goes into the gradient."""
    return 0.0 if isinstance(rule, Adam) and rule.decoupled else hyper["weight_decay"]


def keras_optimizer(rule: Rule, hyper: dict[str, float], rate: str, *, clip: bool) -> str:
    """`keras.optimizers.…(…)`, without a coupled weight decay, which is a penalty of the layers there."""
    name = _name(rule)
    arguments = {"learning_rate": rate}
    match name:
        case "sgd" if hyper["momentum"]:
            arguments |= {"momentum": f"{hyper['momentum']:g}", "nesterov": "True"}
        case "adagrad":
            arguments |= {"initial_accumulator_value": "0.0", "epsilon": f"{hyper['eps'] ** 2:g}"}
        case "rmsprop":
            arguments |= {"rho": f"{hyper['alpha']:g}", "epsilon": f"{hyper['eps'] ** 2:g}"}
        case "adam" | "adamw":
            arguments |= {"epsilon": f"{hyper['eps']:g}"}
    if name == "adamw":
        arguments["weight_decay"] = f"{hyper['weight_decay']:g}"
    return f"keras.optimizers.{KERAS[name]}({_named(arguments | ({'global_clipnorm': '1.0'} if clip else {}))})"


def optax_optimizer(rule: Rule, hyper: dict[str, float], rate: str, *, clip: bool, momentum: str = "") -> str:
    """`optax.…(…)`, in a chain where gradients are clipped or weights decayed. `momentum`: a schedule of it."""
    name = _name(rule)
    arguments = {"learning_rate": rate}
    match name:
        case "sgd" if hyper["momentum"]:
            arguments |= {"momentum": momentum or f"{hyper['momentum']:g}", "nesterov": "True"}
        case "adagrad":
            arguments |= {"initial_accumulator_value": "0.0", "eps": f"{hyper['eps'] ** 2:g}"}
        case "rmsprop":
            arguments |= {"decay": f"{hyper['alpha']:g}", "eps": f"{hyper['eps']:g}", "eps_in_sqrt": "False"}
        case "adamw":
            arguments["weight_decay"] = f"{hyper['weight_decay']:g}"
    kind = f"optax.{name}"
    if momentum:
        kind = f'optax.inject_hyperparams({kind}, static_args=("nesterov",))'
    chain = ["optax.clip_by_global_norm(1.0)"] * clip
    chain += [f"optax.add_decayed_weights({decay:g})"] if (decay := coupled_decay(rule, hyper)) else []
    made = f"{kind}({_named(arguments)})"
    return f"optax.chain({', '.join([*chain, made])})" if chain else made


def _name(rule: Rule) -> str:
    return "adamw" if isinstance(rule, Adam) and rule.decoupled else rule.name


def _named(arguments: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())
