"""Compare: train every recipe whole, on equal terms, and say which differ and which tie."""

import operator
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from surefoot.core.errors import UsageError
from surefoot.core.history import Facts
from surefoot.core.keys import key
from surefoot.core.language import words
from surefoot.core.recipe import Recipe, check_rate
from surefoot.core.run import Run
from surefoot.core.task import Task
from surefoot.core.text import number
from surefoot.core.units import Clock
from surefoot.report import Comparison
from surefoot.store import FILE, Store
from surefoot.studies.recipes import RecipeSet, load_recipes
from surefoot.studies.session import Session
from surefoot.tasks import Prepared, load, prepare
from surefoot.training import Entry, Wanted, bind, initial_model


def compare(
    task: str | Path | Task = "digits",
    recipes: "str | Path | RecipeSet | Recipe | Sequence[Recipe]" = "classic",
    seeds: int | Sequence[int] = 3,
    *,
    lr: float | Sequence[float] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    trainer: str = "auto",
    place: str = "auto",
    compile: bool | None = None,
    tile: int | None = None,
    device: str | None = None,
    data: str | Path | None = None,
    target: float | None = None,
    out: str | Path | None = "surefoot-runs",
    resume: bool = False,
    checkpoint_every: float = 30.0,
    progress: bool = True,
    lang: str = "en",
    command: str = "",
) -> Comparison:
    """Train every recipe on a task, whole, with the same seeds, and judge.

    Parameters:
        task: a built-in task's name, a file with a `task()` function, or a `Task`.
        recipes: the name of a set ("classic", "source"), a recipe file, or `Recipe`s.
        seeds: how many (0, 1, ...) or which. A seed decides initial weights, batch order and dropout masks, the same
            for every recipe: differences are paired.
        lr: replaces every recipe's rate; of several, one recipe a rate.
        epochs, batch_size, device: override the recipe set's and the task's.
        trainer: "fused" (rows stacked and trained together), "loop" (plain `torch.optim`, one by one), or "auto", which
            times a few updates of each.
        place: "here", "pool" (a process per core) or "auto". compile: whether the fused trainer's step is compiled;
            None compiles where that pays. tile: rows trained at once; None takes what fits the processor's cache.
        data: the folder of a task's data files.
        target: the value of the ranking metric to count steps to; None takes the median recipe's final value.
        out: the folder of the record file; None keeps nothing.
        resume: go on with the same comparison where it was left, however it ended; its numbers are those of one that
            was not interrupted. Where there is none, this begins it. The plan (trainer, place, ...) is the one stored.
        checkpoint_every: seconds of training that a kill may cost at most, about.
        progress: whether to show it on standard error.
        lang: the language of what people read: "en" or "zh".

    Raises UsageError (RecipeError, ScheduleError, TaskError, DataError) before anything is trained, StoreError where
    another process writes to the folder.

    >>> import surefoot as sf
    >>> found = sf.compare("digits", [sf.Recipe("Adam", "adam", 0.01), sf.Recipe("SGD", "sgd", 1e-5)], seeds=2,
    ...                    epochs=1, out=None, progress=False)
    >>> found.best.recipe.name, found.best.ties
    ('Adam', ())
    """
    chosen = load_recipes(recipes).at_rates(_rates(lr))
    which = _seeds(seeds)
    wanted = Wanted(trainer, place, compile, tile)
    words(lang)  # refuses a language that is not there before anything is trained
    every = _every(checkpoint_every)
    if target is not None and number(target) is None:
        raise UsageError("the target must be a finite number", received=target)
    declared = load(task, None if data is None else Path(data))
    ready = prepare(
        declared,
        batch_size=chosen.batch_size if batch_size is None else batch_size,
        epochs=chosen.epochs if epochs is None else epochs,
        device=device,
        watch=chosen.curves,
    )
    clock = Clock(ready.steps, ready.steps_per_epoch, ready.batch_size)
    policies = {recipe.name: bind(recipe, clock) for recipe in chosen.recipes}
    content = ready.content()
    pairs = [(recipe, seed) for recipe in chosen.recipes for seed in which]
    runs = [
        Run(index, recipe, seed, key(content, policies[recipe.name].content(), seed))
        for index, (recipe, seed) in enumerate(pairs)
    ]
    source = "" if isinstance(task, Task) else str(task)
    facts = _facts(ready, source, declared.about, which, trainer, target, command)
    entries = [Entry(run, policies[run.recipe.name]) for run in runs]
    with Store(Path(":memory:") if out is None else Path(out) / FILE) as store:
        session = Session(store, ready, entries, facts, environment(), wanted, every, progress, lang)
        return Comparison.of(session.resume() if resume else session.begin(), lang)


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


def _every(seconds: float) -> float:
    if (every := number(seconds)) is None or every < 0:
        raise UsageError("the seconds between checkpoints must be 0 or more", received=seconds)
    return every


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    try:
        which = tuple(operator.index(seed) for seed in (range(seeds) if isinstance(seeds, int) else seeds))
    except TypeError:
        which = ()
    if isinstance(seeds, bool) or not which or min(which) < 0 or len(set(which)) < len(which):
        raise UsageError("seeds must be a number above 0, or different whole numbers", received=seeds)
    return which
