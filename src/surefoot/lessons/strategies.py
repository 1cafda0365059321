"""One training loop for every strategy: the schedule is made by name, and shown the validation loss."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

# The rates that the textbook gives; the schedule multiplies them.
PEAKS = {
    "step_decay": 0.1,
    "exponential_decay": 0.1,
    "cosine_annealing": 0.1,
    "reduce_on_plateau": 0.1,
    "cyclical": 0.006,
    "one_cycle": 0.1,
}
ADAPTED = {"cyclical": {"up": "10%"}}  # five cycles: the textbook's 2000 steps belong to a run of 10 000


@frozen(eq=False)
class Trained:
    """A strategy that was trained: after each epoch the rate, the validation loss and accuracy `[epochs]`."""

    name: str
    schedule: str
    peak: float
    lr: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def train(name: str, epochs: int = 30, seed: int = 0) -> Trained:
    """Trains the digits network with SGD (momentum 0.9) under a strategy by its name.

    Raises ScheduleError (a ValueError) for an unknown name.

    >>> found = train("one_cycle", epochs=2)
    >>> found.schedule, len(found.loss)
    ('one_cycle()', 2)
    """
    import torch
    from torch.nn import functional

    from surefoot.adapters.torch import Scheduler
    from surefoot.schedules import strategy
    from surefoot.tasks import load
    from surefoot.training.place import computing

    schedule = strategy(name, **ADAPTED.get(name, {}))
    task = load("digits")
    (x, y), (seen_x, seen_y) = task.train, task.validation
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = task.model()
    order, batches = torch.Generator().manual_seed(seed), -(-len(y) // task.batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAKS[name], momentum=0.9)
    scheduler = Scheduler(optimizer, schedule, steps=epochs * batches, steps_per_epoch=batches)
    rates, losses, right = [], [], []
    with computing(threads=1):  # for tensors as small as these, threads that wait cost more than they give
        for _ in range(epochs):
            for part in torch.randperm(len(y), generator=order).split(task.batch_size):  # type: ignore[no-untyped-call]
                optimizer.zero_grad()
                functional.cross_entropy(model(x[part]), y[part]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                rates.append(optimizer.param_groups[0]["lr"])
                scheduler.step()
            with torch.no_grad():
                outputs = model(seen_x)
            losses.append(functional.cross_entropy(outputs, seen_y).item())
            right.append((outputs.argmax(1) == seen_y).double().mean().item())
            scheduler.observe(loss=losses[-1])  # what plateau follows; the others do not mind
    last = np.array(rates)[batches - 1 :: batches]
    return Trained(name, str(schedule), PEAKS[name], last, np.array(losses), np.array(right))
