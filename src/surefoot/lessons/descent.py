"""What the learning rate does: descent on a parabola, then on a surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.language import Words
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.lessons.surfaces import SURFACES, Surface, Walk, walk
from surefoot.lessons.walking import animated, still
from surefoot.report.picture import Line, Panel, Picture

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")


@frozen(eq=False)
class Steps:
    """Descent at one rate: x, gradient and loss `[iterations + 1]`, before each update and after the last."""

    lr: float
    x: NDArray[np.float64]
    gradient: NDArray[np.float64]
    loss: NDArray[np.float64]


@frozen(eq=False)
class Found:
    """`descents`, one for each rate; `exact`, the rate that lands in one step; `edge`, beyond which x grows."""

    descents: tuple[Steps, ...]
    exact: float
    edge: float
    surface: Surface
    walks: tuple[Walk, ...]


@frozen(kw_only=True)
class Descent(Lesson):
    """Gradient descent, x ← x − η·f′(x), on f(x) = a·x²; and several optimizers on a surface."""

    name: ClassVar[str] = "descent"
    coefficient: float = parameter(4.0, "a in the parabola a·x².", low=1e-6, high=1e6)
    start: float = parameter(2.0, "Where descent starts.", low=-1e6, high=1e6)
    lr: tuple[float, ...] = parameter((0.01, 0.1, 0.125, 0.2, 0.3), "Learning rates.", low=0, high=1e6)
    iterations: int = parameter(4, "Updates on the parabola.", low=1, high=1000)
    surface: str = parameter("ravine", "The surface.", choices=tuple(SURFACES))
    optimizers: tuple[str, ...] = parameter(OPTIMIZERS, "Who walks on the surface.", choices=OPTIMIZERS)
    steps: int = parameter(100, "Updates on the surface.", low=1, high=2000)

    def run(self) -> Found:
        a, surface = self.coefficient, SURFACES[self.surface]
        walks = tuple(walk(surface, optimizer, self.steps) for optimizer in self.optimizers)
        return Found(tuple(self._descend(lr) for lr in self.lr), 1 / (2 * a), 1 / a, surface, walks)

    def _descend(self, lr: float) -> Steps:
        x = [self.start]
        for _ in range(self.iterations):
            gradient = 2 * self.coefficient * x[-1]
            x.append(x[-1] - lr * gradient)
        points = np.array(x)
        with np.errstate(over="ignore"):  # a walk that diverges is a result
            return Steps(lr, points, 2 * self.coefficient * points, self.coefficient * points**2)

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        rows = [
            (each.lr, t, each.x[t], each.gradient[t], each.loss[t])
            for each in found.descents
            for t in range(self.iterations + 1)
        ]
        headings = [_("learning rate"), _("iteration"), "x", _("gradient"), _("loss")]
        walked = [(w.optimizer, w.lr, w.heights[0], w.heights[len(w.heights) // 2], w.heights[-1]) for w in found.walks]
        half = self.steps // 2
        over = [_("optimizer"), _("learning rate"), "z, 0", f"z, {half}", f"z, {self.steps}"]
        return {
            "steps": Table(headings, columns(rows, "{:g}", "{}", "{:.6g}", "{:.6g}", "{:.6g}")),
            "walks": Table(over, columns(walked, "{}", "{:g}", "{:.4g}", "{:.4g}", "{:.4g}")),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        return {"parabola": self._parabola(found, _), "surface": still(found.surface, found.walks, _)}

    def _parabola(self, found: Found, _: Words) -> Picture:
        wide, top = 2.1 * abs(self.start) or 1.0, 4.1 * self.coefficient * self.start**2 or 1.0
        ground, t = np.linspace(-wide, wide, 201), np.arange(self.iterations + 1)
        curve = Line(ground, self.coefficient * ground**2, faint=True)
        named = [(index, f"η = {each.lr:g}", each) for index, each in enumerate(found.descents)]
        falls = Panel(
            title=_("Loss against iteration"),
            x=_("iteration"),
            y=_("loss"),
            lines=[Line(t, each.loss, label, index, marks=True) for index, label, each in named],
            y_limits=(0, top),
        )
        paths = Panel(
            title=_("The way along the curve"),
            x="x",
            y=_("loss"),
            lines=[curve, *(Line(each.x, each.loss, label, index, marks=True) for index, label, each in named)],
            x_limits=(-wide, wide),
            y_limits=(0, top),
        )
        return Picture(_("Left: the loss after each iteration; right: the way along the curve"), [falls, paths])

    def live(self, found: Found, _: Words, /) -> Mapping[str, str]:
        return {"surface": animated(found.surface, found.walks, _)}
