"""Back-propagation by hand: one sigmoid neuron, then a network of 2-2-2, checked against autograd."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.errors import UsageError
from surefoot.core.language import Words
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.report.picture import Line, Panel, Picture

Array = NDArray[np.float64]
GRAPH = ("w·x", "h₁ + b", "−h₂", "exp(h₃)", "h₄ + 1", "1/h₅")  # the neuron, one operation after the other


@frozen(eq=False)
class Neuron:
    """f = 1/(1 + exp(−(w·x + b))): values h₁ … h₆, the factors of the chain rule from h₆ back to h₁, gradients."""

    values: tuple[float, ...]
    factors: tuple[float, ...]
    w: float  # ∂f/∂w
    b: float  # ∂f/∂b
    autograd: tuple[float, float]


@frozen(eq=False)
class Pass:
    """One forward and backward pass of the network.

    Parameters: `net_h`, `h`, `net_o`, `o` `[2]`; `errors` `[2]`, ½(t − o)²; `delta_o`, `delta_h` `[2]`, ∂E/∂net;
    `paths` `[2, 2]`, what reaches hidden neuron j from output k, δ_k·w_kj; `w1`, `w2` `[2, 2]`, `b1`, `b2`, gradients.
    """

    net_h: Array
    h: Array
    net_o: Array
    o: Array
    errors: Array
    delta_o: Array
    delta_h: Array
    paths: Array
    w1: Array
    w2: Array
    b1: float
    b2: float

    @property
    def error(self) -> float:
        return float(self.errors.sum())

    @property
    def gradients(self) -> list[float]:
        """Of w1 … w8, b1, b2."""
        return [*map(float, self.w1.ravel()), *map(float, self.w2.ravel()), self.b1, self.b2]


@frozen(eq=False)
class Found:
    """The neuron; the network's first pass; its parameters before and after one update; the error over updates, and
    after one of the weights alone, `weights_alone`."""

    neuron: Neuron
    first: Pass
    before: tuple[float, ...]
    after: tuple[float, ...]
    autograd: tuple[float, ...]
    difference: float  # the largest, between the gradients by hand and autograd's
    errors: Array  # [updates + 1]
    weights_alone: float


@frozen(kw_only=True)
class Backprop(Lesson):
    """Forward pass, chain rule and update of a sigmoid neuron and of a 2-2-2 network."""

    name: ClassVar[str] = "backprop"
    inputs: tuple[float, ...] = parameter((0.05, 0.10), "The two inputs.", low=-1e3, high=1e3)
    weights: tuple[float, ...] = parameter(
        (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55), "w1 … w8.", low=-1e3, high=1e3
    )
    biases: tuple[float, ...] = parameter((0.35, 0.60), "One for each layer.", low=-1e3, high=1e3)
    targets: tuple[float, ...] = parameter((0.01, 0.99), "The two targets.", low=-1e3, high=1e3)
    lr: float = parameter(0.5, "The learning rate.", low=0, high=1e6)
    updates: int = parameter(1000, "Updates whose error is drawn.", low=1, high=20_000)

    def __attrs_post_init__(self) -> None:
        for name, count in (("inputs", 2), ("weights", 8), ("biases", 2), ("targets", 2)):
            if len(getattr(self, name)) != count:
                raise UsageError(f"{name} of backprop are {count} numbers", received=list(getattr(self, name)))

    def run(self) -> Found:
        theta = np.array([*self.weights, *self.biases])
        first = self.passed(theta)
        autograd = self._autograd(theta)
        errors, now = [first.error], theta
        for _ in range(self.updates):
            now = now - self.lr * np.array(self.passed(now).gradients)
            errors.append(self.passed(now).error)
        after = theta - self.lr * np.array(first.gradients)
        difference = float(np.abs(np.array(first.gradients) - autograd).max())
        alone = self.passed(np.array([*after[:8], *self.biases])).error
        return Found(_neuron(), first, tuple(theta), tuple(after), tuple(autograd), difference, np.array(errors), alone)

    def passed(self, theta: Array) -> Pass:
        """Forward and backward through the network with parameters w1 … w8, b1, b2 `[10]`."""
        i, t = np.array(self.inputs), np.array(self.targets)
        w1, w2, (b1, b2) = theta[:4].reshape(2, 2), theta[4:8].reshape(2, 2), theta[8:]
        net_h = w1 @ i + b1
        h = _sigmoid(net_h)
        net_o = w2 @ h + b2
        o = _sigmoid(net_o)
        delta_o = (o - t) * o * (1 - o)
        paths = w2.T * delta_o  # [hidden, output]: an early weight reaches the error over both outputs
        delta_h = paths.sum(1) * h * (1 - h)
        outer1, outer2 = np.outer(delta_h, i), np.outer(delta_o, h)
        b1_gradient, b2_gradient = float(delta_h.sum()), float(delta_o.sum())
        return Pass(
            net_h, h, net_o, o, (t - o) ** 2 / 2, delta_o, delta_h, paths, outer1, outer2, b1_gradient, b2_gradient
        )

    def _autograd(self, theta: Array) -> Array:
        import torch

        leaf = torch.tensor(theta, requires_grad=True)
        i, t = (torch.tensor(each, dtype=torch.float64) for each in (self.inputs, self.targets))
        h = torch.sigmoid(leaf[:4].view(2, 2) @ i + leaf[8])
        o = torch.sigmoid(leaf[4:8].view(2, 2) @ h + leaf[9])
        ((t - o) ** 2 / 2).sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad.numpy()

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        first, names = found.first, [*(f"w{i}" for i in range(1, 9)), "b1", "b2"]
        graph = [(f"h{i + 1}", GRAPH[i], found.neuron.values[i], _factor(i), found.neuron.factors[i]) for i in range(6)]
        forward = [(f"net h{j + 1}", f"w{2 * j + 1}·i1 + w{2 * j + 2}·i2 + b1", first.net_h[j]) for j in range(2)] + [
            (f"h{j + 1}", f"σ(net h{j + 1})", first.h[j]) for j in range(2)
        ]
        forward += [(f"net o{k + 1}", f"w{2 * k + 5}·h1 + w{2 * k + 6}·h2 + b2", first.net_o[k]) for k in range(2)]
        forward += [(f"o{k + 1}", f"σ(net o{k + 1})", first.o[k]) for k in range(2)]
        forward += [(f"E{k + 1}", f"½·(t{k + 1} − o{k + 1})²", first.errors[k]) for k in range(2)]
        forward += [("E", "E1 + E2", first.error)]
        updates = zip(names, first.gradients, found.autograd, found.before, found.after, strict=True)
        value, formula, gradient = _("value"), _("formula"), _("gradient")
        return {
            "graph": Table(["", formula, value, _("factor"), value], columns(graph, *["{}"] * 2, "{:g}", "{}", "{:g}")),
            "forward": Table(["", formula, value], columns(forward, "{}", "{}", "{:.9f}")),
            "factors": self._factors(first, _),
            "updates": Table(
                ["", gradient, "autograd", _("before"), _("after the update")],
                columns(list(updates), "{}", *["{:.9f}"] * 2, "{:g}", "{:.9f}"),
            ),
        }

    def _factors(self, first: Pass, _: Words) -> Table:
        """Every factor of every gradient: of an output weight three, of a hidden weight a sum over both outputs."""
        rows: list[tuple[Any, ...]] = []
        for k in range(2):
            for j in range(2):
                slope = float(first.o[k] * (1 - first.o[k]))
                factors = f"{first.o[k] - self.targets[k]:.9f} · {slope:.9f} · {first.h[j]:.9f}"
                words = f"(o{k + 1} − t{k + 1}) · o{k + 1}(1 − o{k + 1}) · h{j + 1}"
                rows.append((f"∂E/∂w{5 + 2 * k + j}", words, factors, first.w2[k, j]))
        for j in range(2):
            for m in range(2):
                slope = float(first.h[j] * (1 - first.h[j]))
                factors = f"({first.paths[j, 0]:.9f} + {first.paths[j, 1]:.9f}) · {slope:.9f} · {self.inputs[m]:g}"
                words = f"(δ₁·w{5 + j} + δ₂·w{7 + j}) · h{j + 1}(1 − h{j + 1}) · i{m + 1}"
                rows.append((f"∂E/∂w{1 + 2 * j + m}", words, factors, first.w1[j, m]))
        return Table(["", _("formula"), _("factors"), _("gradient")], columns(rows, "{}", "{}", "{}", "{:.9f}"))

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        update = np.arange(len(found.errors))
        fall = Panel(
            title=_("The error over {count} updates", count=self.updates),
            x=_("update"),
            y=_("error E"),
            lines=[Line(update, found.errors)],
            log_y=True,
        )
        return {"error": Picture(_("The error of the network falls from update to update"), [fall], columns=1)}


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _factor(i: int) -> str:
    of = ("∂h₁/∂w", "∂h₂/∂h₁", "∂h₃/∂h₂", "∂h₄/∂h₃", "∂h₅/∂h₄", "∂h₆/∂h₅")
    is_ = ("x", "1", "−1", "exp(h₃)", "1", "−1/h₅²")
    return f"{of[i]} = {is_[i]}"


def _neuron(x: float = 1.0, w: float = 0.0, b: float = 0.0) -> Neuron:
    import torch

    h1 = w * x
    h2 = h1 + b
    h3 = -h2 + 0.0  # not -0
    h4 = math.exp(h3)
    h5 = h4 + 1
    h6 = 1 / h5
    factors = (x, 1.0, -1.0, math.exp(h3), 1.0, -1 / h5**2)
    leaf = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
    (1 / (1 + torch.exp(-(leaf[0] * x + leaf[1])))).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    ways = math.prod(factors[1:])
    return Neuron((h1, h2, h3, h4, h5, h6), factors, ways * x, ways, (float(leaf.grad[0]), float(leaf.grad[1])))
