"""Momentum: in the average form and as torch has it; across a saddle point, along a ravine, through noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from attrs import frozen

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

FORMS = ("average", "average-first", "heavy-ball", "keras")
GRADIENTS = (1.0, 2.0, 3.0)
NOISY = 300  # updates under noise
SADDLE_RATE = 0.05  # of both: what momentum does at the same rate


@frozen(eq=False)
class Found:
    """`heavy`, torch's form; `average`, the average form from the first gradient; the forms of all libraries after the
    gradients 1, 2, 3 at rate 1: buffers `[3]` and the weight; walks; the way through noise, and how far it jumps."""

    heavy: Traced
    average: Traced
    forms: Mapping[str, tuple[Array, float]]
    saddle: tuple[Walk, ...]
    ravine: tuple[Walk, ...]
    noisy: Mapping[str, Array]
    jumps: Mapping[str, float]


@frozen(kw_only=True)
class Momentum(UpdateLesson):
    """Momentum, b ← β·b + g, w ← w − η·b; and its average form, s ← β·s + (1 − β)·g."""

    name: ClassVar[str] = "momentum"
    beta: float = parameter(0.9, "The memory β.", low=0, high=0.9999)
    noise: float = parameter(1.0, "The deviation of the gradient's noise.", low=0, high=100)

    def _trace(self, average: bool) -> Traced:
        import torch

        dampening = self.beta if average else 0
        return self.traced(
            self._by_hand(average),
            lambda w: torch.optim.SGD([w], lr=self.lr, momentum=self.beta, dampening=dampening),
        )

    def _by_hand(self, average: bool) -> Iterator[Row]:
        w, s, take = self.start, 0.0, 1 - self.beta if average else 1
        for t in range(1, self.updates + 1):
            g = w
            s = g if t == 1 else self.beta * s + take * g
            w = w - self.lr * s
            yield Row(t, g, {"s" if average else "b": s}, w)

    def run(self) -> Found:
        noisy = {"sgd": self._through_noise(0.0), "momentum": self._through_noise(self.beta)}
        jumps = {name: float(np.sqrt(np.mean(np.diff(w[NOISY // 3 :]) ** 2))) for name, w in noisy.items()}
        pair = ("sgd", "momentum")
        return Found(
            self._trace(average=False),
            self._trace(average=True),
            {form: _after(form, self.beta) for form in FORMS},
            walks("saddle", pair, lr=SADDLE_RATE),
            walks("ravine", pair),
            noisy,
            jumps,
        )

    def _through_noise(self, beta: float, lr: float = 0.1) -> Array:
        """w under gradients w + noise, from 5; the average form, so that the rates mean the same."""
        noise = self.noise * np.random.default_rng(0).standard_normal(NOISY)
        w, s = [5.0], 0.0
        for t in range(NOISY):
            g = w[-1] + noise[t]
            s = g if t == 0 else beta * s + (1 - beta) * g
            w.append(w[-1] - lr * s)
        return np.array(w)

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        forms = [
            (self._words(form, _), *(f"{value:.6g}" for value in buffers), w)
            for form, (buffers, w) in found.forms.items()
        ]
        headings = [_("form"), *(_("buffer, g = {gradient:g}", gradient=g) for g in GRADIENTS), "w"]
        meanings = {
            "lr": ("learning_rate", _("the step per unit of the buffer")),
            "momentum": ("momentum", _("β, the memory")),
            "dampening": (None, _("τ: b ← β·b + (1 − τ)·g, but the first gradient is taken whole")),
            "weight_decay": ("weight_decay", _("pulls the weights toward zero; coupled in torch, decoupled in Keras")),
            "nesterov": ("nesterov", _("takes the gradient where momentum is about to lead")),
        }
        return {
            "heavy": update_table(found.heavy, _),
            "average": update_table(found.average, _),
            "forms": Table(headings, columns(forms, *["{}"] * 4, "{:.6g}")),
            "saddle": walk_table(found.saddle, _),
            "ravine": walk_table(found.ravine, _),
            "defaults": defaults_table("SGD", meanings, _),
        }

    def _words(self, form: str, _: Words) -> str:
        return {
            "average": _("average, from zero"),
            "average-first": _("average, from the first gradient"),
            "heavy-ball": _("heavy-ball (torch)"),
            "keras": _("Keras (the rate inside)"),
        }[form]

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        ways = Panel(
            title=_("The way through noisy gradients"),
            x=_("update"),
            y="w",
            lines=[Line(np.arange(len(w)), w, name, i) for i, (name, w) in enumerate(found.noisy.items())],
        )
        return {
            "ravine": still(SURFACES["ravine"], found.ravine, _),
            "saddle": still(SURFACES["saddle"], found.saddle, _),
            "noise": Picture(_("The weight after each update, without and with momentum"), [ways], columns=1),
        }

    def live(self, found: Found, _: Words, /) -> Mapping[str, str]:
        return {"ravine": animated(SURFACES["ravine"], found.ravine, _)}


def _after(form: str, beta: float) -> tuple[Array, float]:
    """The buffer after each of the gradients 1, 2, 3 at rate 1, and the weight from 0, by Surefoot's rule."""
    import torch

    from surefoot.optimizers import SGD

    rule = SGD(lr=1, momentum=beta, form=form)  # type: ignore[arg-type]
    w = torch.zeros((), dtype=torch.float64)
    state, buffers = rule.init(w, rule.hyper), []
    for t, g in enumerate(GRADIENTS, 1):
        rule.update(w, torch.tensor(g, dtype=torch.float64), state, rule.coefficients(rule.hyper, t))
        buffers.append(float(state["momentum_buffer"]) if state else -g if form == "keras" else g)
    return np.array(buffers), float(w)
