"""The fused trainer: all rows stacked `[K, ...]` and trained in one go, compiled or interpreted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.optimizers import take
from surefoot.tasks import Prepared, Split
from surefoot.tasks.split import Batch
from surefoot.tasks.tree import Tree, leaves, mapped, parted
from surefoot.training.compiler import Compiler
from surefoot.training.group import Group, group_of
from surefoot.training.layout import EMPTY, Layout, layout_of, rung, seated, size
from surefoot.training.randomness import LOOK, key
from surefoot.training.stack import Stack, StackedModel
from surefoot.training.trainer import Moves, Row, Updates, initial_model
from surefoot.training.trial import try_stack

COMPILATION, FLOPS, BANDWIDTH = 10.0, 1e11, 5e10  # seconds; a modest processor's operations and bytes a second


class FusedTrainer:
    """K rows as one stacked model.

    Parameters: `layout`, the slots (one a row where it is None); `compiler`, which compiles the step of a layout (None:
    the step is interpreted, and slots without a row are given up); `seeds`, the most that rows of a tile have, so that
    one compilation serves all tiles. Raises CannotStackError where a trial step fails.
    """

    name = "fused"

    def __init__(
        self,
        task: Prepared,
        rows: Sequence[Row],
        layout: Layout | None = None,
        compiler: Compiler | None = None,
        seeds: int = 1,
    ) -> None:
        self.task, self.rows, self.compiler, self.most_seeds = task, list(rows), compiler, seeds
        self.whole = layout or layout_of(rows)
        self.seats = seated(rows, self.whole)  # the row of every slot there was at first
        self.origin = list(range(len(self.seats)))  # the slot at first of every slot there is now
        self.live = [self.seats.index(k) for k in range(len(rows))]  # the slot of every row that goes on
        models = {row.seed: initial_model(task, row.seed) for row in rows}
        first = models[rows[0].seed]
        trainable = {name for name, p in first.named_parameters() if p.requires_grad}
        held = {seed: dict(model.named_parameters()) | dict(model.named_buffers()) for seed, model in models.items()}
        stack = {name: torch.stack([held[s][name].detach() for s in self.seeds]) for name in held[rows[0].seed]}
        self.params: Stack = {name: value for name, value in stack.items() if name in trainable}
        self.buffers: Stack = {name: value for name, value in stack.items() if name not in trainable}
        self.groups = self._grouped()
        self.done = 0
        self.example, self.as_batch = parted(task.train.take(torch.arange(1, device=task.device)))
        self.model = StackedModel(task, first)
        self.idle: set[str] = set()  # vmap gives zeros where autograd gives nothing; torch.optim leaves those alone
        self.idle = try_stack(self)
        self.model = StackedModel(task, initial_model(task, rows[0].seed))

    @property
    def layout(self) -> Layout:
        return tuple(group.kind for group in self.groups)

    @property
    def slots(self) -> list[int]:
        """The row of every slot."""
        return [self.seats[slot] for slot in self.origin]

    @property
    def seeds(self) -> list[int]:
        """The seed of every slot; an empty one has that of the first row."""
        return [self.rows[max(row, 0)].seed for row in self.slots]

    def advance(self, updates: Updates) -> NDArray[np.float64]:
        noise = self.noise(range(updates.start, updates.start + len(updates)))
        tables = [self._table(group, updates) for group in self.groups]
        of = torch.tensor([list(updates.samples).index(seed) for seed in self.seeds], device=self.task.device)
        keys, rows = torch.unbind(noise), [torch.unbind(table) for table in tables]
        held, losses, step = self.held(), [], None
        with torch.no_grad():
            for i, batch in enumerate(self.batches(updates)):
                arguments = [*leaves(batch), of, keys[i], *(row[i] for row in rows)]
                step = step or self._chosen(arguments)
                losses.append(step(*held, *arguments))
        self.done = updates.start + len(updates)
        return torch.stack(losses)[:, self.live].to(torch.float64).cpu().numpy()

    def noise(self, steps: Sequence[int]) -> Tensor:
        """The keys of every slot's randomness in some steps `[n, K]`."""
        keys = {seed: [key(seed, step) for step in steps] for seed in set(self.seeds)}
        return torch.tensor([keys[seed] for seed in self.seeds], device=self.task.device).T.contiguous()

    @torch.no_grad()
    def outputs(self, split: Split) -> Sequence[Tree]:
        found = self.model.outputs(self.params, self.buffers, self.noise([LOOK])[0], split)
        return [mapped(itemgetter(slot), found) for slot in self.live]

    def keep(self, rows: Sequence[int]) -> None:
        self.live = [self.live[k] for k in rows]
        if self.compiler is None:
            self._settle(sorted(self.live))
        elif self.layout == self.whole and self._is_worth_a_rung(lower := rung(self.whole)):
            self._settle(self._fitting(lower))

    def snapshot(self) -> dict[str, Tensor]:
        place = {"origin": torch.tensor(self.origin), "live": torch.tensor(self.live)}
        return place | {f"tensor {i}": tensor for i, tensor in enumerate(self.held())}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        self._settle(saved["origin"].tolist())
        self.live = saved["live"].tolist()
        for i, tensor in enumerate(self.held()):
            tensor.copy_(saved[f"tensor {i}"])

    def _settle(self, chosen: Sequence[int]) -> None:
        """Go on with these slots only, named in ascending order."""
        groups, start = [], 0
        for group in self.groups:
            places = [slot - group.slots.start for slot in chosen if group.slots.start <= slot < group.slots.stop]
            if places:
                groups.append(group.taking(slice(start, start := start + len(places)), places))
        self.groups, self.origin = groups, [self.origin[slot] for slot in chosen]
        self.params, self.buffers = take(self.params, chosen), take(self.buffers, chosen)
        place = {slot: new for new, slot in enumerate(chosen)}
        self.live = [place[slot] for slot in self.live if slot in place]

    def _fitting(self, lower: Layout) -> list[int]:
        """The slots of the live rows, and of others where the lower rung has room."""
        chosen = []
        for group, kind in zip(self.groups, lower, strict=True):
            every = range(group.slots.start, group.slots.stop)
            chosen += sorted(sorted(every, key=lambda slot: slot not in self.live)[: kind.slots])
        return chosen

    def _is_worth_a_rung(self, lower: Layout) -> bool:
        """Whether the live rows fit it, and the updates saved are worth a compilation (reckoned, so as to be the same
        whenever it is asked)."""
        mine = ([slot for slot in self.live if group.slots.start <= slot < group.slots.stop] for group in self.groups)
        fits = all(len(rows) <= kind.slots for rows, kind in zip(mine, lower, strict=True))
        weights = sum(p[0].numel() for p in self.params.values())
        seconds = weights * (6 * self.task.batch_size / FLOPS + 40 / BANDWIDTH)  # an update of a row
        saved = (size(self.whole) - size(lower)) * (self.task.steps - self.done) * seconds
        return fits and saved > COMPILATION

    def _step(self, *tensors: Tensor, traced: bool = False) -> Tensor:
        """One update of every slot: what is held (`held`) is written to. Losses `[K]`, each before its update.

        Parameters: what is held, each seed's batch (its tensors), the place of each slot's seed among them, the
        slots' keys, and a table of coefficients for every group.
        """
        given = iter(tensors)
        params = {name: next(given) for name in self.params}
        buffers = {name: next(given) for name in self.buffers}
        states = [group.over(given) for group in self.groups]
        samples, (of, noise) = [next(given) for _ in self.example], (next(given), next(given))
        x, y = self.as_batch([tensor.index_select(0, of) for tensor in samples])
        grads, losses, after = self.model.gradients(params, buffers, x, y, noise)
        for name, buffer in after.items():
            buffers[name].copy_(buffer)
        used = {name: grad for name, grad in grads.items() if name not in self.idle}
        for group, state, table in zip(self.groups, states, given, strict=True):
            group.update(params, used, state, table, tiled=not traced)
        return losses

    def _chosen(self, arguments: list[Tensor]) -> Any:
        # The last, short batch of an epoch is not worth a compilation.
        if self.compiler is None or arguments[0].shape[1] != self.task.batch_size:
            return self._step
        return self.compiler.of(self.layout, partial(self._step, traced=True), [*self.held(), *arguments]) or self._step

    def batches(self, updates: Updates) -> Iterator[Batch]:
        """The samples and targets of every update, leaves `[seeds, B, ...]`."""
        each = list(updates.samples.values())
        each += each[:1] * (self.most_seeds - len(each))
        return self.task.train.batches(torch.stack(each, dim=1))

    def held(self) -> list[Tensor]:
        states = (tensor for group in self.groups for tensor in group.tensors())
        return [*self.params.values(), *self.buffers.values(), *states]

    def _table(self, group: Group, updates: Updates) -> Tensor:
        place = {self.slots[slot]: k for k, slot in enumerate(self.live)}
        rule = group.kind.rule
        moves = [updates.hyper[place[row]] if row in place else rule.hyper for row in self.slots[group.slots]]
        dtypes = {p.dtype for p in self.params.values()}
        dtype = dtypes.pop() if len(dtypes) == 1 else torch.float64
        return torch.from_numpy(group.table(moves, updates.start, len(updates))).to(self.task.device, dtype)

    def _grouped(self) -> list[Group]:
        groups, start = [], 0
        for kind in self.whole:
            rows = self.seats[start : start + kind.slots]
            moves: list[Moves] = [kind.rule.hyper if row == EMPTY else self.rows[row].hyper for row in rows]
            groups.append(group_of(kind, start, self.params, moves))
            start += kind.slots
        return groups
