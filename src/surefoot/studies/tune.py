"""Tune: search optimizers × schedules × rates under a budget, and confirm the winner on fresh seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.core.errors import UsageError
from surefoot.core.language import words
from surefoot.core.task import Task
from surefoot.store import FILE, Store
from surefoot.studies.question import Question
from surefoot.studies.search import Search
from surefoot.studies.setting import check_known
from surefoot.studies.space import SpaceLike
from surefoot.training import Wanted

if TYPE_CHECKING:
    from surefoot.studies.tuned import Tuned

BUDGET = "8x"
CONFIRM = 3  # fresh seeds
OPTIONS = ("epochs", "batch_size", "accumulate", "precision", "patience", "device", "data")


def tune(
    task: str | Path | Task = "digits",
    space: SpaceLike = None,
    budget: str | float = BUDGET,
    *,
    seeds: int = 1,
    confirm: int = CONFIRM,
    first_seed: int = 0,
    trainer: str = "auto",
    place: str = "auto",
    address: str | None = None,
    out: str | Path | None = "surefoot-runs",
    resume: bool = False,
    progress: bool = True,
    lang: str = "en",
    command: str = "",
    **options: Any,
) -> Tuned:
    """Search optimizers × schedules × learning rates for about the price of a few runs, and say how sure the answer is.

    Trunks at constant rate climb a ladder of rungs, each twice as long; they are ranked on forks that cool, that is on
    what they would end as. The schedules of the best one run whole, from where they leave it, then what lies beside the
    best so far. The winner and its rivals run again on fresh seeds, which the verdict stands on.

    Parameters:
        task: a built-in task's name, a file with a `task()` function, or a `Task`.
        space: a YAML file, a mapping, or None for the default one (docs/tune.md).
        budget: what the search may cost: "8x" or 8, in full runs; or "10min", of which fresh seeds take their part.
        seeds: how many every arm is trained on. confirm: fresh seeds for the winner and its rivals, beyond a budget in
            runs; 0 leaves that out. first_seed: the lowest seed.
        trainer, place, address, out, resume, progress, lang: as in `compare`.
        options: `epochs`, `batch_size`, `accumulate`, `precision`, `patience`, `device` override the task's; `data` is
            the folder of its files.

    Raises UsageError before anything is trained: a space that is empty, a budget too small to decide anything.

    >>> import surefoot as sf
    >>> space = {"optimizers": ["adam"], "schedules": ["cosine()", "constant()"], "lr": [1e-4, 1.0]}
    >>> found = sf.tune("digits", space, budget=4, epochs=2, confirm=2, out=None, progress=False)
    >>> found.best.optimizer, 4 < found.cost < 11
    ('adam', True)
    """
    words(lang)
    check_known(options, OPTIONS, "tune")
    wanted = Wanted(trainer, place, False, timed=True, address=address)
    for name, count, least in (("seeds", seeds, 1), ("confirm", confirm, 0), ("first_seed", first_seed, 0)):
        if not isinstance(count, int) or count < least:
            raise UsageError(f"{name} must be a whole number, {least} or above", received=count)
    which, fresh = range(first_seed, first_seed + seeds), range(first_seed + seeds, first_seed + seeds + confirm)
    given: dict[str, Any] = {"trainer": trainer, "command": command, **options}
    question = Question.of(task, space, budget, tuple(which), tuple(fresh), given)
    with Store(Path(":memory:") if out is None else Path(out) / FILE) as store:
        search = Search(store, question, wanted, progress, lang)
        study = search.resume() if resume else search.begin()
    from surefoot.studies.tuned import Tuned  # what draws loads when there is something to draw

    return Tuned.of(study, search.moments, lang)
