"""Adam: momentum and RMSprop together, corrected for their start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from attrs import frozen

from surefoot.core.errors import UsageError
from surefoot.core.language import Words
from surefoot.lessons.lesson import Table, columns, parameter
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

SHOWN = 200  # updates for which the length of steps is drawn
SIZES = (1e3, 1.0, 1e-3, 1e-7)  # of a first gradient
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")


@frozen(eq=False)
class First:
    """The first step for a gradient of some size, as a multiple of η: torch's, Keras's, without the correction."""

    gradient: float
    torch: float
    keras: float
    uncorrected: float


@frozen(eq=False)
class Found:
    """The updates; the length of a step under gradients of size 1 `[200]`, with and without the correction; first
    steps; walks."""

    traced: Traced
    lengths: Mapping[str, Array]
    first: tuple[First, ...]
    ravine: tuple[Walk, ...]
    saddle: tuple[Walk, ...]


@frozen(kw_only=True)
class Adam(UpdateLesson):
    """Adam, w ← w − η·m̂/(√v̂ + ε): averages m of gradients and v of their squares, corrected for their start."""

    name: ClassVar[str] = "adam"
    betas: tuple[float, ...] = parameter((0.9, 0.99), "The memories β₁ and β₂ (torch: 0.9,0.999).", low=0, high=0.99999)
    eps: float = parameter(1e-8, "ε.", low=1e-30, high=1)

    def __attrs_post_init__(self) -> None:
        if len(self.betas) != 2:
            raise UsageError("betas of adam are two numbers", received=list(self.betas), remedy="write 0.9,0.999")

    def run(self) -> Found:
        import torch

        beta1, beta2 = self.betas
        traced = self.traced(
            self._by_hand(), lambda w: torch.optim.Adam([w], lr=self.lr, betas=(beta1, beta2), eps=self.eps)
        )
        t = np.arange(1, SHOWN + 1)
        one, two = 1 - beta1**t, 1 - beta2**t
        lengths = {"with": np.full(SHOWN, self.lr), "without": self.lr * one / (np.sqrt(two) + self.eps)}
        first = tuple(_first(g, beta1, beta2, self.eps) for g in SIZES)
        return Found(traced, lengths, first, walks("ravine", OPTIMIZERS), walks("saddle", OPTIMIZERS))

    def _by_hand(self) -> Iterator[Row]:
        beta1, beta2 = self.betas
        w, m, v = self.start, 0.0, 0.0
        for t in range(1, self.updates + 1):
            g = w
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
            w = w - self.lr * m_hat / (v_hat**0.5 + self.eps)
            yield Row(t, g, {"m": m, "v": v, "m̂": m_hat, "v̂": v_hat}, w)

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        meanings: dict[str, tuple[str | None, str]] = {
            "lr": ("learning_rate", _("η, about the largest step of any weight")),
            "betas": ("beta_1 beta_2", _("β₁, the memory of m, and β₂, that of v")),
            "eps": ("epsilon", _("ε, against division by zero; in Keras's form it is not corrected for the start")),
            "weight_decay": ("weight_decay", _("pulls the weights toward zero; coupled in torch, decoupled in Keras")),
            "amsgrad": ("amsgrad", _("divides by the largest v so far")),
        }
        first = [(each.gradient, each.torch, each.keras, each.uncorrected) for each in found.first]
        headings = [_("gradient"), _("torch, in η"), _("Keras, in η"), _("without the correction, in η")]
        return {
            "updates": update_table(found.traced, _),
            "first": Table(headings, columns(first, "{:g}", *["{:.3f}"] * 3)),
            "ravine": walk_table(found.ravine, _),
            "saddle": walk_table(found.saddle, _),
            "defaults": defaults_table("Adam", meanings, _),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        t = np.arange(1, SHOWN + 1)
        words: Any = {"with": _("with bias correction"), "without": _("without bias correction")}
        panel = Panel(
            title=_("The length of a step when all gradients are 1"),
            x=_("update"),
            y=_("length of the step"),
            lines=[Line(t, length, words[name], i) for i, (name, length) in enumerate(found.lengths.items())],
        )
        alt = _("Without bias correction the first steps are too long by a factor that fades slowly")
        return {
            "steps": Picture(alt, [panel], columns=1),
            "ravine": still(SURFACES["ravine"], found.ravine, _),
            "saddle": still(SURFACES["saddle"], found.saddle, _),
        }

    def live(self, found: Found, _: Words, /) -> Mapping[str, str]:
        return {"saddle": animated(SURFACES["saddle"], found.saddle, _)}


def _first(g: float, beta1: float, beta2: float, eps: float) -> First:
    """From m = (1 − β₁)·g and v = (1 − β₂)·g²; Keras's ε is its default, 1e-7."""
    root = (1 - beta2) ** 0.5
    keras = root / (1 - beta1) * (1 - beta1) * g / (root * g + 1e-7)
    return First(g, g / (g + eps), keras, (1 - beta1) * g / (root * g + eps))
