"""A recommended recipe as a script of a framework that runs as it is."""

from __future__ import annotations

import re
from typing import Any, Self

import jinja2
from attrs import frozen

from surefoot.advice.answers import Answers
from surefoot.advice.optimizer_code import coupled_decay, keras_optimizer, optax_optimizer
from surefoot.core.errors import UsageError, did_you_mean
from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.optimizers import Rule, torch_source
from surefoot.optimizers import parse as parse_rule
from surefoot.report.framework_code import framework_code
from surefoot.schedules import Curve, Schedule, parse
from surefoot.schedules.on_plateau import Plateau
from surefoot.schedules.time import Then

FRAMEWORKS = ("torch", "keras", "optax")
STEPS, EPOCHS, BATCH = 1000, 10, 32  # of the script, where the horizon is not known
OPTAX_MOMENTUM = """\
from surefoot.adapters.optax import schedule as of_text

momentum = of_text("{momentum}", steps={clock.steps}, steps_per_epoch={clock.steps_per_epoch})


"""
MOVING = """\
from surefoot.adapters.torch import Scheduler


def make_scheduler(optimizer):
    return Scheduler(
        optimizer, "{shape}", momentum="{momentum}", steps={clock.steps}, steps_per_epoch={clock.steps_per_epoch}
    )
"""


def script(recipe: Recipe, answers: Answers, framework: str, *, clip: bool = False) -> str:
    """The source of a script: the schedule, the optimizer, a training loop over an example to be replaced.

    Parameters: `answers`, whose samples, epochs and batch size give the horizon; `clip`, whether gradients are clipped.

    It needs the framework alone, but for schedules that react and begin with a warm-up, and for momentum that moves:
    these go through Surefoot's adapter. Keras compiles momentum into its step: there it does not move, and the script
    says so. Raises UsageError for an unknown framework.
    """
    if framework not in FRAMEWORKS:
        raise UsageError(f"there is no code for {framework!r}", remedy=did_you_mean(framework, FRAMEWORKS))
    epochs = answers.epochs or EPOCHS
    batch = answers.batch_size or min(BATCH, answers.samples or BATCH)
    steps = answers.steps or (epochs * -(-answers.samples // batch) if answers.samples else max(STEPS, epochs))
    facts = _facts(recipe, Clock(steps, max(1, steps // epochs), batch), framework, clip)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("surefoot.advice", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    made = environment.get_template(f"{framework}.py.txt").render(
        facts, epochs=epochs, regression=answers.task == "regression"
    )
    return re.sub(r"\n{4,}", "\n\n\n", made)


@frozen
class _Plan:
    """A recipe's schedule taken apart: what it is made of, and what a framework can do by itself."""

    shape: Schedule
    rate: float
    clock: Clock
    plateau: Plateau | None  # at the end of the schedule
    momentum: str | None  # where it moves
    rule: Rule
    hyper: dict[str, float]

    @classmethod
    def of(cls, recipe: Recipe, clock: Clock) -> Self:
        shape = parse(recipe.schedule)
        last = shape.parts[-1] if isinstance(shape, Then) else shape
        plateau = last if isinstance(last, Plateau) else None
        rule, given, rate = parse_rule(recipe.optimizer), dict(recipe.hyper), recipe.lr or 0.0
        decay = {"weight_decay": float(given["weight_decay"])} if "weight_decay" in given else {}
        hyper = rule.hyper | {"lr": rate} | decay
        return cls(shape, rate, clock, plateau, given.get("momentum"), rule, hyper)

    @property
    def penalty(self) -> str:
        """Half the coupled weight decay, for an L2 penalty; empty where there is none."""
        decay = coupled_decay(self.rule, self.hyper)
        return f"{decay / 2:g}" if decay else ""

    @property
    def plain(self) -> bool:
        """Whether it is a plateau and nothing else: the frameworks have that."""
        return self.shape is self.plateau

    @property
    def rate_text(self) -> str:
        """The schedule as a learning rate."""
        return str(self.rate * self.shape)


def _facts(recipe: Recipe, clock: Clock, framework: str, clip: bool) -> dict[str, Any]:
    plan = _Plan.of(recipe, clock)
    length = f"{clock.steps:,} updates; for another length print it again: surefoot advise --code {framework}"
    return {
        "title": f"{recipe.name}, over {length}",
        "clock": clock,
        "plan": plan,
        "clip": clip,
        "schedule": _schedule(plan, framework),
        "optimizer": _optimizer(plan, framework, clip),
    }


def _schedule(plan: _Plan, framework: str) -> str:
    """The code of the schedule; none where the framework's own plateau does it all."""
    if plan.plain:
        return ""
    if plan.plateau and framework == "keras":
        return "from surefoot.adapters.keras import HyperparameterScheduler\n"
    if framework == "torch" and plan.momentum:
        return MOVING.format(shape=str(plan.shape), momentum=plan.momentum, clock=plan.clock)
    shape: Schedule = plan.shape if framework == "torch" else plan.rate * plan.shape
    if plan.plateau and framework == "optax":  # there the plateau is chained behind what leads to it
        assert isinstance(plan.shape, Then)
        shape = plan.rate * plan.shape.parts[0]
    code = framework_code(Curve(shape, plan.clock), framework)
    if framework == "optax" and plan.momentum:
        code = OPTAX_MOMENTUM.format(momentum=plan.momentum, clock=plan.clock) + code
    return re.sub(r"^import keras\n|^import jax.numpy as jnp\n", "", code, flags=re.M).strip("\n") + "\n"


def _optimizer(plan: _Plan, framework: str, clip: bool) -> str:
    """The expression that makes the optimizer."""
    fixed = f"{plan.rate:g}"
    if framework == "torch":
        source = torch_source(plan.rule, plan.hyper)
        assert source is not None  # every optimizer that is recommended is one of torch's
        return source
    if framework == "keras":
        return keras_optimizer(plan.rule, plan.hyper, fixed if plan.plateau else "Schedule()", clip=clip)
    rate, momentum = (fixed if plan.plain else "schedule"), ("momentum" if plan.momentum else "")
    return optax_optimizer(plan.rule, plan.hyper, rate, clip=clip, momentum=momentum)
