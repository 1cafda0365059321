"""Progress for people: a bar in a terminal, plain lines elsewhere; always on standard error."""

import sys
import time
from typing import TextIO

from tqdm import tqdm

from surefoot.core.record import Diverged, Doing, Event, Failed, Note, Progress
from surefoot.core.run import Run

EVERY = 5.0  # seconds between two plain lines


class Watcher:
    """A sink that shows what is running, the rows alive, the speed and the time left."""

    def __init__(self, task: str, runs: list[Run], stream: TextIO | None = None) -> None:
        self.task, self.runs, self.stream = task, runs, stream or sys.stderr
        self.last = time.monotonic()
        self.first: tuple[float, int] | None = (
            None  # when the first update was about to be made, and how many were before
        )
        self.bar: tqdm | None = None  # type: ignore[type-arg]
        self.done = 0  # as last told
        self.interactive = self.stream.isatty()

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                now = time.monotonic()
                self.first = self.first or (now, event.done)
                self._bar(event) if self.interactive else self._line(event, now, *self.first)
            case Diverged(run=index, step=step):
                run = self.runs[index]
                self.say(f"{run.recipe.name}, seed {run.seed}: diverged at step {step}")
            case Failed(run=index, reason=reason):
                run = self.runs[index]
                self.say(f"{run.recipe.name}, seed {run.seed}: given up: {reason}")
            case Doing(text=text):
                self.first = None  # the time it takes says nothing of the time left
                self.say(text)
            case Note(text=text):
                self.say(f"note: {text}")

    def say(self, text: str) -> None:
        """A line that does not break the bar."""
        if self.bar is not None:
            self.bar.write(text, file=self.stream)
        else:
            print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the terminal clean."""
        if self.bar is not None:
            self.bar.close()

    def _bar(self, event: Progress) -> None:
        if self.bar is None:
            self.bar = tqdm(
                desc=self.task,
                total=event.total,
                initial=event.done,
                unit=" updates",
                unit_scale=True,
                file=self.stream,
            )
        self.bar.total = event.total
        self.bar.set_postfix_str(f"{event.alive}/{event.rows} rows, {event.what}", refresh=False)
        self.bar.update(event.done - self.bar.n)

    def _line(self, event: Progress, now: float, began: float, before: int) -> None:
        over = event.done >= event.total and self.done < event.total
        if event.done in (before, self.done) or (now - self.last < EVERY and not (over and now - began > 2)):
            return
        self.last, self.done = now, event.done
        speed = (event.done - before) / (now - began)
        print(
            f"{self.task}: {event.what}, {100 * event.done // max(event.total, 1)} %, {event.alive}/{event.rows} rows "
            f"alive, {speed:.0f} updates/s, {(event.total - event.done) / speed:.0f} s left",
            file=self.stream,
            flush=True,
        )
