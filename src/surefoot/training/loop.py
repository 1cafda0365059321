"""The loop trainer: one model after another with plain `torch.optim`. Any model; the oracle of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.keys import seed_of
from surefoot.optimizers import Rule, set_hyper, torch_optimizer
from surefoot.tasks import Prepared, Split
from surefoot.training.randomness import LOOK, key, keyed
from surefoot.training.trainer import Row, Updates, initial_model

EVALUATED = 4096  # samples a forward pass when measuring


@frozen(eq=False)
class _Live:
    row: Row
    rule: Rule
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer


class LoopTrainer:
    """K models and K `torch.optim` optimizers."""

    name = "loop"

    def __init__(self, task: Prepared, rows: Sequence[Row]) -> None:
        self.task, self.rows = task, list(rows)
        self.live = [self._begin(row) for row in rows]

    def _begin(self, row: Row) -> _Live:
        model = initial_model(self.task, row.seed)
        trainable = [p for p in model.parameters() if p.requires_grad]
        return _Live(row, row.rule, model, torch_optimizer(row.rule, trainable, row.hyper))

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        losses = torch.empty(len(updates), len(self.live), dtype=torch.float64)
        # A model that draws random numbers of its own draws them from (seed, step) too.
        with torch.random.fork_rng(devices=[]):
            for k, live in enumerate(self.live):
                live.model.train()
                for i, samples in enumerate(updates.samples[live.row.seed]):
                    set_hyper(live.optimizer, live.rule, updates.at(k, i))
                    losses[i, k] = self._update(live, samples, updates.start + i)
        return losses.numpy()

    def _update(self, live: _Live, samples: Tensor, step: int) -> Tensor:
        torch.manual_seed(seed_of(live.row.seed, "draws", step))
        noise = torch.tensor(key(live.row.seed, step), device=self.task.device)
        x, y = self.task.train.x[samples], self.task.train.y[samples]
        with keyed(noise):
            loss: Any = self.task.loss(live.model(x), y)
        live.optimizer.zero_grad()
        loss.backward()
        live.optimizer.step()
        return loss.detach()  # type: ignore[no-any-return]

    @torch.no_grad()
    def outputs(self, split: Split) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            return [self._outputs(live, split) for live in self.live]

    def _outputs(self, live: _Live, split: Split) -> Tensor:
        torch.manual_seed(seed_of(live.row.seed, "look"))
        live.model.eval()
        with keyed(torch.tensor(key(live.row.seed, LOOK), device=self.task.device)):
            return torch.cat([live.model(x) for x in torch.split(split.x, EVALUATED)])

    def keep(self, rows: Sequence[int]) -> None:
        self.live = [self.live[k] for k in rows]

    def snapshot(self) -> dict[str, Tensor]:
        saved: dict[str, Tensor] = {}
        for k, live in enumerate(self.live):
            saved |= {f"{k} model {name}": value for name, value in live.model.state_dict().items()}
            for index, state in live.optimizer.state_dict()["state"].items():
                saved |= {f"{k} state {index} {name}": v for name, v in state.items() if isinstance(v, Tensor)}
        return {"rows": torch.tensor([self.rows.index(live.row) for live in self.live])} | saved

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        self.live = [self.live[row] for row in saved["rows"].tolist()]
        for k, live in enumerate(self.live):
            live.model.load_state_dict(_part(saved, f"{k} model "))
            states: dict[int, dict[str, Tensor]] = {}
            for name, value in _part(saved, f"{k} state ").items():
                index, _, key = name.partition(" ")
                states.setdefault(int(index), {})[key] = value.clone()
            live.optimizer.load_state_dict({**live.optimizer.state_dict(), "state": states})


def _part(saved: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): value for name, value in saved.items() if name.startswith(start)}
