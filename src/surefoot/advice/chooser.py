"""The choice: rules that hold give their voices, conflicts are settled, candidates are ranked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import frozen

from surefoot.advice.answers import FITS, LOSSES, MODELS, TASKS, Answers, answered
from surefoot.advice.candidates import optimizers, recipe_of, strategies
from surefoot.advice.rules import WEIGHTS, Rule, in_force, rules
from surefoot.core.errors import UsageError
from surefoot.core.recipe import Recipe

FIRST = 5  # recipes that are written out
# Optimizers that are nearly one: a list of recipes shows one of each.
FAMILIES = {"adam": 0, "adamw": 0, "momentum": 1, "sgd": 1, "rmsprop": 2, "adagrad": 3}
SCALED = ("sgd", "momentum")  # optimizers whose rate follows the batch size
# Answers to try in place of those given, to see what would change the choice.
OTHERWISE: Mapping[str, tuple[Any, ...]] = {
    "model": MODELS,
    "task": TASKS,
    "pretrained": (True, False),
    "sensitive": (True, False),
    "val_loss": LOSSES,
    "fit": FITS,
    "sparse": (True, False),
    "length": ("unknown",),
    "samples": (5_000, 100_000, 5_000_000),
}


@frozen
class Ranked:
    """A candidate with its voices: the rules for it and against it, and the one that excludes it."""

    name: str
    score: int
    pros: tuple[Rule, ...]
    cons: tuple[Rule, ...]
    excluded: Rule | None


@frozen
class Change:
    """Another answer to one question, and the optimizer and strategy that would come first then."""

    question: str
    answer: Any
    optimizer: str
    strategy: str


@frozen
class Choice:
    """Strategies and optimizers from best to worst; what to add; recipes; conflicts as (who wins, who is overruled)."""

    answers: Answers
    strategies: tuple[Ranked, ...]
    optimizers: tuple[Ranked, ...]
    add: tuple[tuple[str, Rule], ...]
    conflicts: tuple[tuple[Rule, Rule], ...]
    recipes: tuple[Recipe, ...]

    @property
    def first(self) -> tuple[str, str]:
        """The optimizer and the strategy that come first."""
        return self.optimizers[0].name, self.strategies[0].name


def choose(answers: Answers, evidence: Collection[str] = tuple(WEIGHTS)) -> Choice:
    """What the rules recommend. `evidence`: the kinds of rules that are asked; ("textbook",) gives the textbook's word.

    Raises UsageError for an unknown kind.

    >>> choice = choose(Answers(task="classification", samples=60_000, epochs=10, model="cnn"))
    >>> choice.first
    ('adamw', 'linear')
    >>> choose(Answers(samples=2000, epochs=5, pretrained=True), ["textbook"]).strategies[0].name
    'one_cycle'
    """
    if not evidence or not set(evidence) <= set(WEIGHTS):
        raise UsageError(f"the kinds of evidence are {', '.join(WEIGHTS)}", received=list(evidence))
    holding = [rule for rule in rules() if rule.holds(answers.derived)]
    voiced, conflicts = in_force(rule for rule in holding if rule.evidence in evidence)
    ranked = _ranked(strategies(), voiced, holding), _ranked(optimizers(), voiced, holding)
    best = ranked[1][0].name
    add = tuple((what, rule) for rule in voiced for what in rule.add if what != "scale_rate" or best in SCALED)
    wanted = frozenset(what for what, _ in add)
    pairs = _pairs(*ranked)
    recipes = tuple(recipe_of(optimizer, strategy, answers, wanted) for optimizer, strategy in pairs)
    return Choice(answers, ranked[0], ranked[1], add, tuple(conflicts), recipes)


def _pairs(by_strategy: tuple[Ranked, ...], by_optimizer: tuple[Ranked, ...]) -> list[tuple[str, str]]:
    """The first few of the best optimizer, and of the best of another family, with every strategy that can be used."""
    usable = [each for each in by_strategy if each.excluded is None]
    best = by_optimizer[0]
    other = next(each for each in by_optimizer if FAMILIES[each.name] != FAMILIES[best.name])
    pairs = [(o, s) for s in usable for o in (best, other) if o is best or o.score > 0]
    pairs.sort(key=lambda pair: -(pair[0].score + pair[1].score))
    return [(optimizer.name, strategy.name) for optimizer, strategy in pairs[:FIRST]]


def _ranked(candidates: Collection[str], voiced: list[Rule], holding: list[Rule]) -> tuple[Ranked, ...]:
    """By voices, those that cannot be used last; the order of the candidates decides among equals.

    What excludes is no evidence but a fact: it counts whatever evidence is asked for.
    """
    found = []
    for name in candidates:
        pros = tuple(rule for rule in voiced if name in rule.prefer)
        cons = tuple(rule for rule in voiced if name in rule.avoid)
        excluded = next((rule for rule in holding if name in rule.exclude), None)
        score = sum(rule.weight for rule in pros) - sum(rule.weight for rule in cons)
        found.append(Ranked(name, score, pros, cons, excluded))
    return tuple(sorted(found, key=lambda each: (each.excluded is not None, -each.score)))


def changes(choice: Choice, evidence: Collection[str] = tuple(WEIGHTS)) -> Iterator[Change]:
    """Answers, one at a time, that would put another recipe first; of several that lead to the same, the first."""
    seen = set()
    for question, others in OTHERWISE.items():
        for other in others:
            changed = _with(choice.answers, question, other)
            if changed is None:
                continue
            optimizer, strategy = choose(changed, evidence).first
            if (optimizer, strategy) != choice.first and (question, optimizer, strategy) not in seen:
                seen.add((question, optimizer, strategy))
                yield Change(question, other, optimizer, strategy)


def _with(answers: Answers, question: str, other: Any) -> Answers | None:
    """The answers with another in the place of one, or None where that is no change or makes no sense."""
    if getattr(answers, question) == other:
        return None
    changed: dict[str, Any] = {question: other}
    if question == "length":
        changed["epochs"] = None
    try:
        return answered(answers, changed)
    except UsageError:
        return None
