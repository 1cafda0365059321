"""Compare: train every recipe whole, on equal terms, and say which differ and which tie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from surefoot.core.language import words
from surefoot.core.task import Task
from surefoot.store import FILE, Store
from surefoot.studies.planning import Planned
from surefoot.studies.session import Session
from surefoot.studies.setting import Recipes, Setting, environment, seconds_between
from surefoot.training import Wanted

if TYPE_CHECKING:
    from surefoot.report import Comparison


def compare(
    task: str | Path | Task = "digits",
    recipes: Recipes = "classic",
    seeds: int | Sequence[int] = 3,
    *,
    lr: float | Sequence[float] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    accumulate: int | None = None,
    precision: Literal["full", "bf16"] | None = None,
    patience: int | None = None,
    trainer: str = "auto",
    place: str = "auto",
    address: str | None = None,
    compile: bool | None = None,
    tile: int | None = None,
    share: bool = True,
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
        epochs, batch_size, accumulate, precision, patience, device: override the recipe set's and the task's.
        trainer: "fused" (rows stacked and trained together), "loop" (plain `torch.optim`, one by one), or "auto", which
            times a few updates of each.
        place: "here", "pool" (a process per core), "ray" (a cluster, see docs/scale.md) or "auto", here or the pool.
        address: of the Ray cluster, HOST:PORT or "auto"; None starts a Ray of this machine.
        compile: whether the fused trainer's step is compiled; None compiles where that pays. tile: rows trained at
            once; None takes what fits the processor's cache.
        share: whether runs with the same past are trained once, and fork where they part.
        data: the folder of a task's data files.
        target: the value of the ranking metric to count steps to; None takes the median recipe's final value.
        out: the folder of the record file; None keeps nothing.
        resume: go on with the same comparison where it was left, however it ended; its numbers are those of one that
            was not interrupted. Where there is none, this begins it. The plan (trainer, place, ...) is the one stored;
            what was begun on a cluster can go on at another `address` or `place`.
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
    wanted = Wanted(trainer, place, compile, tile, share, address=address)
    words(lang)  # refuses a language that is not there before anything is trained
    every = seconds_between(checkpoint_every)
    setting = Setting.of(
        task, recipes, seeds, lr=lr, epochs=epochs, batch_size=batch_size, data=data, target=target, trainer=trainer,
        command=command, device=device, accumulate=accumulate, precision=precision, patience=patience,
    )  # fmt: skip
    with Store(Path(":memory:") if out is None else Path(out) / FILE) as store:
        session = Session(store, setting, environment(), wanted, every, progress, lang)
        study = session.resume() if resume else session.begin()
    from surefoot.report import Comparison  # what draws loads when there is something to draw

    return Comparison.of(study, lang)


def plan(
    task: str | Path | Task = "digits",
    recipes: Recipes = "classic",
    seeds: int | Sequence[int] = 3,
    *,
    trainer: str = "auto",
    place: str = "auto",
    address: str | None = None,
    compile: bool | None = None,
    tile: int | None = None,
    share: bool = True,
    lang: str = "en",
    **options: Any,
) -> Planned:
    """What `compare` with these arguments would train: the stage tree, the work it saves, the time it would take.

    Nothing is trained but a few updates, to time them.

    >>> import surefoot as sf
    >>> steps = [sf.Recipe(at, "sgd", 0.1, f"multistep(['{at}'], factor=0.1)") for at in ("25%", "50%", "75%")]
    >>> print(f"{sf.plan('digits', steps, seeds=2, epochs=4).saved:.0%}")
    25%
    """
    wanted = Wanted(trainer, place, compile, tile, share, timed=True, address=address)
    words(lang)
    return Planned.of(Setting.of(task, recipes, seeds, trainer=trainer, **options), wanted, lang)
