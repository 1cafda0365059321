"""The fused trainer: all rows stacked `[K, ...]` and trained in one go under `torch.func`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.optimizers import Rule, init, take, update
from surefoot.optimizers.rule import State
from surefoot.tasks import Prepared, Split
from surefoot.training.randomness import LOOK, key, keyed
from surefoot.training.trainer import Row, Updates, initial_model
from surefoot.training.trial import try_stack

OUTPUTS = 1 << 22  # numbers in flight in a forward pass when measuring

Stack = dict[str, Tensor]


@frozen(eq=False)
class _Group:
    """Rows whose rules do the same operations: updated together."""

    rule: Rule
    rows: Tensor
    state: dict[str, State] = field(repr=False)


class FusedTrainer:
    """K rows as one stacked model. Raises CannotStackError where a trial step fails."""

    name = "fused"

    def __init__(self, task: Prepared, rows: Sequence[Row]) -> None:
        self.task, self.rows = task, list(rows)
        models = {row.seed: initial_model(task, row.seed) for row in rows}
        self.model = next(iter(models.values()))
        trainable = {name for name, p in self.model.named_parameters() if p.requires_grad}
        held = {seed: dict(model.named_parameters()) | dict(model.named_buffers()) for seed, model in models.items()}
        stack = {name: torch.stack([held[row.seed][name].detach() for row in rows]) for name in held[rows[0].seed]}
        self.params: Stack = {name: value for name, value in stack.items() if name in trainable}
        self.buffers: Stack = {name: value for name, value in stack.items() if name not in trainable}
        self.groups = self._grouped()
        self.idle: set[str] = set()  # vmap gives zeros where autograd gives nothing; torch.optim leaves those alone
        self.idle = try_stack(self)
        self.model = initial_model(task, rows[0].seed)

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        losses = torch.empty(len(updates.samples), len(self.rows), dtype=torch.float64, device=self.task.device)
        for i, samples in enumerate(updates.samples):
            step = updates.start + i
            index = torch.stack([samples[row.seed] for row in self.rows])
            grads, losses[i] = self.gradients(index, step)
            for group in self.groups:
                hyper = [updates.hyper[k][i] for k in group.rows.tolist()]
                self._apply(group, grads, hyper, step + 1)
        return losses.cpu().numpy()

    def gradients(self, index: Tensor, step: int) -> tuple[Stack, Tensor]:
        """The gradients and losses of every row on the samples `index` `[K, B]`; buffers move on."""
        self.model.train()

        def loss_of(params: Stack, buffers: Stack, x: Tensor, y: Tensor, noise: Tensor) -> tuple[Tensor, Stack]:
            with keyed(noise):
                return self.task.loss(functional_call(self.model, (params, buffers), (x,)), y), buffers

        noise = self._noise(step)
        x, y = self.task.train.x[index], self.task.train.y[index]
        each_row: Any = vmap(grad_and_value(loss_of, has_aux=True))
        with sdpa_kernel(SDPBackend.MATH):  # the others have no rule for stacks
            grads, (losses, self.buffers) = each_row(self.params, self.buffers, x, y, noise)
        return {name: grad for name, grad in grads.items() if name not in self.idle}, losses.detach()

    def _noise(self, step: int) -> Tensor:
        keys = {seed: key(seed, step) for seed in {row.seed for row in self.rows}}
        return torch.tensor([keys[row.seed] for row in self.rows], device=self.task.device)

    def _apply(self, group: _Group, grads: Stack, hyper: list[Any], t: int) -> None:
        if len(group.rows) == len(self.rows):
            self.params, _ = update(group.rule, self.params, grads, group.state, hyper, t)
            return
        params = {name: p[group.rows] for name, p in self.params.items()}
        mine = {name: g[group.rows] for name, g in grads.items()}
        params, _ = update(group.rule, params, mine, group.state, hyper, t)
        for name, p in params.items():
            self.params[name][group.rows] = p

    @torch.no_grad()
    def outputs(self, split: Split) -> Sequence[Tensor]:
        self.model.eval()

        def one_row(params: Stack, buffers: Stack, noise: Tensor, x: Tensor) -> Tensor:
            with keyed(noise):
                return functional_call(self.model, (params, buffers), (x,))  # type: ignore[no-any-return]

        forward: Any = partial(vmap(one_row, in_dims=(0, 0, 0, None)), self.params, self.buffers, self._noise(LOOK))
        with sdpa_kernel(SDPBackend.MATH):
            one = forward(split.x[:1])
            size = max(1, OUTPUTS // max(one.numel(), len(self.rows) * split.x[0].numel()))
            return list(torch.cat([forward(x) for x in torch.split(split.x, size)], dim=1))

    def keep(self, rows: Sequence[int]) -> None:
        chosen = torch.tensor(rows, device=self.task.device)
        place = {old: new for new, old in enumerate(rows)}
        self.rows = [self.rows[k] for k in rows]
        self.params, self.buffers = take(self.params, chosen), take(self.buffers, chosen)
        kept = []
        for group in self.groups:
            held = [i for i, k in enumerate(group.rows.tolist()) if k in place]
            if held:
                where = torch.tensor([place[int(group.rows[i])] for i in held], device=self.task.device)
                kept.append(_Group(group.rule, where, take(group.state, torch.tensor(held, device=self.task.device))))
        self.groups = kept

    def _grouped(self) -> list[_Group]:
        members: dict[tuple[object, ...], list[int]] = {}
        for k, row in enumerate(self.rows):
            members.setdefault(row.rule.structure, []).append(k)
        groups = []
        for rows in members.values():
            index, rule = torch.tensor(rows, device=self.task.device), self.rows[rows[0]].rule
            params = take(self.params, index)
            groups.append(_Group(rule, index, init(rule, params, [self.rows[k].hyper for k in rows])))
        return groups
