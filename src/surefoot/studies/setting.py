"""What is to be trained: a task, recipes and seeds, checked, before anything is trained."""

import operator
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from surefoot.core.errors import UsageError, did_you_mean
from surefoot.core.history import Facts
from surefoot.core.keys import key
from surefoot.core.recipe import Recipe, check_rate
from surefoot.core.run import Run
from surefoot.core.task import Task
from surefoot.core.text import number
from surefoot.core.units import Clock
from surefoot.studies.recipes import RecipeSet, load_recipes
from surefoot.tasks import Prepared, load, prepare
from surefoot.training import Entry, bind, check_parts, initial_model

WAYS = ("accumulate", "precision", "patience", "device")  # what else `prepare` takes
Recipes = str | Path | RecipeSet | Recipe | Sequence[Recipe]


@frozen(eq=False)
class Setting:
    """A task that can be trained, its runs, and what is recorded about them."""

    task: Prepared
    entries: Sequence[Entry]
    facts: Facts

    @classmethod
    def of(
        cls,
        task: str | Path | Task,
        recipes: Recipes,
        seeds: int | Sequence[int],
        *,
        lr: float | Sequence[float] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        data: str | Path | None = None,
        target: float | None = None,
        trainer: str = "auto",
        command: str = "",
        **ways: Any,
    ) -> Self:
        """Read, prepare, bind: see `compare`; `ways`, for `prepare`. Raises UsageError where anything could not be
        trained."""
        check_known(ways, WAYS, "compare")
        chosen = load_recipes(recipes).at_rates(_rates(lr))
        which = _seeds(seeds)
        if target is not None and number(target) is None:
            raise UsageError("the target must be a finite number", received=target)
        declared = load(task, None if data is None else Path(data))
        ready = prepare(
            declared,
            batch_size=chosen.batch_size if batch_size is None else batch_size,
            epochs=chosen.epochs if epochs is None else epochs,
            watch=chosen.curves,
            **ways,
        )
        clock = Clock(ready.steps, ready.steps_per_epoch, ready.batch_size)
        policies = {recipe.name: bind(recipe, clock) for recipe in chosen.recipes}
        check_parts(ready, policies.values())
        content = ready.content()
        pairs = [(recipe, seed) for recipe in chosen.recipes for seed in which]
        runs = [
            Run(index, recipe, seed, key(content, policies[recipe.name].content(), seed))
            for index, (recipe, seed) in enumerate(pairs)
        ]
        source = "" if isinstance(task, Task) else str(task)
        facts = _facts(ready, source, declared.about, which, trainer, target, command)
        return cls(ready, [Entry(run, policies[run.recipe.name]) for run in runs], facts)


def environment() -> dict[str, str]:
    """What a result depends on beside the recipe: versions and machine."""
    return {
        "surefoot": version("surefoot"),
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _facts(
    ready: Prepared,
    source: str,
    about: str,
    seeds: tuple[int, ...],
    trainer: str,
    target: float | None,
    command: str,
) -> Facts:
    held = {"train": ready.train, "test": ready.test, ready.watched_name: ready.watched}
    return Facts(
        task=ready.name,
        source=source,
        about=about,
        watched=ready.watched_name,
        rank=ready.rank.name,
        goal=ready.rank.goal,
        metrics=tuple(metric.name for metric in ready.metrics),
        samples={name: len(split) for name, split in held.items() if split is not None},
        parameters=sum(p.numel() for p in initial_model(ready, 0).parameters()),
        batch_size=ready.batch_size,
        epochs=ready.epochs,
        steps_per_epoch=ready.steps_per_epoch,
        last_batch=ready.last_batch,
        device=str(ready.device),
        accumulate=ready.accumulate,
        precision=ready.precision,
        patience=ready.patience,
        fingerprint=ready.fingerprint,
        seeds=seeds,
        trainer=trainer,
        target=target,
        command=command,
    )


def _rates(lr: float | Sequence[float] | None) -> list[float]:
    if lr is None:
        return []
    return [check_rate(rate) for rate in ([lr] if isinstance(lr, int | float) else lr)]


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    try:
        which = tuple(operator.index(seed) for seed in (range(seeds) if isinstance(seeds, int) else seeds))
    except TypeError:
        which = ()
    if isinstance(seeds, bool) or not which or min(which) < 0 or len(set(which)) < len(which):
        raise UsageError("seeds must be a number above 0, or different whole numbers", received=seeds)
    return which


def seconds_between(checkpoints: float) -> float:
    """Raises UsageError unless this is a number of seconds."""
    if (every := number(checkpoints)) is None or every < 0:
        raise UsageError("the seconds between checkpoints must be 0 or more", received=checkpoints)
    return every


def check_known(options: Iterable[str], known: Sequence[str], command: str) -> None:
    """Raises UsageError for an option that a command does not have."""
    for name in options:
        if name not in known:
            raise UsageError(f"{command} has no option {name!r}", remedy=did_you_mean(name, known))
