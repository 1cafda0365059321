"""AdaGrad: a rate for each weight, divided by all its past gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from attrs import frozen

from surefoot.core.language import Words
from surefoot.lessons.lesson import Table, columns, parameter
from surefoot.lessons.updates import Array, Row, Traced, UpdateLesson, defaults_table, update_table
from surefoot.report.picture import Line, Panel, Picture

SHOWN = 200  # updates for which the effective rate is drawn
SEEN = np.array([1.0, 0.3, 0.1, 0.03])  # the share of samples in which a feature is not zero
SPARSE_UPDATES, SPARSE_SEEDS = 1000, 20
SPARSE_RATES = np.array([float(f"{rate:.2g}") for rate in np.geomspace(0.003, 3, 16)])
DECAYS = (0.0, 0.01, 0.1, 1.0)
SAMPLES, FEATURES, EPOCHS = 100, 10, 10


@frozen(eq=False)
class Regression:
    """`Linear(10, 1)` trained by Adagrad with weight decay: the loss before each epoch and after the last `[11]`, and
    the length of the weights at the end."""

    weight_decay: float
    losses: Array
    length: float


@frozen(eq=False)
class Sparse:
    """A sparse problem at the best rate of a grid: how far each weight is off `[updates, features]`, root mean square
    over the seeds, and over all updates and weights, `mean`."""

    lr: float
    gaps: Array
    mean: float


@frozen(eq=False)
class Found:
    """The updates; the effective rate `[200]` under gradients of size 1; a sparse problem, by optimizer; regressions
    under growing weight decay."""

    traced: Traced
    effective: Array
    sparse: Mapping[str, Sparse]
    regressions: tuple[Regression, ...]


@frozen(kw_only=True)
class AdaGrad(UpdateLesson):
    """AdaGrad, s ← s + g², w ← w − η/(√s + ε)·g."""

    name: ClassVar[str] = "adagrad"
    lr_decay: float = parameter(0.0, "Falls the rate by 1/(1 + (t − 1)·lr_decay).", low=0, high=1e3)
    eps: float = parameter(1e-10, "ε.", low=1e-30, high=1)
    weight_decay: float = parameter(0.01, "Of the regression.", low=0, high=1e3)

    def run(self) -> Found:
        import torch

        traced = self.traced(
            self._by_hand(), lambda w: torch.optim.Adagrad([w], lr=self.lr, lr_decay=self.lr_decay, eps=self.eps)
        )
        t = np.arange(1, SHOWN + 1)
        effective = self.lr / (1 + (t - 1) * self.lr_decay) / (np.sqrt(t) + self.eps)
        decays = sorted({self.weight_decay, *DECAYS})
        sparse = {name: _sparse(name) for name in ("SGD", "AdaGrad")}
        return Found(traced, effective, sparse, tuple(_regression(decay) for decay in decays))

    def _by_hand(self) -> Iterator[Row]:
        w, s = self.start, 0.0
        for t in range(1, self.updates + 1):
            g = w
            s = s + g * g
            lr = self.lr / (1 + (t - 1) * self.lr_decay)
            rate = lr / (s**0.5 + self.eps)
            w = w - rate * g
            yield Row(t, g, {"s": s, "η/(√s + ε)": rate}, w)

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        meanings: dict[str, tuple[str | None, str]] = {
            "lr": ("learning_rate", _("η, the length of the first step")),
            "lr_decay": (None, _("the rate falls by 1/(1 + (t − 1)·lr_decay) as well")),
            "weight_decay": ("weight_decay", _("pulls the weights toward zero; coupled in torch, decoupled in Keras")),
            "initial_accumulator_value": ("initial_accumulator_value", _("s before the first update")),
            "eps": ("epsilon", _("ε, against division by zero; Keras has it inside the root")),
        }
        asked = next(each for each in found.regressions if each.weight_decay == self.weight_decay)
        epochs = list(enumerate(asked.losses))
        decays = [(each.weight_decay, each.losses[-1], each.length) for each in found.regressions]
        sparse = [(name, each.lr, *each.gaps[-1], each.mean) for name, each in found.sparse.items()]
        shares = [f"{share:.0%}" for share in SEEN]
        headings = [_("optimizer"), _("learning rate"), *shares, _("all, over all updates")]
        return {
            "updates": update_table(found.traced, _),
            "defaults": defaults_table("Adagrad", meanings, _),
            "sparse": Table(headings, columns(sparse, "{}", "{:g}", *["{:.3f}"] * (len(SEEN) + 1))),
            "epochs": Table([_("epoch"), _("loss")], columns(epochs, "{}", "{:.4f}")),
            "decays": Table(
                [_("weight decay"), _("loss at the end"), _("length of the weights")],
                columns(decays, "{:g}", "{:.4f}", "{:.4f}"),
            ),
        }

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        t = np.arange(1, SHOWN + 1)
        rate = Panel(
            title=_("The effective rate when all gradients have size 1"),
            x=_("update"),
            y=_("effective learning rate"),
            lines=[Line(t, np.full(SHOWN, self.lr), "SGD", 0), Line(t, found.effective, "AdaGrad", 1)],
            log_y=True,
        )
        lines = [
            Line(
                np.arange(1, SPARSE_UPDATES + 1),
                found.sparse[name].gaps[:, k],
                _("{name}, feature in {share:.0%} of samples", name=name, share=SEEN[k]),
                2 * i + (k > 0),
            )
            for i, name in enumerate(found.sparse)
            for k in (0, len(SEEN) - 1)
        ]
        gap = Panel(
            title=_("A sparse problem: how far two weights are off"),
            x=_("update"),
            y=_("distance from the true weight"),
            lines=lines,
            log_y=True,
        )
        alt = _("Left: the effective rate falls without end; right: the distance of two weights from their true values")
        return {"rates": Picture(alt, [rate, gap])}


def _sparse(optimizer: str) -> Sparse:
    """y = 2·Σ x_k + noise, one sample an update; feature k is ±1 in a share SEEN[k] of the samples and else 0."""
    drawn, shape = np.random.default_rng(0), (SPARSE_UPDATES, SPARSE_SEEDS, len(SEEN))
    x = (drawn.random(shape) < SEEN) * drawn.choice([-1.0, 1.0], shape)
    noise = drawn.standard_normal(shape[:2])
    w = np.zeros((len(SPARSE_RATES), *shape[1:]))  # every rate and seed at once
    s, gaps, lr = np.zeros_like(w), [], SPARSE_RATES[:, None, None]
    for t in range(SPARSE_UPDATES):
        g = (((w - 2) * x[t]).sum(-1) - noise[t])[..., None] * x[t]
        s += g * g
        w = np.clip(w - lr * (g if optimizer == "SGD" else g / (np.sqrt(s) + 1e-10)), -1e9, 1e9)
        gaps.append(((w - 2) ** 2).mean(1))
    squares = np.array(gaps)  # [updates, rates, features]
    mean = squares.mean((0, 2))
    best = int(mean.argmin())
    return Sparse(float(SPARSE_RATES[best]), np.sqrt(squares[:, best]), float(np.sqrt(mean[best])))


def _regression(weight_decay: float) -> Regression:
    """A line through 10 features fitted for 10 epochs of batches of 10, the same data and start for every decay."""
    import torch
    from torch.nn import functional

    seeded = torch.Generator().manual_seed(0)
    drawn: Any = lambda *shape: torch.randn(*shape, generator=seeded, dtype=torch.float64)  # noqa: E731
    x, true = drawn(SAMPLES, FEATURES), drawn(FEATURES, 1)
    y = x @ true + 0.1 * drawn(SAMPLES, 1)
    weight, bias = (torch.zeros(*shape, dtype=torch.float64, requires_grad=True) for shape in ((1, FEATURES), (1,)))
    optimizer = torch.optim.Adagrad([weight, bias], lr=0.5, weight_decay=weight_decay)
    losses = []
    for epoch in range(EPOCHS + 1):
        with torch.no_grad():
            losses.append(float(functional.mse_loss(functional.linear(x, weight, bias), y)))
        for start in range(0, SAMPLES if epoch < EPOCHS else 0, 10):
            optimizer.zero_grad()
            part = slice(start, start + 10)
            functional.mse_loss(functional.linear(x[part], weight, bias), y[part]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Regression(weight_decay, np.array(losses), float(weight.detach().norm()))
