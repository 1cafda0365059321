"""What a program reports: looks at a metric, read from JSON lines that it prints or from TensorBoard's event files."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from attrs import define, field, frozen

from surefoot.core.errors import UsageError
from surefoot.programs.events import Scalars, event_files

Source = Literal["lines", "tensorboard"]
PLACES = ("epoch", "step")  # the keys of a line that say where in training it is
LONGEST = 1 << 20  # bytes of a line
EVERY = 0.25  # seconds between two looks into folders


@frozen
class Look:
    """A value of the metric, nan or infinite where training was lost, and the place in training it was seen at."""

    place: tuple[float, ...]
    value: float


class Reading(Protocol):
    """Reads the reports of one process of a program."""

    def read(self, printed: bytes, *, over: bool) -> list[Look]:
        """The looks since the last time; `printed`, what came out since; `over`, whether nothing more will."""
        ...

    def heard(self) -> str:
        """What was there to read, for someone who asks why the metric was not among it."""
        ...


@define(eq=False)
class Lines:
    """JSON lines on standard output: `{"epoch": 3, "val_loss": 0.21}`. Whatever else is printed is passed over.

    The place is what a line says under `epoch` and `step`; where it says neither, the number of the report, or with
    `counting` off none, and the line is passed over.

    >>> Lines("loss").read(b'training\\n{"epoch": 0, "loss": 0.5}\\n{"epoch": 1, "loss": NaN}\\n', over=False)
    [Look(place=(0.0,), value=0.5), Look(place=(1.0,), value=nan)]
    """

    metric: str
    counting: bool = True
    rest: bytes = b""
    count: int = 0
    keys: dict[str, None] = field(factory=dict)

    def read(self, printed: bytes, *, over: bool) -> list[Look]:
        *whole, self.rest = (self.rest + printed).split(b"\n")
        if over or len(self.rest) > LONGEST:
            whole, self.rest = [*whole, self.rest], b""
        return [look for line in whole if (look := self._look(line)) is not None]

    def heard(self) -> str:
        return f"JSON lines with: {', '.join(self.keys)}" if self.keys else "no JSON lines"

    def _look(self, line: bytes) -> Look | None:
        if not line.strip().startswith(b"{"):
            return None
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return None
        self.keys |= dict.fromkeys(list(said)[:20])
        if self.metric not in said or (value := number(said[self.metric])) is None:
            return None
        self.count += self.counting
        place = _place(said) or (float(self.count),) * self.counting
        return Look(place, value) if place else None


def _place(said: Mapping[str, Any]) -> tuple[float, ...]:
    found = [number(said[name]) for name in PLACES if name in said]
    return tuple(each for each in found if each is not None and math.isfinite(each))


def number(said: object) -> float | None:
    """A metric as it was written down: null and "nan" are not finite; what is no number at all gives None.

    >>> number(0.5), number(None), number("-inf"), number("good"), number(True)
    (0.5, nan, -inf, None, None)
    """
    if isinstance(said, bool) or not isinstance(said, int | float | str | None):
        return None
    try:
        return math.nan if said is None else float(said)
    except (ValueError, OverflowError):
        return None


class Events:
    """TensorBoard's event files under a folder: the scalar of a name, at its steps.

    The name is a tag, or a tag behind the folder that its file is in: `validation/epoch_loss`.
    """

    def __init__(self, metric: str, folder: Path) -> None:
        self.metric, self.folder = metric, folder
        self.read_so_far: dict[Path, tuple[int, Scalars]] = {}  # by folder: its size, and what was in it
        self.told, self.next = 0, 0.0

    def read(self, printed: bytes, *, over: bool) -> list[Look]:
        if time.monotonic() < self.next and not over:
            return []
        self.next = time.monotonic() + EVERY
        if not self._has_grown():
            return []
        exact = [place for place in self.read_so_far if self.metric in self._names(place)]
        places = exact or [place for place, (_, read) in self.read_so_far.items() if self.metric in read.tags()]
        if len(places) > 1:
            names = [self._before(place) + self.metric for place in places]
            raise UsageError(
                "several scalars have this name", received=self.metric, remedy=f"ask for one: {', '.join(names)}"
            )
        looks = [look for place in places for look in self._looks(place)]
        new, self.told = looks[self.told :], len(looks)
        return new

    def heard(self) -> str:
        names = sorted({name for place in self.read_so_far for name in self._names(place)})
        return f"scalars in {self.folder}: {', '.join(names[:20])}" if names else f"no event files in {self.folder}"

    def _has_grown(self) -> bool:
        sizes: dict[Path, int] = {}
        for file in event_files(self.folder):
            sizes[file.parent] = sizes.get(file.parent, 0) + file.stat().st_size
        grown = {place: size for place, size in sizes.items() if size != self.read_so_far.get(place, (0,))[0]}
        for place, size in grown.items():
            # What a program that was started again writes again is told apart by its step, as that of any other.
            read = self.read_so_far[place][1] if place in self.read_so_far else Scalars(place, purge=False)
            read.load()
            self.read_so_far[place] = (size, read)
        return bool(grown)

    def _before(self, place: Path) -> str:
        return "" if place == self.folder else f"{place.relative_to(self.folder).as_posix()}/"

    def _names(self, place: Path) -> list[str]:
        return [self._before(place) + tag for tag in self.read_so_far[place][1].tags()]

    def _looks(self, place: Path) -> list[Look]:
        tag = self.metric.removeprefix(self._before(place)) if self.metric in self._names(place) else self.metric
        found = self.read_so_far[place][1].of(lambda name, _: name == tag)
        return [Look((float(step),), value) for _, step, _, value in found]
