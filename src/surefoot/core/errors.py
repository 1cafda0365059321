"""What Surefoot raises. One policy: say what is wrong, what was received, and what to do.

SurefootError
├── UsageError (ValueError)   a mistake that the caller can mend; the command exits with 2
│   ├── ScheduleError         a schedule, its lengths or its text
│   ├── RecipeError           an optimizer, a rate, a recipe file
│   ├── TaskError             a task, its model, its metrics
│   └── DataError             data that is absent, empty, mismatched or corrupt
└── StoreError                the record file cannot be read or written
"""

import difflib
from collections.abc import Iterable


class SurefootError(Exception):
    """Anything Surefoot raises on purpose."""


class UsageError(SurefootError, ValueError):
    """A mistake of the caller: what is wrong, what was received, the remedy."""

    def __init__(self, what: str, *, received: object = None, remedy: str = "") -> None:
        self.what, self.received, self.remedy = what, received, remedy
        got = "" if received is None else f"; received {received!r}"
        todo = f". {remedy[0].upper()}{remedy[1:]}" if remedy else ""
        super().__init__(f"{what}{got}{todo}")


class ScheduleError(UsageError):
    """A schedule that cannot be built, read or bound."""


class RecipeError(UsageError):
    """A recipe, or a recipe file, that makes no sense."""


class TaskError(UsageError):
    """A task that cannot be trained."""


class DataError(UsageError):
    """Data that is absent, empty, mismatched or corrupt."""


class StoreError(SurefootError):
    """The record file cannot be read or written."""


def brief(failure: BaseException) -> str:
    """What failed, in a line.

    >>> brief(ValueError("shapes differ\\nat length"))
    'ValueError: shapes differ'
    """
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return f"{type(failure).__name__}: {(lines or ['no message'])[0][:200]}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest known one, then all of them.

    >>> did_you_mean("cosin", ["cosine", "linear"])
    "did you mean 'cosine'? Known: cosine, linear"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + "Known: " + ", ".join(names)
