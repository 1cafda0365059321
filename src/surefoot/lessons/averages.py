"""The exponentially weighted average: what momentum and Adam are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.language import Words
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.report.picture import Line, Panel, Picture

SPAN = 30  # days back for which weights are drawn


@frozen(eq=False)
class Average:
    """One memory β: the average of the days `[days]` from the first day on; from zero; from zero and corrected."""

    beta: float
    first: NDArray[np.float64]
    zero: NDArray[np.float64]
    corrected: NDArray[np.float64]
    jump: float  # the root mean square of the change from day to day


@frozen(eq=False)
class Found:
    """The temperatures `[days]`, their averages, and how much the temperatures jump from day to day."""

    temperatures: NDArray[np.float64]
    averages: tuple[Average, ...]
    jump: float


@frozen(kw_only=True)
class Averages(Lesson):
    """The exponentially weighted average S_t = β·S_{t−1} + (1 − β)·Y_t of daily temperatures."""

    name: ClassVar[str] = "averages"
    days: int = parameter(30, "Days.", low=2, high=1000)
    beta: tuple[float, ...] = parameter((0.5, 0.9), "The memory of the average.", low=0, high=0.9999)
    seed: int = parameter(0, "Of the temperatures.", low=0, high=2**31)

    def run(self) -> Found:
        import torch

        made = torch.randn(self.days, generator=torch.Generator().manual_seed(self.seed)) * 10
        y = made.double().numpy()
        return Found(y, tuple(_average(y, beta) for beta in self.beta), _jump(y))

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        rows = [
            (day + 1, found.temperatures[day], *(each.first[day] for each in found.averages))
            for day in range(self.days)
        ]
        headings = [_("day"), _("temperature, °C"), *(f"β = {beta:g}" for beta in self.beta)]
        start = [
            (each.beta, day + 1, each.first[day], each.zero[day], 1 - each.beta ** (day + 1), each.corrected[day])
            for each in found.averages
            for day in range(min(3, self.days))
        ]
        begun = ["β", _("day"), _("from the first value"), _("from zero"), "1 − βᵗ", _("from zero, corrected")]
        return {
            "days": Table(headings, columns(rows, "{}", *["{:.3f}"] * (1 + len(self.beta)))),
            "start": Table(begun, columns(start, "{:g}", "{}", *["{:.4f}"] * 4)),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        day, back = np.arange(1, self.days + 1), np.arange(SPAN)
        named = [(index + 1, f"β = {each.beta:g}", each) for index, each in enumerate(found.averages)]
        curves = Panel(
            title=_("Temperatures and their averages"),
            x=_("day"),
            y=_("temperature, °C"),
            lines=[
                Line(day, found.temperatures, _("temperature"), 0, marks=True),
                *(Line(day, each.first, label, index) for index, label, each in named),
            ],
        )
        memory = Panel(
            title=_("The weight of the days before"),
            x=_("days ago"),
            y=_("weight"),
            lines=[
                Line(back, (1 - each.beta) * each.beta**back, label, index, marks=True) for index, label, each in named
            ],
        )
        return {
            "averages": Picture(
                _("Left: temperatures and averages by day; right: how much each day before counts"), [curves, memory]
            )
        }


def _average(y: NDArray[np.float64], beta: float) -> Average:
    first, zero = [y[0]], [(1 - beta) * y[0]]
    for value in y[1:]:
        first.append(beta * first[-1] + (1 - beta) * value)
        zero.append(beta * zero[-1] + (1 - beta) * value)
    corrected = np.array(zero) / (1 - beta ** np.arange(1, len(y) + 1))
    return Average(beta, np.array(first), np.array(zero), corrected, _jump(np.array(first)))


def _jump(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.diff(values) ** 2)))
