"""What is set and what is learned: a line fitted to real points, its valley, and the numbers of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.errors import UsageError
from surefoot.core.language import Words
from surefoot.lessons.counting import Network, network
from surefoot.lessons.lesson import Lesson, Table, columns, parameter, significant
from surefoot.report.picture import Line, Panel, Picture

Array = NDArray[np.float64]
COLUMNS = ("age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")  # of scikit-learn's diabetes data; sex is no measure
SHOWN = 8  # strides that are drawn in the valley
CLOSE = 1e-3  # of the exact solution: what counts as found
NUMBERS = ("{:.6g}", "{:.6g}", "{:.6g}")


@frozen(eq=False)
class Descent:
    """Gradient descent on w and b at one rate: arrays `[epochs + 1]`, before each update and after the last.

    Parameters: `left`, how far w is from its best at the end, as a share of where it started.
    """

    lr: float
    w: Array
    b: Array
    loss: Array
    left: float


@frozen(eq=False)
class Found:
    """The points, the exact line through them (`w`, `b`, its `loss`), the fit, the strides, and a network.

    Parameters: `distance`, of the fit from the exact line, as a share of the exact one's length.
    """

    x: Array
    y: Array
    w: float
    b: float
    loss: float
    fit: Descent
    distance: float
    strides: tuple[Descent, ...]
    network: Network

    @property
    def close(self) -> bool:
        """Whether the fit found the exact line."""
        return self.distance < CLOSE


@frozen(kw_only=True)
class Parameters(Lesson):
    """Hyperparameters, set by hand, against model parameters, learned: a line y = w·x + b, its valley, a network."""

    name: ClassVar[str] = "parameters"
    column: str = parameter("bmi", "What the line is drawn over, in scikit-learn's diabetes data.", choices=COLUMNS)
    points: int = parameter(20, "Patients, the first ones of the data.", low=3, high=442)
    lr: float = parameter(0.1, "Learning rate of the fit.", low=0, high=1e6)
    epochs: int = parameter(50, "Epochs, and so updates: each uses all points.", low=1, high=1000)
    strides: tuple[float, ...] = parameter((0.01, 0.3, 1.05), "Learning rates in the valley.", low=0, high=1e6)

    def run(self) -> Found:
        x, y = self._points()
        (w, b), *_ = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)
        fit, *strides = (descend(x, y, lr, self.epochs, best=w) for lr in (self.lr, *self.strides))
        with np.errstate(over="ignore", invalid="ignore"):
            distance = float(np.hypot(fit.w[-1] - w, fit.b[-1] - b) / np.hypot(w, b))
        return Found(x, y, float(w), float(b), _loss(x, y, w, b), fit, distance, tuple(strides), network())

    def _points(self) -> tuple[Array, Array]:
        from sklearn.datasets import load_diabetes

        data = load_diabetes(scaled=False)
        x = np.asarray(data.data[: self.points, data.feature_names.index(self.column)], dtype=np.float64)
        if not x.std():
            what = f"the first patients all have the same {self.column}: that determines no line"
            raise UsageError(what, received=self.points, remedy="take more points")
        return (x - x.mean()) / x.std(), np.asarray(data.target[: self.points], dtype=np.float64)

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        fit, last = found.fit, self.epochs
        shown = sorted({t for t in (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, last) if t <= last})
        steps = [(t, fit.w[t], fit.b[t], fit.loss[t]) for t in shown]
        with np.errstate(invalid="ignore"):
            ends = [
                (_("gradient descent"), fit.w[-1], fit.b[-1], fit.loss[-1]),
                (_("least squares, exact"), found.w, found.b, found.loss),
                (_("difference"), fit.w[-1] - found.w, fit.b[-1] - found.b, fit.loss[-1] - found.loss),
            ]
        loss = _("mean squared error")
        return {
            "set": self._set(_),
            "steps": Table([_("update"), "w", "b", loss], columns(steps, "{}", *NUMBERS)),
            "ends": Table(["", "w", "b", loss], columns(ends, "{}", *NUMBERS)),
            "valley": self._valley(found, _),
        } | found.network.tables(_)

    def _set(self, _: Words) -> Table:
        rows = [
            [_("model"), "y = w·x + b"],
            [_("loss"), _("mean squared error")],
            [_("optimizer"), _("gradient descent")],
            [_("learning rate"), significant(self.lr)],
            [_("epochs"), str(self.epochs)],
            [_("batch size"), str(self.points)],
            [_("initial weight and bias"), "w = 0, b = 0"],
        ]
        return Table([_("hyperparameter"), _("value")], rows)

    def _valley(self, found: Found, _: Words) -> Table:
        shown = sorted({t for t in (1, 2, 3, self.epochs) if t <= self.epochs})
        rows = [(each.lr, 1 - 2 * each.lr, *each.w[shown], each.loss[-1]) for each in found.strides]
        said = [_("w after {count}", count=t) for t in shown]
        headings = [_("learning rate"), _("factor"), *said, _("mean squared error")]
        return Table(headings, columns(rows, "{:g}", *["{:.4g}"] * (len(headings) - 1)))

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        return {"line": self._fitting(found, _), "valley": self._striding(found, _)}

    def _fitting(self, found: Found, _: Words) -> Picture:
        ends, fit = np.array([found.x.min(), found.x.max()]), found.fit
        early = max(1, self.epochs // 10)
        times = {0: _("at the start"), early: _("after {count} updates", count=early), self.epochs: _("at the end")}
        lines = [
            Line(ends, fit.w[t] * ends + fit.b[t], label, index)
            for index, (t, label) in enumerate(times.items())
            if np.isfinite(fit.loss[t])
        ]
        lines.append(Line(ends, found.w * ends + found.b, _("least squares, exact"), 3))
        # Each point is a line of its own: they are not joined.
        lines += [
            Line([x], [y], "" if i else _("patients"), 4) for i, (x, y) in enumerate(zip(found.x, found.y, strict=True))
        ]
        line = Panel(
            title=_("The line that is fitted"),
            x=_("{column}, standardised", column=self.column),
            y=_("progression of the disease, score"),
            lines=lines,
            y_limits=(-10, 1.1 * found.y.max()),
        )
        t = np.arange(self.epochs + 1)
        learned = Panel(
            title=_("What is learned"),
            x=_("update"),
            y=_("value, score"),
            lines=[Line(t, fit.w, "w", 0), Line(t, fit.b, "b", 1)],
        )
        return Picture(
            _("Left: the points and the line as it is fitted; right: w and b at every update"), [line, learned]
        )

    def _striding(self, found: Found, _: Words) -> Picture:
        t, named = np.arange(self.epochs + 1), [(i, f"η = {each.lr:g}", each) for i, each in enumerate(found.strides)]
        reach = 2.2 * abs(found.w)
        ground = np.linspace(found.w - reach, found.w + reach, 201)
        loss = _("mean squared error, score²")

        def height(w: Array) -> Array:
            with np.errstate(over="ignore"):
                return found.loss + (w - found.w) ** 2

        falls = Panel(
            title=_("Loss at every update"),
            x=_("update"),
            y=loss,
            lines=[Line(t, each.loss, label, index) for index, label, each in named],
            y_limits=(0, 2 * float(found.fit.loss[0])),
        )
        strides = [(index, label, each.w[: SHOWN + 1]) for index, label, each in named]
        valley = Panel(
            title=_("Strides in the valley, b at its best"),
            x=_("w, score per standard deviation"),
            y=loss,
            lines=[
                Line(ground, height(ground), faint=True),
                *(Line(w, height(w), label, index, marks=True) for index, label, w in strides),
            ],
            x_limits=(float(ground[0]), float(ground[-1])),
            y_limits=(found.loss - 0.1 * reach**2, found.loss + reach**2),
        )
        return Picture(
            _("Left: the loss at every update; right: the strides on the loss as a function of w"), [falls, valley]
        )


def descend(x: Array, y: Array, lr: float, epochs: int, best: float) -> Descent:
    """w and b from 0 by gradient descent on L(w, b) = mean (w·x + b − y)²; every update uses all points.

    Parameters: `best`, the w that is looked for.
    """
    w, b = np.zeros(epochs + 1), np.zeros(epochs + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(epochs):
            error = w[t] * x + b[t] - y
            w[t + 1] = w[t] - lr * 2 * np.mean(error * x)
            b[t + 1] = b[t] - lr * 2 * np.mean(error)
        loss = np.array([_loss(x, y, *at) for at in zip(w, b, strict=True)])
        left = float(abs(w[-1] - best) / abs(best))
    return Descent(lr, w, b, loss, left)


def _loss(x: Array, y: Array, w: float, b: float) -> float:
    return float(np.mean((w * x + b - y) ** 2))
