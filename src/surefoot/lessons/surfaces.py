"""Surfaces in two dimensions, and optimizers that walk on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

# Five a decade, the same for every optimizer.
RATES = np.array([float(f"{rate:.2g}") for rate in np.geomspace(1e-4, 10, 26)])


@frozen
class Surface:
    """A height z = f(x, y): its formula, where walks start, what is drawn, where it is lowest."""

    name: str
    formula: str
    f: Callable[[Any, Any], Any]
    start: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    lowest: float = 0.0

    def grid(self, points: int = 161) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """x `[points]`, y `[points]`, heights `[points, points]` over the drawn part."""
        x, y = np.linspace(*self.x, points), np.linspace(*self.y, points)
        return x, y, np.asarray(self.f(x[None, :], y[:, None]))


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _bowl(x: Any, y: Any) -> Any:
    return (x**2 + y**2) / 2


def _ravine(x: Any, y: Any) -> Any:
    return (x**2 + 100 * y**2) / 2


def _saddle(x: Any, y: Any) -> Any:
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


_BEALE = "z = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²"
_ALL = (
    Surface("bowl", "z = (x² + y²)/2", _bowl, (-3, 2), (-3.5, 3.5), (-2.6, 2.6), ((0, 0),)),
    Surface("ravine", "z = (x² + 100·y²)/2", _ravine, (-4, 1), (-4.5, 2), (-1.2, 1.2), ((0, 0),)),
    Surface(
        "saddle", "z = x²/2 − y²/2 + y⁴/4", _saddle, (-1.5, 0.01), (-1.8, 1.2), (-0.6, 1.5), ((0, 1), (0, -1)), -0.25
    ),
    Surface("beale", _BEALE, _beale, (1, 1.5), (-0.5, 4.2), (-1, 2), ((3, 0.5),)),
    Surface("rosenbrock", "z = (1 − x)² + 100·(y − x²)²", _rosenbrock, (-1.2, 1), (-1.8, 1.6), (-0.6, 2.2), ((1, 1),)),
)
SURFACES = {surface.name: surface for surface in _ALL}


@frozen(eq=False)
class Walk:
    """An optimizer's way: where it was `[steps + 1, 2]`, how high `[steps + 1]`; at its best rate."""

    optimizer: str
    lr: float
    path: NDArray[np.float64]
    heights: NDArray[np.float64]


def walk(surface: Surface, optimizer: str, steps: int, rates: Sequence[float] | NDArray[np.float64] = RATES) -> Walk:
    """Walks at every rate at once, as one population, and keeps the rate whose mean height is lowest.

    Parameters: `optimizer`, a rule as text ("momentum", "adam(beta1=0.8)"); `steps`, the updates.

    >>> found = walk(SURFACES["bowl"], "sgd", 10, [0.1, 1.0])
    >>> found.lr, found.heights[-1]
    (1.0, np.float64(0.0))
    """
    import torch

    from surefoot.optimizers import init, parse, update

    rule = parse(optimizer)
    rows = [rule.filled({"lr": float(lr)}) for lr in rates]
    params = {"w": torch.tensor([surface.start] * len(rows), dtype=torch.float64)}
    state, paths, heights = init(rule, params, rows), [], []
    for t in range(steps + 1):
        w = params["w"].clone().requires_grad_()
        z = surface.f(w[:, 0], w[:, 1])
        paths.append(w.detach().numpy().copy())
        heights.append(z.detach().numpy().copy())
        if t < steps:
            (g,) = torch.autograd.grad(z.sum(), w)  # of the sum: each row gets its own gradient
            update(rule, params, {"w": g}, state, rows, t + 1)
    z, path = np.array(heights), np.array(paths)
    lost = ~np.isfinite(z).all(0)
    # The mean height, not the last: a walk that leaps far out and happens to come back is no good one.
    best = int(np.where(lost, np.inf, z.mean(0)).argmin())
    return Walk(optimizer, float(rates[best]), path[:, best], z[:, best])
