"""What training says while it goes. Everything after training reads records and nothing else."""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen


@frozen
class Observation:
    """What was measured on a run after `step` updates: `{"loss": 0.31, "accuracy": 0.9, "train_loss": 0.2}`.

    `loss` and the metrics are of the watched set (validation); `train_loss` is the mean over the updates since the
    observation before.
    """

    step: int
    values: Mapping[str, float]


@frozen
class Losses:
    """Training losses of one run, one an update, from update `start` (counted from 0) on."""

    run: int
    start: int
    values: Any  # float64 array [n]


@frozen
class Observed:
    """An observation of one run."""

    run: int
    observation: Observation


@frozen
class Diverged:
    """The run's loss was not finite at `step` (or what was measured after it, when `step` updates were made)."""

    run: int
    step: int


@frozen
class Finished:
    """The run is over; `seconds` is its share of the time its population took."""

    run: int
    seconds: float
    final: Mapping[str, float] = field(factory=dict)  # on the test set, where there is one


@frozen
class Failed:
    """The run was given up: its process died again and again. `reason` says of what."""

    run: int
    reason: str


@frozen
class Saved:
    """A tile can be continued from update `step`: its rows are in the file `checkpoint`."""

    tile: int
    step: int
    checkpoint: str


@frozen
class Paused:
    """The run stopped after `step` updates, `seconds` being its share of the time so far. It can be gone on with from
    the file `checkpoint`, where that was kept."""

    run: int
    step: int
    seconds: float
    checkpoint: str | None = None


@frozen
class Progress:
    """Where training is: for people to watch, never stored."""

    done: int  # updates of rows made
    total: int  # updates of rows planned, less those of rows that diverged
    alive: int
    rows: int
    what: str


@frozen
class Note:
    """Something the user should be told once: a fallback and its reason."""

    text: str


@frozen
class Doing:
    """What is going on before the first update: for people to watch, never stored."""

    text: str


Record = Losses | Observed | Diverged | Finished | Failed | Saved | Paused
Event = Record | Progress | Note | Doing


class Sink(Protocol):
    """Whoever listens to a trainer: the store, a progress bar, both."""

    def __call__(self, event: Event, /) -> None: ...
