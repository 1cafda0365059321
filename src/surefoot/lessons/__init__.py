"""The worked examples: each computes its numbers, draws them, and says what they mean, in English and Chinese."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from surefoot.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from surefoot.lessons.lesson import Lesson, Taught

# In the order in which they build on each other. Loaded when used: some need torch.
LESSONS = {  # name → where its class is
    "descent": "descent.Descent",
    "batches": "batches.Batches",
    "backprop": "backprop.Backprop",
    "averages": "averages.Averages",
    "momentum": "momentum.Momentum",
    "adagrad": "adagrad.AdaGrad",
    "rmsprop": "rmsprop.RMSprop",
    "adam": "adam.Adam",
    "annealing": "annealing.Annealing",
    "parameters": "parameters.Parameters",
    "experiment": "experiment.Experiment",
}

__all__ = ["LESSONS", "learn", "lesson_named"]


def lesson_named(name: str) -> type[Lesson]:
    """A lesson's class by its name. Raises UsageError for one that is not there."""
    if name not in LESSONS:
        raise UsageError(f"there is no lesson {name!r}", remedy=did_you_mean(name, LESSONS))
    module, kind = LESSONS[name].split(".")
    found = getattr(import_module(f"surefoot.lessons.{module}"), kind)
    assert isinstance(found, type)
    return found


def learn(name: str, lang: str = "en", **parameters: Any) -> Taught:
    """Runs a worked example and writes it up: print it, `.plot()` it, `.to_html(path)`; `.found` has the numbers.

    Parameters: `name`, one of `LESSONS`; `lang`, "en" or "zh"; the lesson's own parameters.

    Raises UsageError for an unknown lesson, language or parameter, and for a value out of range.

    >>> taught = learn("descent", lr=[0.125], steps=10)
    >>> taught.found.descents[0].x[1]
    np.float64(0.0)
    """
    from attrs import fields

    from surefoot.lessons.lesson import teach

    kind = lesson_named(name)
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    for given in parameters:
        if given not in known:
            raise UsageError(f"the lesson {name!r} has no parameter {given!r}", remedy=did_you_mean(given, known))
    return teach(kind(**parameters), lang)
