"""What the lessons of single optimizers share: updates of w²/2 by hand and by torch, and the defaults of libraries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.core.language import Words
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.lessons.surfaces import RATES, SURFACES, Walk, walk

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

Array = NDArray[np.float64]


@frozen(eq=False)
class Row:
    """One update: its number from 1, the gradient, the state by the symbols of the equations, the weight after it."""

    t: int
    gradient: float
    state: Mapping[str, float]
    w: float


@frozen(eq=False)
class Traced:
    """Updates by hand, `rows`; the weight after each by torch.optim `[updates]`, and the largest difference."""

    rows: tuple[Row, ...]
    torch: Array
    difference: float


@frozen(kw_only=True)
class UpdateLesson(Lesson):
    """An optimizer's updates of w on f(w) = w²/2, whose gradient is w itself."""

    start: float = parameter(1.0, "w before the first update.", low=-1e6, high=1e6)
    lr: float = parameter(0.01, "The learning rate.", low=0, high=1e6)
    updates: int = parameter(2, "Updates.", low=1, high=1000)

    def traced(self, by_hand: Iterable[Row], optimizer: Callable[[Tensor], Optimizer]) -> Traced:
        """Updates by hand beside those of torch's `optimizer`, made for the one weight."""
        import torch

        rows = tuple(by_hand)
        w = torch.tensor(self.start, dtype=torch.float64, requires_grad=True)
        made, after = optimizer(w), []
        for _ in range(self.updates):
            made.zero_grad()
            (w**2 / 2).backward()  # type: ignore[no-untyped-call]
            made.step()
            after.append(w.item())
        by_torch = np.array(after)
        return Traced(rows, by_torch, float(np.abs(by_torch - [row.w for row in rows]).max()))


def update_table(traced: Traced, _: Words) -> Table:
    """Every update with its state, and torch's weight beside."""
    symbols = list(traced.rows[0].state)
    rows = [
        (row.t, row.gradient, *row.state.values(), row.w, by_torch)
        for row, by_torch in zip(traced.rows, traced.torch, strict=True)
    ]
    headings = [_("update"), _("gradient"), *symbols, "w", "w, torch.optim"]
    return Table(headings, columns(rows, "{}", "{:.6g}", *["{:.6g}"] * len(symbols), "{:.8f}", "{:.8f}"))


def defaults_table(name: str, meanings: Mapping[str, tuple[str | None, str]], _: Words) -> Table:
    """The arguments of torch's and Keras's optimizer `name`, with their defaults, as their own signatures have them.

    Parameters: `meanings`, by torch's argument: Keras's name for it (None: it has none) and what it does.
    """
    import torch

    from surefoot.optimizers import like

    ours = inspect.signature(getattr(torch.optim, name)).parameters
    theirs = inspect.signature(getattr(like.keras, name)).parameters
    rows = []
    for argument, (keras, meaning) in meanings.items():
        default = "–" if keras is None else ", ".join(f"{key} = {theirs[key].default}" for key in keras.split())
        rows.append((argument, f"{ours[argument].default}", default, meaning))
    return Table([_("parameter"), "torch", "Keras", _("meaning")], columns(rows, *["{}"] * 4))


def walks(surface: str, optimizers: Sequence[str], steps: int = 100, lr: float | None = None) -> tuple[Walk, ...]:
    """How optimizers do on a surface: all at the rate `lr`, or each at its best of the same grid."""
    rates = RATES if lr is None else [lr]
    return tuple(walk(SURFACES[surface], optimizer, steps, rates) for optimizer in optimizers)


def walk_table(found: Sequence[Walk], _: Words) -> Table:
    """Where the walks are half-way and at their end."""
    last = len(found[0].heights) - 1
    rows: list[tuple[Any, ...]] = [
        (w.optimizer, w.lr, w.heights[last // 2], w.heights[last], w.heights.mean()) for w in found
    ]
    headings = [_("optimizer"), _("learning rate"), f"z, {last // 2}", f"z, {last}", _("mean height")]
    return Table(headings, columns(rows, "{}", "{:g}", *["{:.4g}"] * 3))
