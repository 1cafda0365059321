"""What can be recommended, and how each is written for a training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from attrs import frozen

from surefoot.advice.answers import Answers
from surefoot.advice.rules import read
from surefoot.core.recipe import Recipe

FEW = 20  # epochs: below, the textbook's lengths in epochs do not fit, and shares of the training are taken
# Rates to start from: the textbook's 0.1 for SGD under a schedule, and the defaults of torch.optim for the others.
RATES = {"sgd": 0.1, "momentum": 0.1, "adagrad": 0.01, "rmsprop": 0.01, "adam": 0.001, "adamw": 0.001}
FINE_TUNING = 0.01  # of that for pretrained models: Keras's guide has Adam at 1e-5 in place of 1e-3
FINE_TUNING_TRANSFORMER = 5e-5  # what Transformers' trainer has for Adam and AdamW
RISES_ITSELF = ("one_cycle", "cyclical", "wsd")  # strategies that begin low
RULES = {"momentum": "nesterov"}  # the text of an optimizer, where it is not its name
DECAYS = {"more": 10.0, "less": 0.1}  # times the usual weight decay
USUAL_DECAY = {"adamw": 0.01}  # torch's; the others have none, and "more" is then LITTLE
LITTLE = 1e-3
RISE = 500  # updates of a warm-up where the length of the training is not known


@frozen
class Candidate:
    """A strategy or an optimizer: its name, what speaks for it and against it at any time, by language."""

    name: Mapping[str, str]
    pro: Mapping[str, str]
    con: Mapping[str, str]


@cache
def strategies() -> Mapping[str, Candidate]:
    """The strategies by their names."""
    return _read("strategies")


@cache
def optimizers() -> Mapping[str, Candidate]:
    """The optimizers by their names."""
    return _read("optimizers")


def _read(part: str) -> dict[str, Candidate]:
    return {name: Candidate(**entry) for name, entry in read("candidates.yaml")[part].items()}


def schedule_of(strategy: str, answers: Answers, *, warmup: bool = False) -> str:
    """A strategy as the text of a shape that suits the training."""
    text = _shape(strategy, answers)
    rise = _rise(answers) if answers.length == "unknown" else "'5%'"
    return f"warmup({rise}) >> {text}" if warmup and strategy not in RISES_ITSELF else text


def _shape(strategy: str, answers: Answers) -> str:
    epochs, unknown = answers.epochs, answers.length == "unknown"
    long = unknown or (epochs is not None and epochs >= FEW)
    match strategy:
        case "step":
            return "step('10ep', factor=0.5)" if long else "step('20%', factor=0.5)"
        case "exponential":
            return "exponential(0.9, every='1ep', staircase=True)" if unknown else "exponential(0.05, every='100%')"
        case "plateau":
            # The textbook's 0.1 and 5 are for trainings of 30 epochs: shorter ones wait for less, and fall by less.
            if long or epochs is None:
                return "plateau(0.1, patience=5)"
            return f"plateau(0.5, patience={max(1, epochs // 6)})"
        case "cyclical":
            return "cyclical(2000, low=1/6)" if unknown else "cyclical('10%', low=1/6)"
        case "wsd":
            return f"warmup({_rise(answers)}) >> constant()" if unknown else "wsd()"
        case _:
            return f"{strategy}()"


def _rise(answers: Answers) -> int:
    """The updates of a warm-up where the length is not known: RISE, or an epoch where that is less."""
    if answers.samples is None or answers.batch_size is None:
        return RISE
    return min(RISE, -(-answers.samples // answers.batch_size))


def recipe_of(optimizer: str, strategy: str, answers: Answers, add: frozenset[str]) -> Recipe:
    """A recipe to start from. `add`: what rules want besides."""
    hyper: dict[str, object] = {}
    if strategy == "one_cycle" and optimizer == "momentum":
        hyper["momentum"] = "one_cycle_momentum()"
    decay = USUAL_DECAY.get(optimizer, 0.0)
    if "decay_more" in add:
        hyper["weight_decay"] = decay * DECAYS["more"] or LITTLE
    elif "decay_less" in add and decay:
        hyper["weight_decay"] = decay * DECAYS["less"]
    name = f"{optimizers()[optimizer].name['en']}, {strategies()[strategy].name['en']}"
    rule = RULES.get(optimizer, optimizer)
    schedule = schedule_of(strategy, answers, warmup="warmup" in add)
    return Recipe(name, rule, _rate(optimizer, answers, add), schedule, hyper)


def _rate(optimizer: str, answers: Answers, add: frozenset[str]) -> float:
    if "lower_rate" not in add:
        return RATES[optimizer]
    if answers.model == "transformer" and optimizer in ("adam", "adamw"):
        return FINE_TUNING_TRANSFORMER
    return RATES[optimizer] * FINE_TUNING
