"""A range test as data, and in words: what `find` gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from tabulate import tabulate

from surefoot.analysis.finding import Edge, Found, Seen
from surefoot.analysis.ramp import Ramp
from surefoot.core.history import Facts
from surefoot.core.language import Words, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@frozen(eq=False, repr=False)
class Range:
    """A good constant learning rate for a task and an optimizer, and what it rests on.

    `.suggestion` and `.interval`; `.edge`, between which two rates training begins to diverge; `.basin`, the rates
    whose loss is within noise of the best's so far; `.cost` in whole runs, the ramps' apart; `.seen`, the losses that
    were measured; `.found`, how they were read; `.ramps`, the classic ramp of each seed, where they were asked for.
    """

    facts: Facts
    optimizer: str
    seen: Seen
    found: Found
    cost: float
    ramps: Sequence[Ramp] = ()
    lang: str = "en"

    @property
    def suggestion(self) -> float:
        """A constant rate for the whole horizon."""
        return self.found.suggestion

    @property
    def interval(self) -> tuple[float, float]:
        """Where the best constant rate lies."""
        return self.found.interval

    @property
    def edge(self) -> Edge:
        """Where divergence begins."""
        return self.found.edge

    @property
    def basin(self) -> tuple[float, float]:
        """The rates whose loss was within noise of the best's at the end of the short runs."""
        return self.found.basin

    @property
    def ramp_cost(self) -> float:
        """What the ramps cost, in whole runs."""
        return sum(len(ramp.losses) for ramp in self.ramps) / self.facts.steps

    @property
    def words(self) -> Words:
        return words(self.lang)

    def table(self) -> str:
        """The loss at every rate, after the scan and at the end: mean over seeds."""
        _, seen = self.words, self.seen
        rows = []
        for i, rate in enumerate(seen.rates):
            first, last = seen.losses[0, i], seen.losses[-1, i]
            rows.append([f"{rate:.3g}", self._loss(first), "" if np.isnan(last).any() else self._loss(last)])
        after = [_("loss after {steps}", steps=step) for step in (seen.looks[0], seen.looks[-1])]
        return tabulate(rows, headers=[_("rate"), *after], disable_numparse=True, stralign="right")

    def sentences(self) -> list[str]:
        """What was found, a line each."""
        _, found = self.words, self.found
        low, high = self.interval
        lines = [
            _(
                "suggestion: {rate}, constant over {steps} updates; the best lies between {low} and {high}",
                rate=f"{self.suggestion:.2g}",
                steps=self.facts.steps,
                low=f"{low:.2g}",
                high=f"{high:.2g}",
            ),
            self._edge(),
            _(
                "basin: {low} to {high}, within noise of the best after {steps} updates ({best})",
                low=f"{self.basin[0]:.3g}",
                high=f"{self.basin[1]:.3g}",
                steps=found.updates,
                best=f"{found.best:.2g}",
            ),
            _("cost: {cost} of a whole run's updates", cost=f"{self.cost:.2f}"),
        ]
        if found.lowest:
            lines.append(_("note: the lowest rate was the best: look lower, with a smaller low"))
        if found.highest:
            lines.append(_("note: the highest rate was the best: look higher, with a larger high"))
        return lines + [self._ramp(seed, ramp) for seed, ramp in zip(self.facts.seeds, self.ramps, strict=False)]

    def _edge(self) -> str:
        _, edge = self.words, self.edge
        if edge.high is None:
            return _("edge of divergence: above {low}, the highest rate", low=f"{edge.low:.3g}")
        return _(
            "edge of divergence: between {low} and {high}", low=f"{edge.low:.3g}", high=f"{edge.high:.3g}"
        )  # fmt: skip

    def _ramp(self, seed: int, ramp: Ramp) -> str:
        _ = self.words
        said = {name: f"{rate:.2g}" if rate else _("nothing") for name, rate in _readings(ramp).items()}
        return _(
            "for comparison, the classic ramp of {updates} updates, seed {seed}: steepest {steepest}, valley {valley}",
            updates=len(ramp.losses),
            seed=seed,
            **said,
        )

    def _loss(self, losses: Any) -> str:
        return f"{losses.mean():.4g}" if np.isfinite(losses).all() else self.words("diverged")

    def __str__(self) -> str:
        _ = self.words
        heading = _(
            "{task}, {optimizer}: {rates} rates, {seeds}",
            task=self.facts.task,
            optimizer=self.optimizer,
            rates=len(self.seen.rates),
            seeds=_.plural("{count} seed", "{count} seeds", len(self.facts.seeds)),
        )
        return "\n".join([heading, "", self.table(), "", *self.sentences()])

    __repr__ = __str__

    def plot(self) -> Figure:
        """The losses over the rates, with the suggestion, its interval and the edge; the ramps beside them."""
        from surefoot.report.fonts import pictures
        from surefoot.report.range_figure import figure

        with pictures(self.lang):
            return figure(self)

    def to_png(self, path: str | Path) -> None:
        """Write the figure to a file: PNG, or SVG and PDF by their endings."""
        from surefoot.report.fonts import pictures

        drawn = self.plot()
        with pictures(self.lang):
            drawn.savefig(path, dpi=130)

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        found, seen = self.found, self.seen
        return {
            "surefoot": "range",
            "version": 1,
            "task": self.facts.task,
            "optimizer": self.optimizer,
            "seeds": list(self.facts.seeds),
            "horizon": self.facts.steps,
            "suggestion": self.suggestion,
            "interval": list(self.interval),
            "edge": [self.edge.low, self.edge.high],
            "basin": list(self.basin),
            "best": found.best,
            "updates": found.updates,
            "shift": found.shift,
            "cost": self.cost,
            "ramp_cost": self.ramp_cost,
            "rates": seen.rates.tolist(),
            "looks": list(seen.looks),
            "start": seen.start.tolist(),
            "losses": [[[_finite(x) for x in seeds] for seeds in rates] for rates in seen.losses.tolist()],
            "ramps": [
                {"rates": ramp.rates.tolist(), "losses": ramp.losses.tolist(), **_readings(ramp)} for ramp in self.ramps
            ],
        }


def _readings(ramp: Ramp) -> dict[str, float | None]:
    return {"steepest": ramp.steepest, "valley": ramp.valley}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
