"""The loop trainer: one model after another with plain `torch.optim`. Any model; the oracle of the others."""

import copy
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.keys import seed_of
from surefoot.optimizers import Rule, set_hyper, torch_optimizer
from surefoot.tasks import Prepared, Split
from surefoot.tasks.split import Batch
from surefoot.tasks.tree import Tree, call, cat, mapped
from surefoot.training.packed import packed, unpacked
from surefoot.training.randomness import LOOK, key, keyed
from surefoot.training.trainer import Row, Updates, initial_model

EVALUATED = 4096  # samples a forward pass when measuring


@frozen(eq=False)
class _Live:
    row: Row
    rule: Rule
    origin: int  # which of the rows it was, or was forked from
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer


class LoopTrainer:
    """K models and K `torch.optim` optimizers."""

    name = "loop"

    def __init__(self, task: Prepared, rows: Sequence[Row]) -> None:
        self.task, self.rows = task, list(rows)
        self.live = [self._begin(origin) for origin in range(len(rows))]

    def _begin(self, origin: int) -> _Live:
        row = self.rows[origin]
        model = initial_model(self.task, row.seed)
        trainable = [p for p in model.parameters() if p.requires_grad]
        return _Live(row, row.rule, origin, model, torch_optimizer(row.rule, trainable, row.hyper))

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        losses = torch.empty(len(updates), len(self.live), dtype=torch.float64)
        # A model that draws random numbers of its own draws them from (seed, step) too.
        with torch.random.fork_rng(devices=[]):
            for live in self.live:
                live.model.train()
            # Rows of one seed share what is read.
            place = {seed: s for s, seed in enumerate({live.row.seed: None for live in self.live})}
            samples = torch.stack([updates.samples[seed] for seed in place], dim=1)
            for i, batches in enumerate(self.task.train.batches(samples)):
                for k, live in enumerate(self.live):
                    set_hyper(live.optimizer, live.rule, updates.at(k, i))
                    x, y = (mapped(itemgetter(place[live.row.seed]), part) for part in batches)
                    losses[i, k] = self._update(live, (x, y), updates.start + i)
        return losses.numpy()

    def _update(self, live: _Live, batch: Batch, step: int) -> Tensor:
        torch.manual_seed(seed_of(live.row.seed, "draws", step))
        noise = torch.tensor(key(live.row.seed, step), device=self.task.device)
        x, y = batch
        with keyed(noise):
            loss: Any = self.task.loss(call(live.model, x), y)
        live.optimizer.zero_grad()
        loss.backward()
        live.optimizer.step()
        return loss.detach()  # type: ignore[no-any-return]

    @torch.no_grad()
    def outputs(self, split: Split) -> list[Tree]:
        with torch.random.fork_rng(devices=[]):
            return [self._outputs(live, split) for live in self.live]

    def _outputs(self, live: _Live, split: Split) -> Tree:
        torch.manual_seed(seed_of(live.row.seed, "look"))
        live.model.eval()
        with keyed(torch.tensor(key(live.row.seed, LOOK), device=self.task.device)):
            return cat([call(live.model, x) for x, _ in split.parts(EVALUATED)])

    def take(self, rows: Sequence[int]) -> None:
        # In one go with its optimizer, which names the model's very parameters.
        self.live = [self.live[k] if k not in rows[:i] else copy.deepcopy(self.live[k]) for i, k in enumerate(rows)]

    def snapshot(self) -> dict[str, Tensor]:
        saved = {"origins": torch.tensor([live.origin for live in self.live])}
        for k, live in enumerate(self.live):
            held = {"model": live.model.state_dict(), "optimizer": live.optimizer.state_dict()}
            saved |= {f"{k} {name}": tensor for name, tensor in packed(held).items()}
        return saved

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        self.live = [self._begin(origin) for origin in saved["origins"].tolist()]
        for k, live in enumerate(self.live):
            start = f"{k} "
            part = {name.removeprefix(start): value for name, value in saved.items() if name.startswith(start)}
            held = unpacked(part)
            live.model.load_state_dict(held["model"])
            live.optimizer.load_state_dict(held["optimizer"])
            _put_exactly(live.optimizer, held["optimizer"]["state"])


def _put_exactly(optimizer: torch.optim.Optimizer, states: Mapping[int, Mapping[str, Any]]) -> None:
    """Loading rounds states that are wider than their parameter: they are put in as they were."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for index, state in states.items():
        loaded = optimizer.state[params[index]]
        loaded |= {n: v.to(loaded[n].device) for n, v in state.items() if isinstance(v, Tensor) and n in loaded}
