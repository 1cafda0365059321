"""Progress for people: a bar in a terminal, plain lines elsewhere; always on standard error."""

import sys
import time
from typing import TextIO

from tqdm import tqdm

from surefoot.core.language import words
from surefoot.core.record import Diverged, Doing, Event, Failed, Note, Progress
from surefoot.core.run import Run

EVERY = 5.0  # seconds between two plain lines


class Watcher:
    """A sink that shows what is running, the rows alive, the speed and the time left."""

    def __init__(self, task: str, runs: list[Run], stream: TextIO | None = None, lang: str = "en") -> None:
        self.words = words(lang)
        self.task, self.runs, self.stream = task, runs, stream or sys.stderr
        self.last = time.monotonic()
        self.first: tuple[float, int] | None = (
            None  # when the first update was about to be made, and how many were before
        )
        self.bar: tqdm | None = None  # type: ignore[type-arg]
        self.done = 0  # as last told
        self.interactive = self.stream.isatty()

    def __call__(self, event: Event) -> None:
        _ = self.words
        match event:
            case Progress():
                now = time.monotonic()
                self.first = self.first or (now, event.done)
                self._bar(event) if self.interactive else self._line(event, now, *self.first)
            case Diverged(run=index, step=step):
                run = self.runs[index]
                self.say(
                    _("{name}, seed {seed}: diverged at step {step}", name=run.recipe.name, seed=run.seed, step=step)
                )
            case Failed(run=index, reason=reason):
                run = self.runs[index]
                self.say(
                    _("{name}, seed {seed}: given up: {reason}", name=run.recipe.name, seed=run.seed, reason=reason)
                )
            case Doing(text=text):
                self.first = None  # the time it takes says nothing of the time left
                self.say(text)
            case Note(text=text):
                self.say(_("note: {text}", text=text))

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
        _ = self.words
        if self.bar is None:
            self.bar = tqdm(
                desc=self.task,
                total=event.total,
                initial=event.done,
                unit=_(" updates"),
                unit_scale=True,
                file=self.stream,
            )
        self.bar.total = event.total
        rows = _("{alive}/{all} rows, {what}", alive=event.alive, all=event.rows, what=event.what)
        self.bar.set_postfix_str(rows, refresh=False)
        self.bar.update(event.done - self.bar.n)

    def _line(self, event: Progress, now: float, began: float, before: int) -> None:
        over = event.done >= event.total and self.done < event.total
        if event.done in (before, self.done) or (now - self.last < EVERY and not (over and now - began > 2)):
            return
        self.last, self.done = now, event.done
        speed = (event.done - before) / (now - began)
        _ = self.words
        line = _(
            "{task}: {what}, {done} %, {alive}/{all} rows alive, {speed} updates/s, {left} s left",
            task=self.task,
            what=event.what,
            done=100 * event.done // max(event.total, 1),
            alive=event.alive,
            all=event.rows,
            speed=f"{speed:.0f}",
            left=f"{(event.total - event.done) / speed:.0f}",
        )
        print(line, file=self.stream, flush=True)
