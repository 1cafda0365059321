"""The program of an arm and a seed, over all its processes."""

import hashlib
import math
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from attrs import define, field

from surefoot.programs.executor import Handle
from surefoot.programs.journal import Key
from surefoot.programs.reading import Look, Reading
from surefoot.search import Seen


@define(eq=False)
class Program:
    """The program of an arm and a seed, over all its processes.

    Parameters: `looks`, what it reported, by their places, which rise; `failed`, why it was given up; `since`, when it
    had reported all that was asked of it.
    """

    key: Key
    folder: Path
    looks: list[Look] = field(factory=list)
    failed: str | None = None
    deaths: int = 0
    handle: Handle | None = None
    reading: Reading | None = None
    paused: bool = False
    since: float | None = None

    @property
    def diverged(self) -> int | None:
        """The look at which it did, or at which it was given up; counted from 1."""
        if self.looks and not math.isfinite(self.looks[-1].value):
            return len(self.looks)
        return None if self.failed is None else len(self.looks) + 1

    def has(self, stop: int) -> bool:
        """Whether there is nothing more to run for to come to this look."""
        return self.diverged is not None or len(self.looks) >= stop

    def seen(self, stop: int, sign: int) -> Seen:
        """What was seen of it up to a look, more being better."""
        bad = self.diverged if self.diverged is not None and self.diverged <= stop else None
        good = self.looks[: stop if bad is None else bad - 1]
        return Seen(tuple((place, sign * look.value) for place, look in enumerate(good, 1)), diverged=bad)

    def take(self, looks: Iterable[Look], most: int) -> list[Look]:
        """Take in what it reported; what of it is new. A program that was started again may report what is known."""
        new = []
        for look in looks:
            is_new = not self.looks or look.place > self.looks[-1].place
            if is_new and self.diverged is None and len(self.looks) < most:
                self.looks.append(look)
                new.append(look)
        return new


def folder_name(key: Key, places: Collection[str]) -> str:
    """A name for its folder: for people, and unlike all others."""
    arm, seed = key
    choices = [value for name, value in arm.choices if name in places]
    said = re.sub(r"[^\w.]+", "-", "-".join([f"lr-{arm.lr:g}", *choices])).strip("-")
    unlike = hashlib.sha256(repr(arm).encode()).hexdigest()[:6]
    return f"{said[:60]}-{unlike}-seed-{seed}"
