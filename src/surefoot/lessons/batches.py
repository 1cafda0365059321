"""Epoch, batch, iteration; and one training loop fed in three ways: BGD, SGD and mini-batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import frozen

from surefoot.core.errors import UsageError
from surefoot.core.language import Words
from surefoot.lessons.feeding import Noise, Training, noises, train
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.report.picture import Line, Panel, Picture

if TYPE_CHECKING:
    from surefoot.tasks import Prepared

SEED = 0  # of the initial weights and of the order of the samples
EDGE = 3  # rows of a table that are shown at its beginning; of the rest the last two


@frozen
class Counts:
    """N samples in batches of B: `full` ones and, where B does not divide N, one of `rest` samples.

    Parameters: `an_epoch`, batches in an epoch, and so iterations: ⌈N/B⌉; `in_all`, iterations in all epochs.
    """

    samples: int
    batch_size: int
    epochs: int
    full: int
    rest: int
    an_epoch: int
    in_all: int

    @classmethod
    def of(cls, samples: int, batch_size: int, epochs: int) -> Counts:
        """The counts of N samples in batches of B over so many epochs.

        >>> Counts.of(50_000, 256, 10)
        Counts(samples=50000, batch_size=256, epochs=10, full=195, rest=80, an_epoch=196, in_all=1960)
        """
        full, rest = divmod(samples, batch_size)
        an_epoch = full + (rest > 0)
        return cls(samples, batch_size, epochs, full, rest, an_epoch, epochs * an_epoch)

    def batch(self, number: int) -> tuple[int, int]:
        """The first and the last sample of a batch, all counted from 1."""
        return (number - 1) * self.batch_size + 1, min(number * self.batch_size, self.samples)


@frozen
class Arrival:
    """The first epoch after which the training loss is at most the target, and the seconds until then."""

    epoch: int
    seconds: float


@frozen(eq=False)
class Found:
    """The arithmetic; BGD, SGD and mini-batch, in this order; the noise of the gradient before the first update.

    Parameters: `samples`, `held`, trained and validated on; `parameters`, of the network; `target`, the highest of the
    final training losses (None where one is not finite); `arrivals`, when each came down to it.
    """

    counts: Counts
    samples: int
    held: int
    parameters: int
    trainings: tuple[Training, ...]
    target: float | None
    arrivals: tuple[Arrival, ...]
    noises: tuple[Noise, ...]

    @property
    def lost(self) -> list[int]:
        """Which trainings have no finite loss at the end."""
        return [i for i, each in enumerate(self.trainings) if not np.isfinite(each.training[-1])]

    @property
    def risen(self) -> list[int]:
        """Which trainings end with a higher loss than they began with."""
        return [i for i, each in enumerate(self.trainings) if each.training[-1] >= each.training[0]]

    def lowest(self, quantity: str) -> list[int]:
        """Which trainings end lowest in a quantity; none where all are lost."""
        return self._ending(quantity, min)

    def highest(self, quantity: str) -> list[int]:
        """Which trainings end highest in a quantity; none where all are lost."""
        return self._ending(quantity, max)

    def _ending(self, quantity: str, choose: Callable[[Iterable[float]], float]) -> list[int]:
        ends = {i: float(getattr(each, quantity)[-1]) for i, each in enumerate(self.trainings) if i not in self.lost}
        return [i for i, end in ends.items() if end == choose(ends.values())]


@frozen(kw_only=True)
class Batches(Lesson):
    """Epoch, batch and iteration counted; BGD, SGD and mini-batch gradient descent on real digits."""

    name: ClassVar[str] = "batches"
    samples: int = parameter(50_000, "Samples to count with.", low=1, high=10**12)
    batch_size: int = parameter(256, "Samples in a batch, to count with.", low=1, high=10**12)
    epochs: int = parameter(10, "Epochs to count with.", low=1, high=10**6)
    lr: float = parameter(0.1, "Learning rate on the digits, the same for all three.", low=0, high=1e6)
    train_batch: int = parameter(32, "Batch size of mini-batch gradient descent on the digits.", low=1)
    train_epochs: int = parameter(15, "Epochs on the digits.", low=1, high=200)

    def run(self) -> Found:
        from surefoot.tasks import load, prepare
        from surefoot.training.place import computing

        ready = prepare(load("digits"))
        samples = len(ready.train)
        if self.train_batch > samples:
            what = f"train_batch of {self.name} must be at most the {samples} training samples of the digits"
            raise UsageError(what, received=self.train_batch)
        counts = Counts.of(self.samples, self.batch_size, self.epochs)
        with computing(threads=1):  # for tensors as small as these, threads that wait cost more than they give
            return self._trained_on(ready, counts)

    def _trained_on(self, ready: Prepared, counts: Counts) -> Found:
        from surefoot.tasks.in_memory import InMemory
        from surefoot.training import initial_model
        from surefoot.training.trainer import order

        data, held = ready.train, ready.watched
        assert isinstance(data, InMemory)  # as the digits are
        assert isinstance(held, InMemory)
        model, samples = initial_model(ready, SEED), len(data)
        sizes = [2**power for power in range(samples.bit_length()) if 2**power < samples]
        noise = noises(model, ready.loss, data, sizes)  # first: what torch sets up once is not timed below
        orders = [order(ready, SEED, epoch) for epoch in range(self.train_epochs)]
        trainings = tuple(
            train(initial_model(ready, SEED), ready.loss, data, held, orders, size, self.lr)
            for size in (samples, 1, self.train_batch)
        )
        target = _target(trainings)
        arrivals = () if target is None else tuple(_arrival(each, target) for each in trainings)
        parameters = sum(weight.numel() for weight in model.parameters())
        return Found(counts, samples, len(held), parameters, trainings, target, arrivals, tuple(noise))

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        counts = found.counts
        cut = [(i, *counts.batch(i), counts.batch(i)[1] - counts.batch(i)[0] + 1) for i in _ends(counts.an_epoch)]
        gone = [
            (epoch, counts.an_epoch, epoch * counts.an_epoch, epoch * counts.samples) for epoch in _ends(counts.epochs)
        ]
        of_batches = [_("batch"), _("first sample"), _("last sample"), _("samples")]
        of_epochs = [_("epoch"), _("iterations"), _("iterations so far"), _("samples so far")]
        return {
            "cut": Table(of_batches, columns(cut, "{}", "{}", "{}", "{}")),
            "gone": Table(of_epochs, columns(gone, "{}", "{}", "{}", "{}")),
            "trained": self._trained(found, _),
            "noise": _noise(found.noises, _),
        }

    def _trained(self, found: Found, _: Words) -> Table:
        rows = [
            (
                name, each.batch_size, each.updates * self.train_epochs, each.seconds[-1], each.an_update * 1000,
                each.training[-1], each.validation[-1], each.accuracy[-1],
            )
            for name, each in zip(_names(_), found.trainings, strict=True)
        ]  # fmt: skip
        headings = [
            _("way"), _("batch size"), _("updates"), _("time, s"), _("ms/update"), _("training loss"),
            _("validation loss"), _("accuracy"),
        ]  # fmt: skip
        return Table(headings, columns(rows, "{}", "{}", "{}", "{:.2g}", "{:.2g}", "{:.4g}", "{:.4g}", "{:.4f}"))

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        alt = _("Training loss and validation loss of BGD, SGD and mini-batch, by epochs and by seconds")
        panels = [
            *_falls(found, "training", _("Training loss"), _("training loss"), _),
            *_falls(found, "validation", _("Validation loss"), _("validation loss"), _),
        ]
        return {"training": Picture(alt, panels), "noise": _noise_picture(found, _)}


def _target(trainings: Sequence[Training]) -> float | None:
    highest = max(float(each.training[-1]) for each in trainings)
    return highest if all(np.isfinite(each.training[-1]) for each in trainings) else None


def _arrival(training: Training, target: float) -> Arrival:
    epoch = int(np.argmax(training.training[1:] <= target)) + 1
    return Arrival(epoch, float(training.seconds[epoch]))


def _ends(last: int) -> list[int]:
    """1, 2, 3 and the last two of so many."""
    return sorted({*range(1, min(EDGE, last) + 1), *range(max(last - 1, 1), last + 1)})


def _names(_: Words) -> tuple[str, str, str]:
    return "BGD", "SGD", _("mini-batch")


def _noise(noises: Sequence[Noise], _: Words) -> Table:
    rows = [(each.batch_size, each.batches, each.measured, each.law, each.drawn) for each in noises]
    headings = [_("batch size B"), _("batches measured"), _("measured"), "σ/√B", _("none drawn twice")]
    return Table(headings, columns(rows, "{}", "{}", "{:.4g}", "{:.4g}", "{:.4g}"))


def _falls(found: Found, quantity: str, title: str, y: str, _: Words) -> list[Panel]:
    """A loss of the three against epochs, and against seconds from the end of the first epoch on (log axis)."""
    losses = [np.asarray(getattr(each, quantity)) for each in found.trainings]
    sizes = [each.batch_size for each in found.trainings]
    labels = [f"{name}, B = {size}" for name, size in zip(_names(_), sizes, strict=True)]
    drawn = list(enumerate(zip(labels, found.trainings, losses, strict=True)))
    by_epoch = [Line(np.arange(len(loss)), loss, label, index) for index, (label, _training, loss) in drawn]
    by_time = [Line(each.seconds[1:], loss[1:], label, index, marks=True) for index, (label, each, loss) in drawn]
    return [
        Panel(title=_("{title}, by epochs", title=title), x=_("epoch"), y=y, lines=by_epoch, log_y=True),
        Panel(title=_("{title}, by time", title=title), x=_("time, s"), y=y, lines=by_time, log_x=True, log_y=True),
    ]


def _noise_picture(found: Found, _: Words) -> Picture:
    sizes, samples = np.geomspace(1, found.samples - 1, 60), found.samples
    law = found.noises[0].law / np.sqrt(sizes)
    measured = Line(
        [each.batch_size for each in found.noises], [each.measured for each in found.noises], _("measured"), 0, True
    )
    panel = Panel(
        title=_("Noise of the gradient"),
        x=_("batch size B, samples"),
        y=_("deviation / length of the full gradient"),
        lines=[
            Line(sizes, law, "σ/√B", 1),
            Line(sizes, law * np.sqrt((samples - sizes) / (samples - 1)), _("none drawn twice"), 2),
            measured,
        ],
        log_x=True,
        log_y=True,
    )
    return Picture(_("How far the gradient of a batch lies from that of all samples, by batch size"), [panel])
