"""A recipe bound to a horizon: its optimizer rule, and a curve for every hyperparameter that moves; and runs of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError, ScheduleError
from surefoot.core.recipe import Recipe, check_rate
from surefoot.core.record import Observation
from surefoot.core.run import Run
from surefoot.core.text import number_of
from surefoot.core.units import Clock
from surefoot.optimizers import Rule
from surefoot.optimizers import parse as parse_rule
from surefoot.optimizers.rule import AROUND
from surefoot.optimizers.scopes import AT, base
from surefoot.schedules import Curve, Schedule, to_json
from surefoot.schedules import parse as parse_schedule
from surefoot.schedules.reactive import States
from surefoot.schedules.wall_clock import WallClockReducer
from surefoot.training.trainer import Row

LONGEST = 10**8  # steps: every value of a schedule is looked at before training


@frozen
class Policy:
    """What a recipe says about every update: the rule, its fixed hyperparameters, and the curves of scheduled ones.

    `moving` names the curves that do not have one value throughout; of the others, `fixed` has the value.
    """

    recipe: Recipe
    rule: Rule
    fixed: Mapping[str, float]
    curves: Mapping[str, Curve]
    moving: frozenset[str]

    def start(self) -> dict[str, States]:
        """The states of the reactive pieces, by hyperparameter."""
        return {name: curve.start() for name, curve in self.curves.items()}

    def observe(self, states: Mapping[str, States], observation: Observation) -> dict[str, States]:
        """The states after one more observation; pure."""
        return {name: curve.update(states[name], observation) for name, curve in self.curves.items()}

    def moves(self, start: int, stop: int, states: Mapping[str, States]) -> dict[str, float | NDArray[np.float64]]:
        """The hyperparameters of updates start … stop − 1: a number, or an array where it may move."""
        columns = {name: self.curves[name].values(start, stop, states[name]) for name in self.moving}
        return {**self.fixed, **columns}

    def first(self) -> dict[str, float]:
        """The hyperparameters of the first update."""
        moves = self.moves(0, 1, self.start())
        return {name: float(np.ravel(value)[0]) for name, value in moves.items()}

    @property
    def steps(self) -> int:
        """The horizon, in updates."""
        return self.curves["lr"].steps

    @property
    def first_look(self) -> int:
        """The updates made before anything can have been observed."""
        return self.curves["lr"].clock.steps_per_epoch or self.steps

    @property
    def hyper_names(self) -> tuple[str, ...]:
        """The hyperparameters, those of chosen parameters too (`weight_decay@*.bias`)."""
        return tuple(dict.fromkeys((*self.fixed, *self.moving)))

    @property
    def family(self) -> tuple[object, ...]:
        """What runs must have in common to be updated together, and to be one run while their numbers agree."""
        return self.rule.structure, tuple(sorted(self.hyper_names))

    def is_reactive(self, name: str) -> bool:
        """Whether a hyperparameter depends on what is observed."""
        return name in self.curves and bool(self.curves[name].reducers)

    def content(self) -> dict[str, Any]:
        """What the recipe does, whatever it is called and however it is written: what a run's key is made of."""
        curves = {name: to_json(curve.schedule) for name, curve in self.curves.items()}
        fixed = {name: value for name, value in self.fixed.items() if name not in curves}
        return {"rule": list(self.rule.structure), "fixed": fixed, "curves": curves}

    def check(self) -> list[str]:
        """What looks wrong about the curves, in sentences that name the recipe."""
        return [
            f"{self.recipe.name}: {name}: {found}"
            for name, curve in self.curves.items()
            for found in curve.check(of=name)
        ]


@frozen(eq=False)
class Entry:
    """A run and what it needs to train: its policy, and what was observed of it before, where it goes on."""

    run: Run
    policy: Policy
    past: Sequence[Observation] = ()

    def row(self) -> Row:
        """The run as a trainer sees it."""
        return Row(self.policy.rule, self.policy.first(), self.run.seed, self.policy.moving)


def bind(recipe: Recipe, clock: Clock) -> Policy:
    """The recipe over a horizon.

    Raises RecipeError for an optimizer or hyperparameter that is not known or out of range at any update, and
    ScheduleError for a schedule that cannot be read or does not fit the horizon; both name the recipe.
    """
    if clock.steps > LONGEST:
        raise RecipeError(f"the horizon is longer than {LONGEST:,} steps", received=clock.steps, remedy="check epochs")
    try:
        rule = parse_rule(recipe.optimizer)
        peak = check_rate(rule.hyper["lr"] if recipe.lr is None else recipe.lr)
        schedules = {"lr": _rate(peak, parse_schedule(recipe.schedule))}
        fixed = dict(rule.hyper)
        for name, text in recipe.hyper:
            value = number_of(text)
            if AT in name and base(name) in AROUND:
                raise RecipeError(f"{base(name)} is of the whole model", received=name, remedy=f"write {base(name)}")
            if value is None:
                schedules[name] = _scheduled(rule, name, text)
            elif name.startswith(f"lr{AT}"):
                schedules[name] = _rate(check_rate(value), parse_schedule(recipe.schedule))
            else:
                rule.check(base(name), value)
                fixed[name] = float(value)
        curves = {name: _fitting(schedule, clock) for name, schedule in schedules.items()}
        ranges = {name: _in_range(rule, name, curve) for name, curve in curves.items()}
    except (RecipeError, ScheduleError) as wrong:
        raise type(wrong)(f"recipe {recipe.name!r}: {wrong}") from None
    moving = frozenset(n for n, (low, high) in ranges.items() if curves[n].reducers or low != high)
    return Policy(recipe, rule, fixed | {n: low for n, (low, _) in ranges.items() if n not in moving}, curves, moving)


def _fitting(schedule: Schedule, clock: Clock) -> Curve:
    # Elsewhere a schedule that is cut off is a finding; here runs would be compared that never end as they should.
    curve = Curve(schedule, clock)
    for note in curve.notes:
        if note.cut_off:
            raise ScheduleError(note.what, remedy=note.remedy)
    if any(isinstance(reducer, WallClockReducer) for reducer in curve.reducers):
        raise ScheduleError(
            "runs that are trained together have no time of their own: wall_clock cannot be compared",
            received=str(schedule),
            remedy="use it in a training loop: sf.adapters.torch.Scheduler",
        )
    return curve


def _rate(peak: float, shape: Schedule) -> Schedule:
    if shape.is_rate:
        raise ScheduleError(
            "the schedule of a recipe is a shape, which multiplies lr",
            received=str(shape),
            remedy="give the number as lr and the shape as schedule",
        )
    return peak * shape


def _scheduled(rule: Rule, name: str, text: str) -> Schedule:
    rule.check(base(name), rule.hyper.get(base(name), 0.0))
    schedule = parse_schedule(text)
    if not schedule.is_rate:
        raise ScheduleError(
            f"the schedule of {name} must say its height", received=text, remedy=f"write: 0.9 * ({text})"
        )
    return schedule


def _in_range(rule: Rule, name: str, curve: Curve) -> tuple[float, float]:
    values = curve.values()
    for step in {int(values.argmin()), int(values.argmax())}:
        try:
            rule.check(base(name), float(values[step]))
        except RecipeError as wrong:
            raise RecipeError(f"{wrong.what}; at step {step} of {curve.steps} it is", received=wrong.received) from None
    return float(values.min()), float(values.max())
