"""Spaces: the one there is by default, those in files, and the recipe of each of their arms."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from surefoot.core.errors import RecipeError, UsageError, did_you_mean
from surefoot.core.recipe import Recipe
from surefoot.core.text import number_of
from surefoot.core.units import Clock
from surefoot.optimizers import parse as parse_rule
from surefoot.schedules import parse as parse_schedule
from surefoot.search import Arm, Rates, Space

DEFAULT: Mapping[str, Any] = {
    "optimizers": {"sgd(momentum=0.9)": [1e-3, 3.0], "adamw": [1e-4, 0.1]},
    "schedules": ["cosine()", "linear()", "one_cycle()", "constant(over='80%') >> linear()", "constant()"],
}
PARTS = ("optimizers", "schedules", "lr")
FIRST, SCHEDULE = "optimizer", "schedule"

SpaceLike = Space | Mapping[str, Any] | str | Path | None


def load_space(given: SpaceLike) -> Space:
    """A space from a file, a mapping, or the default one.

    A mapping has `optimizers`, a list of texts or of each its range of rates; `schedules`, a list of shapes; `lr`, the
    range for optimizers without one of their own: `[1.0e-4, 3.0]`, or more than two rates for just these; and lists of
    values of other hyperparameters, the usual one first: `weight_decay: [0.01, 0, 0.1]`.

    Raises RecipeError for a space that is empty or makes no sense.

    >>> load_space({"optimizers": ["adam"], "schedules": ["cosine()"], "lr": [1e-4, 1e-1]}).size
    5
    """
    if isinstance(given, Space):
        return given
    if given is None:
        return _space(DEFAULT, "the default space")
    if isinstance(given, Mapping):
        return _space(given, "the space")
    path = Path(given)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as wrong:
        raise RecipeError(f"cannot read the space {path}: {wrong}") from None
    if not isinstance(found, Mapping):
        raise RecipeError(f"{path} is no space", received=found, remedy="see docs/tune.md: optimizers, schedules, lr")
    return _space(found, str(path))


def recipe_of(arm: Arm) -> Recipe:
    """The recipe that an arm is."""
    hyper = {name: value for name, value in arm.choices if name not in (FIRST, SCHEDULE)}
    more = "".join(f", {name} {value}" for name, value in hyper.items())
    name = f"{arm[FIRST]}, {arm[SCHEDULE]}, lr {arm.lr:g}{more}"
    return Recipe(name, arm[FIRST], arm.lr, arm[SCHEDULE], hyper)


def check_space(space: Space, clock: Clock) -> None:
    """Every optimizer with every schedule and other value must bind, at the lowest rate and at the highest: raises
    UsageError before anything is trained."""
    from surefoot.training import bind

    for optimizer, rates in space.branches.items():
        for schedule in space.schedules:
            for values in space.values(optimizer):
                for rate in {rates.low, rates.high}:
                    bind(recipe_of(space.arm(optimizer, rate, schedule, values)), clock)


def in_order(space: Space, clock: Clock) -> Space:
    """The space with its schedules in the order in which they are tried: those first that end lowest, as forks do that
    cool."""
    from attrs import evolve

    def end(text: str) -> float:
        values = parse_schedule(text).bind(steps=clock.steps, steps_per_epoch=clock.steps_per_epoch).values()
        return float(values[-1] / max(values.max(), 1e-30))

    return evolve(space, schedules=tuple(sorted(space.schedules, key=lambda text: round(end(text), 2))))


def described(space: Space) -> dict[str, Any]:
    """The space as plain data, which `load_space` reads back."""
    rates = {
        name: {"listed": list(each.listed)} if each.listed else [each.low, each.high]
        for name, each in space.branches.items()
    }
    return {"optimizers": rates, "schedules": list(space.schedules), **{n: list(v) for n, v in space.others.items()}}


def _space(given: Mapping[str, Any], what: str) -> Space:
    for name in given:
        if name not in PARTS and get_close_matches(str(name), PARTS, cutoff=0.8):
            raise RecipeError(f"{what} has no {name!r}", remedy=did_you_mean(str(name), PARTS))
    for needed in ("optimizers", "schedules"):
        if not given.get(needed):
            raise RecipeError(f"{what} is empty: it has no {needed}", remedy=f"list at least one under {needed}")
    optimizers, schedules = given["optimizers"], _texts(given["schedules"], "schedules", what)
    ranges = optimizers if isinstance(optimizers, Mapping) else dict.fromkeys(_texts(optimizers, "optimizers", what))
    rules, branches = {}, {}
    for text, rates in ranges.items():
        rules[str(text)] = parse_rule(str(text))
        rates = given.get("lr") if rates is None else rates
        if rates is None:
            raise RecipeError(f"{what} says no rates for {text}", remedy="write a range: lr: [1.0e-4, 1.0]")
        branches[str(text)] = _rates(rates, f"{what}: {text}")
    for text in schedules:
        if parse_schedule(text).is_rate:
            raise RecipeError("a schedule of a space is a shape, which multiplies lr", received=text)
    others = {}
    for name, values in ((str(name), values) for name, values in given.items()):
        if name in PARTS:
            continue
        having = [text for text, rule in rules.items() if name.partition("@")[0] in rule.hyper]
        if not having:
            known = [*PARTS, *(each for rule in rules.values() for each in rule.hyper)]
            raise RecipeError(f"no optimizer of {what} has {name!r}", remedy=did_you_mean(name, known))
        others[name] = tuple(_texts(values, name, what))
    lacking = {
        text: tuple(name for name in others if name.partition("@")[0] not in rule.hyper) for text, rule in rules.items()
    }
    return Space(branches, schedules, others, lacking={text: names for text, names in lacking.items() if names})


def _rates(given: Any, what: str) -> Rates:
    """Two numbers are a range, more are all there are; so are those of `{"listed": ...}`, however many."""
    listed = isinstance(given, Mapping) and "listed" in given
    given = given["listed"] if listed else given
    if isinstance(given, str) or not isinstance(given, Sequence):
        given = [given]
    rates = [number_of(str(each)) for each in given]
    if any(rate is None or rate <= 0 for rate in rates):
        raise RecipeError(f"{what}: rates are numbers above 0", received=given, remedy="write: lr: [1.0e-4, 1.0]")
    known = [rate for rate in rates if rate is not None]
    return Rates(known[0], known[1]) if len(known) == 2 and not listed else Rates.of(known)


def _texts(given: Any, name: str, what: str) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(f"{what}: {name} must be a list", received=given)
    return tuple(str(each) for each in given)
