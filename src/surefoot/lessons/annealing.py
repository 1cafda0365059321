"""Annealing: how schedules let the learning rate fall, and one training loop for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.language import Words
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.lessons.strategies import PEAKS, Trained, train
from surefoot.report.picture import Line, Panel, Picture
from surefoot.schedules.like import keras, torch
from surefoot.schedules.schedule import Schedule

Array = NDArray[np.float64]
PER_EPOCH = 10  # iterations of the annealing curves


@frozen(eq=False)
class Curve:
    """A schedule over its own horizon: its text, steps or epochs `[n]`, and the learning rate `[n]`."""

    name: str
    text: str
    t: Array
    lr: Array


@frozen(eq=False)
class Found:
    """Annealing by epoch, Keras's schedules by step, and the six strategies trained by one loop."""

    annealed: tuple[Curve, ...]
    keras: tuple[Curve, ...]
    trained: tuple[Trained, ...]


@frozen(kw_only=True)
class Annealing(Lesson):
    """Schedules drawn side by side; and six strategies, made by name, trained by one loop."""

    name: ClassVar[str] = "annealing"
    lr: float = parameter(0.1, "The rate that annealing starts from.", low=0, high=1e6)
    epochs: int = parameter(200, "Epochs of the annealing curves.", low=1, high=10_000)
    decay: float = parameter(0.1, "k in the 1/t decay η/(1 + k·epoch).", low=0, high=1e3)
    train_epochs: int = parameter(30, "Epochs of the training.", low=1, high=500)
    seed: int = parameter(0, "Of the initial weights and the order of batches.", low=0, high=2**31)

    def run(self) -> Found:
        trained = tuple(train(name, self.train_epochs, self.seed) for name in PEAKS)
        return Found(tuple(self._annealed()), tuple(_keras()), trained)

    def _annealed(self) -> list[Curve]:
        shapes: dict[str, Schedule] = {
            "StepLR(50, 0.5)": torch.StepLR(step_size=50, gamma=0.5, per="epoch"),
            "MultiStepLR([50, 125, 160], 0.5)": torch.MultiStepLR([50, 125, 160], gamma=0.5, per="epoch"),
            "MultiStepLR([30, 80], 0.1)": torch.MultiStepLR([30, 80], gamma=0.1, per="epoch"),
            "ExponentialLR(0.95)": torch.ExponentialLR(gamma=0.95, per="epoch"),
            f"1/t, k = {self.decay:g}": _inverse(self.decay),
        }
        made = []
        for name, shape in shapes.items():
            values = (self.lr * shape).bind(steps=self.epochs * PER_EPOCH, steps_per_epoch=PER_EPOCH).values()
            made.append(Curve(name, str(self.lr * shape), np.arange(float(self.epochs)), values[::PER_EPOCH]))
        return made

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        at = sorted({e for e in (0, 29, 30, 49, 50, 80, 100, 125, 160, self.epochs - 1) if e < self.epochs})
        annealed = [(each.name, *each.lr[at]) for each in found.annealed]
        trained = [
            (each.name, each.schedule, each.peak, each.lr[-1], each.loss[-1], each.accuracy[-1])
            for each in found.trained
        ]
        keras_rows = [(each.name, each.lr[0], each.lr[len(each.lr) // 2], each.lr[-1]) for each in found.keras]
        return {
            "annealed": Table([_("schedule"), *map(str, at)], columns(annealed, "{}", *["{:.4g}"] * len(at))),
            "keras": Table(
                [_("schedule"), _("first"), _("half-way"), _("last")], columns(keras_rows, "{}", *["{:.4g}"] * 3)
            ),
            "trained": Table(
                [_("strategy"), _("schedule"), _("peak"), _("last rate"), _("validation loss"), _("accuracy")],
                columns(trained, "{}", "{}", "{:g}", "{:.3g}", "{:.4f}", "{:.4f}"),
            ),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        rate, epoch = _("learning rate"), _("epoch")
        curves = Panel(
            title=_("Annealing from {lr:g}", lr=self.lr),
            x=epoch,
            y=rate,
            lines=[Line(each.t, each.lr, each.name, i) for i, each in enumerate(found.annealed)],
            log_y=self.lr > 0,
        )
        stairs = [
            Panel(
                title=each.name,
                x=_("step"),
                y=rate,
                lines=[Line(each.t, each.lr)],
                y_limits=(0, 1.05 * float(each.lr.max())),
            )
            for each in found.keras
        ]
        epochs = np.arange(1, self.train_epochs + 1)
        rates = [Line(epochs, each.lr, each.name, i) for i, each in enumerate(found.trained)]
        losses = [Line(epochs, each.loss, each.name, i) for i, each in enumerate(found.trained)]
        return {
            "annealed": Picture(_("The learning rate by epoch, on a log axis"), [curves], columns=1),
            "keras": Picture(_("Keras's schedules, each over its own number of steps"), stairs, columns=3),
            "trained": Picture(
                _("Left: the rate at the end of each epoch; right: the validation loss"),
                [
                    Panel(title=_("The learning rate that was used"), x=epoch, y=rate, lines=rates, log_y=True),
                    Panel(title=_("Validation loss"), x=epoch, y=_("validation loss"), lines=losses, log_y=True),
                ],
            ),
        }


def _inverse(decay: float) -> Schedule:
    from surefoot.schedules import inverse_time

    return inverse_time(decay, every="1ep", staircase=True)


def _keras() -> list[Curve]:
    """The schedules of Keras, each over its own number of steps."""
    made = {
        "PiecewiseConstantDecay": (keras.PiecewiseConstantDecay([10, 20, 30], [1.0, 0.5, 0.1, 0.01]), 40),
        "ExponentialDecay, ×0.5 / 10 000": (keras.ExponentialDecay(0.1, 10_000, 0.5, staircase=True), 50_000),
        "ExponentialDecay, ×0.96 / 1000": (keras.ExponentialDecay(0.1, 1000, 0.96, staircase=True), 50_000),
        "ExponentialDecay, smooth": (keras.ExponentialDecay(0.1, 1000, 0.96), 50_000),
        "PolynomialDecay (linear)": (keras.PolynomialDecay(0.1, 50_000, end_learning_rate=0.0), 50_000),
    }
    found = []
    for name, (schedule, steps) in made.items():
        shown = np.unique(np.linspace(0, steps - 1, min(steps, 1000)).astype(int))
        found.append(Curve(name, str(schedule), shown, schedule.bind(steps=steps).values()[shown]))
    return found
