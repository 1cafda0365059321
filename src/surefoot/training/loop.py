"""The loop trainer: one model after another with plain `torch.optim`. Any model; the oracle of the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.keys import seed_of
from surefoot.tasks import Prepared, Split
from surefoot.tasks.split import Batch
from surefoot.tasks.tree import Tree, call, cat, mapped, nbytes
from surefoot.training.forward import backward, in_precision, measured
from surefoot.training.packed import packed, unpacked
from surefoot.training.randomness import LOOK, key, keyed
from surefoot.training.single import Single
from surefoot.training.trainer import Row, Updates

EVALUATED = 4096  # samples a forward pass when measuring
CHUNK = 4 << 20  # bytes of batches that are held while each row takes them in turn


class LoopTrainer:
    """K models and K `torch.optim` optimizers."""

    name = "loop"

    def __init__(self, task: Prepared, rows: Sequence[Row]) -> None:
        self.task, self.rows = task, list(rows)
        self.live = [Single.of(task, row, origin) for origin, row in enumerate(rows)]

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        losses: list[Tensor] = []
        # A model that draws random numbers of its own draws them from (seed, step) too.
        with torch.random.fork_rng(devices=[]):
            for live in self.live:
                live.model.train()
            # Rows of one seed share what is read.
            place = {seed: s for s, seed in enumerate({live.row.seed: None for live in self.live})}
            samples = torch.stack([updates.samples[seed] for seed in place], dim=1)
            for some in _in_chunks(enumerate(self.task.train.batches(samples))):
                rows: list[Tensor] = []
                for k, live in enumerate(self.live):
                    row: list[Tensor] = []
                    for i, batches in some:
                        x, y = (mapped(itemgetter(place[live.row.seed]), part) for part in batches)
                        row.append(self._gradients(live, x, y, updates.start + i))
                        live.update(updates.at(k, i))
                    rows.append(torch.stack(row))
                losses.append(torch.stack(rows, dim=1))
        # Looked at together: looking at a number on a device waits for all that was asked of it.
        return torch.cat(losses).cpu().to(torch.float64).numpy()

    def _gradients(self, live: Single, x: Tree, y: Tree, step: int) -> Tensor:
        """The gradients of a batch, left with the model's parameters; its loss."""
        _seed(self.task.device, seed_of(live.row.seed, "draws", step))
        noise = torch.tensor(key(live.row.seed, step), device=self.task.device)
        live.optimizer.zero_grad()
        return backward(self.task, live.model, x, y, noise)

    @torch.no_grad()
    def outputs(self, split: Split) -> list[Tree]:
        with torch.random.fork_rng(devices=[]):
            return [self._outputs(live, split) for live in self.live]

    def _outputs(self, live: Single, split: Split) -> Tree:
        _seed(self.task.device, seed_of(live.row.seed, "look"))
        live.model.eval()
        noise = torch.tensor(key(live.row.seed, LOOK), device=self.task.device)
        with live.measured(), keyed(noise), in_precision(self.task):
            return cat([measured(self.task, call(live.model, x)) for x, _ in split.parts(EVALUATED)])

    def take(self, rows: Sequence[int]) -> None:
        self.live = [self.live[k] if k not in rows[:i] else self.live[k].forked() for i, k in enumerate(rows)]

    def snapshot(self, rows: Sequence[int]) -> dict[str, Tensor]:
        saved = {"origins": torch.tensor([self.live[k].origin for k in rows])}
        for place, k in enumerate(rows):
            saved |= {f"{place} {name}": tensor for name, tensor in packed(self.live[k].state()).items()}
        return saved

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        origins = saved["origins"].tolist() if "origins" in saved else range(len(self.rows))
        self.live = [Single.of(self.task, self.rows[origin], origin) for origin in origins]
        for k, live in enumerate(self.live):
            start = f"{k} "
            part = {name.removeprefix(start): value for name, value in saved.items() if name.startswith(start)}
            live.load(unpacked(part))


def _in_chunks(batches: Iterable[tuple[int, Batch]]) -> Iterator[list[tuple[int, Batch]]]:
    """Some updates at a time: a row that makes them one after another keeps its weights in the cache."""
    chunk: list[tuple[int, Batch]] = []
    for each in batches:
        chunk.append(each)
        if len(chunk) * nbytes(each[1]) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _seed(device: torch.device, seed: int) -> None:
    # torch.manual_seed looks after every kind of device there could be, which takes longer than a small layer.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
