"""RMSprop: AdaGrad with a memory that fades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen

from surefoot.core.language import Words
from surefoot.lessons.lesson import Table, parameter
from surefoot.lessons.surfaces import SURFACES, Walk
from surefoot.lessons.updates import (
    Array,
    Row,
    Traced,
    UpdateLesson,
    defaults_table,
    update_table,
    walk_table,
    walks,
)
from surefoot.lessons.walking import animated, still
from surefoot.report.picture import Line, Panel, Picture

SHOWN = 400  # updates for which the effective rate is drawn
FALLS_AT, FALLS_TO = 100, 0.1  # the size of the gradients, 1 until there


@frozen(eq=False)
class Found:
    """The updates; the effective rate by optimizer `[400]`, under gradients whose size falls to a tenth; walks."""

    traced: Traced
    effective: Mapping[str, Array]
    ravine: tuple[Walk, ...]


@frozen(kw_only=True)
class RMSprop(UpdateLesson):
    """RMSprop, v ← α·v + (1 − α)·g², w ← w − η/(√v + ε)·g."""

    name: ClassVar[str] = "rmsprop"
    alpha: float = parameter(0.9, "The memory of v (torch's default: 0.99).", low=0, high=0.9999)
    eps: float = parameter(1e-8, "ε.", low=1e-30, high=1)

    def run(self) -> Found:
        import torch

        traced = self.traced(
            self._by_hand(), lambda w: torch.optim.RMSprop([w], lr=self.lr, alpha=self.alpha, eps=self.eps)
        )
        return Found(traced, self._effective(), walks("ravine", ("adagrad", "rmsprop", "rmsprop(alpha=0.9)")))

    def _by_hand(self) -> Iterator[Row]:
        w, v = self.start, 0.0
        for t in range(1, self.updates + 1):
            g = w
            v = self.alpha * v + (1 - self.alpha) * g * g
            rate = self.lr / (v**0.5 + self.eps)
            w = w - rate * g
            yield Row(t, g, {"v": v, "η/(√v + ε)": rate}, w)

    def _effective(self) -> dict[str, Array]:
        size = np.where(np.arange(SHOWN) < FALLS_AT, 1.0, FALLS_TO)
        v, fading = 0.0, []
        for g in size:
            v = self.alpha * v + (1 - self.alpha) * g * g
            fading.append(self.lr / (v**0.5 + self.eps))
        return {"AdaGrad": self.lr / (np.sqrt((size**2).cumsum()) + self.eps), "RMSprop": np.array(fading)}

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        meanings: dict[str, tuple[str | None, str]] = {
            "lr": ("learning_rate", _("η, the step of a weight whose gradients have their usual size")),
            "alpha": ("rho", _("α, the memory of v")),
            "eps": ("epsilon", _("ε, against division by zero; Keras has it inside the root")),
            "weight_decay": ("weight_decay", _("pulls the weights toward zero; coupled in torch, decoupled in Keras")),
            "momentum": ("momentum", _("β of a heavy-ball over the divided gradients; Keras has the rate inside")),
            "centered": ("centered", _("divides by the deviation √(v − mean²) in place of √v")),
        }
        return {
            "updates": update_table(found.traced, _),
            "ravine": walk_table(found.ravine, _),
            "defaults": defaults_table("RMSprop", meanings, _),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        t = np.arange(1, SHOWN + 1)
        panel = Panel(
            title=_("The effective rate when gradients fall from 1 to {size:g}", size=FALLS_TO),
            x=_("update"),
            y=_("effective learning rate"),
            lines=[Line(t, rate, name, i) for i, (name, rate) in enumerate(found.effective.items())],
            log_y=True,
        )
        alt = _("AdaGrad's rate only falls; RMSprop's rises where gradients have become smaller")
        return {
            "rates": Picture(alt, [panel], columns=1),
            "ravine": still(SURFACES["ravine"], found.ravine, _),
        }

    def live(self, found: Found, _: Words, /) -> Mapping[str, str]:
        return {"ravine": animated(SURFACES["ravine"], found.ravine, _)}
