"""One training loop that is fed with batches of any size, and how noisy the gradient of a batch is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from surefoot.tasks.in_memory import InMemory

Loss = Callable[[Any, Any], "Tensor"]
LEAST = 200  # batches that the noise of a size is measured over


@frozen(eq=False)
class Training:
    """A training with batches of one size; arrays `[epochs + 1]`, before the first epoch and after each.

    Parameters: `updates`, in an epoch; `seconds`, spent on updates so far; `training`, `validation`: the mean loss over
    the whole set; `accuracy`, on the validation set.
    """

    batch_size: int
    updates: int
    seconds: NDArray[np.float64]
    training: NDArray[np.float64]
    validation: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def an_update(self) -> float:
        """Seconds an update."""
        return float(self.seconds[-1]) / (self.updates * (len(self.seconds) - 1))


@frozen
class Noise:
    """How far the gradient of a batch lies from that of all samples, as a share of its length.

    Parameters: `batches`, how many were measured; `measured`, the root mean square over them; `law`, σ/√B, with σ
    measured on every single sample; `drawn`, the same for samples of which none is drawn twice.
    """

    batch_size: int
    batches: int
    measured: float
    law: float
    drawn: float


def train(
    model: torch.nn.Module,
    loss: Loss,
    data: InMemory,
    held: InMemory,
    orders: Sequence[Tensor],
    batch_size: int,
    lr: float,
) -> Training:
    """w ← w − η·∇L(batch) over every batch of every epoch; the batch size alone says whether this is BGD or SGD.

    Parameters: `data`, to train on; `held`, to validate on; `orders`, for each epoch the order of the samples `[N]`.
    """
    import torch

    seconds, looks = [0.0], [_look(model, loss, data, held)]
    for order in orders:
        began = perf_counter()
        for batch in torch.split(order, batch_size):
            update(model, loss, data.x[batch], data.y[batch], lr)
        seconds.append(seconds[-1] + perf_counter() - began)
        looks.append(_look(model, loss, data, held))
    training, validation, accuracy = np.array(looks).T
    updates = -(-len(data) // batch_size)
    return Training(batch_size, updates, np.array(seconds), training, validation, accuracy)


def update(model: torch.nn.Module, loss: Loss, x: Tensor, y: Tensor, lr: float) -> None:
    """One update: w ← w − η·g, with the gradient of the mean loss over these samples."""
    import torch

    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss(model(x), y), weights)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.sub_(gradient, alpha=lr)


def noises(model: torch.nn.Module, loss: Loss, data: InMemory, sizes: Sequence[int]) -> list[Noise]:
    """The noise of the gradient for batches of each size, drawn as in training: shuffled, cut up, full ones alone."""
    exact, samples = gradient(model, loss, data.x, data.y), len(data)
    single = _root_mean_square(deviations(model, loss, data, exact, 1))
    measured = []
    for size in sizes:
        found, law = deviations(model, loss, data, exact, size), single / size**0.5
        drawn = law * ((samples - size) / max(samples - 1, 1)) ** 0.5
        measured.append(Noise(size, len(found), _root_mean_square(found), law, drawn))
    return measured


def deviations(model: torch.nn.Module, loss: Loss, data: InMemory, exact: Tensor, size: int) -> list[float]:
    """|g_B − g| / |g| for every batch of as many shuffles as `LEAST` batches take."""
    import torch

    found: list[float] = []
    for seed in count():
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
        for batch in torch.split(order[: len(data) // size * size], size):
            found.append(float((gradient(model, loss, data.x[batch], data.y[batch]) - exact).norm() / exact.norm()))
        if len(found) >= LEAST:
            return found
    raise AssertionError("count() has no end")


def gradient(model: torch.nn.Module, loss: Loss, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the mean loss over these samples, all weights in one row `[P]`."""
    import torch

    return torch.cat([part.flatten() for part in torch.autograd.grad(loss(model(x), y), list(model.parameters()))])


def _look(model: torch.nn.Module, loss: Loss, data: InMemory, held: InMemory) -> tuple[float, float, float]:
    import torch

    with torch.no_grad():
        outputs = model(held.x)
        accuracy = (outputs.argmax(1) == held.y).double().mean()
        return float(loss(model(data.x), data.y)), float(loss(outputs, held.y)), float(accuracy)


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
