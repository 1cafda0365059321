"""The fused trainer: all rows stacked `[K, ...]` and trained in one go, compiled or interpreted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
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
from surefoot.training import slots
from surefoot.training.compiler import Compiler
from surefoot.training.cuda_graph import Graphs
from surefoot.training.group import Group, group_of
from surefoot.training.layout import EMPTY, Layout, layout_of, rung, seated, size, sized
from surefoot.training.randomness import LOOK, key
from surefoot.training.stack import Stack, StackedModel
from surefoot.training.trainer import Moves, Row, Updates, initial_model
from surefoot.training.trial import try_stack

COMPILATION, FLOPS, BANDWIDTH = 10.0, 1e11, 5e10  # seconds; a modest processor's operations and bytes a second


class FusedTrainer:
    """K rows as one stacked model.

    Parameters: `layout`, the most slots of every kind that rows will ever need (None: those of `rows`); `compiler`,
    which compiles the step of a layout (None: the step is interpreted, and there are as many slots as rows); `seeds`,
    the most that rows of a tile have, so that one compilation serves all tiles; `few`, the first update at which the
    lower rung of the layout may be too small; `graphs`, which records the step on a GPU. Raises CannotStackError where
    a trial step fails.
    """

    name = "fused"

    def __init__(
        self,
        task: Prepared,
        rows: Sequence[Row],
        layout: Layout | None = None,
        compiler: Compiler | None = None,
        seeds: int = 1,
        few: int = 0,
        graphs: Graphs | None = None,
    ) -> None:
        self.task, self.compiler, self.most_seeds, self.done, self.graphs = task, compiler, seeds, 0, graphs
        self.whole, self.groups = layout or layout_of(rows), list[Group]()
        layout = self._fitting([sum(row.family == kind.family for row in rows) for kind in self.whole], few)
        seats = seated(rows, layout)  # the row of every slot
        self.live = [seats.index(k) for k in range(len(rows))]  # the slot of every row
        self.seeds = [rows[max(row, 0)].seed for row in seats]  # of every slot
        self.moves: list[Moves] = [row.hyper for row in rows]  # the hyperparameters of every row's last update
        models = {row.seed: initial_model(task, row.seed) for row in rows}
        first = models[rows[0].seed]
        trainable = {name for name, p in first.named_parameters() if p.requires_grad}
        held = {seed: dict(model.named_parameters()) | dict(model.named_buffers()) for seed, model in models.items()}
        stack = {name: torch.stack([held[s][name].detach() for s in self.seeds]) for name in held[rows[0].seed]}
        self.params: Stack = {name: value for name, value in stack.items() if name in trainable}
        self.buffers: Stack = {name: value for name, value in stack.items() if name not in trainable}
        for kind, start in zip(layout, _starts(layout), strict=True):
            mine = (rows[row].hyper if row != EMPTY else kind.idle for row in seats[start : start + kind.slots])
            self.groups.append(group_of(kind, start, self.params, list(mine)))
        self.example, self.as_batch = parted(task.train.take(torch.arange(1, device=task.device)))
        self.model = StackedModel(task, first)
        self.idle: set[str] = set()  # vmap gives zeros where autograd gives nothing; torch.optim leaves those alone
        self.idle = try_stack(self)
        self.model = StackedModel(task, initial_model(task, rows[0].seed))

    @property
    def layout(self) -> Layout:
        return tuple(group.kind for group in self.groups)

    @property
    def sizes(self) -> list[int]:
        """The slots of every kind."""
        return [kind.slots for kind in self.layout]

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
        self.done, self.moves = updates.start + len(updates), list(updates.hyper)
        return torch.stack(losses)[:, self.live].cpu().to(torch.float64).numpy()

    def noise(self, steps: Sequence[int]) -> Tensor:
        """The keys of every slot's randomness in some steps `[n, K]`."""
        keys = {seed: [key(seed, step) for step in steps] for seed in set(self.seeds)}
        return torch.tensor([keys[seed] for seed in self.seeds], device=self.task.device).T.contiguous()

    @torch.no_grad()
    def outputs(self, split: Split) -> Sequence[Tree]:
        each = [group.evaluated(self.params, self._moves(group, self.moves)) for group in self.groups]
        params = {name: torch.cat([mine[name] for mine in each]) for name in self.params}
        found = self.model.outputs(params, self.buffers, self.noise([LOOK])[0], split)
        return [mapped(itemgetter(slot), found) for slot in self.live]

    def take(self, rows: Sequence[int]) -> None:
        wanted, self.moves = [self.live[k] for k in rows], [self.moves[k] for k in rows]
        layout = self._fitting(slots.counts(wanted, self.sizes), self.task.steps)
        if layout == self.layout:
            self.live, pairs = slots.copied(wanted, self.sizes)
            for source, place in pairs:
                self._copy(source, place)
        else:
            chosen, self.live = slots.resized(wanted, self.sizes, [kind.slots for kind in layout])
            self._fill(chosen, layout)

    def snapshot(self, rows: Sequence[int]) -> dict[str, Tensor]:
        wanted = [self.live[k] for k in rows]
        place = {"sizes": self.sizes, "live": wanted, "seeds": self.seeds, "done": [self.done]}
        numbers = {f"{k} {name}": tensor for k, slot in enumerate(wanted) for name, tensor in self._named(slot)}
        return {name: torch.tensor(value) for name, value in place.items()} | numbers

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        if "sizes" in saved:
            layout = sized(self.whole, saved["sizes"].tolist())
            chosen, _ = slots.resized([], self.sizes, [kind.slots for kind in layout])
            self._fill(chosen, layout)
            self.live, self.seeds, (self.done,) = (saved[name].tolist() for name in ("live", "seeds", "done"))
        kinds = [group.kind for group in self.groups for _ in range(group.kind.slots)]
        self.moves = [kinds[slot].idle for slot in self.live]  # until the next update
        for k, slot in enumerate(self.live):
            by_place = f"{k} 0" in saved  # as they were before they had names
            for i, (name, tensor) in enumerate(self._named(slot)):
                value = saved.get(f"{k} {i if by_place else name}")
                if value is not None:  # else only other rows here need it: for this one it is off
                    tensor.copy_(value)

    def _fitting(self, needed: Sequence[int], until: int) -> Layout:
        """The layout for so many rows of every kind: as many slots, or of the two rungs of a compiled step the lower
        one where it is large enough up to an update, and the slots saved are worth a compilation."""
        if self.compiler is None:
            return sized(self.whole, needed)
        lower = rung(self.whole)
        if any(count > kind.slots for count, kind in zip(needed, lower, strict=True)):
            return self.whole
        return lower if self.layout == lower or self._is_worth_a_rung(lower, until) else self.whole

    def _is_worth_a_rung(self, lower: Layout, until: int) -> bool:
        """Reckoned, so as to be the same whenever it is asked."""
        weights = sum(p.numel() for p in initial_model(self.task, 0).parameters())
        seconds = weights * (6 * self.task.batch_size / FLOPS + 40 / BANDWIDTH)  # an update of a row
        return (size(self.whole) - size(lower)) * (until - self.done) * seconds > COMPILATION

    def _copy(self, source: int, place: int) -> None:
        self.seeds[place] = self.seeds[source]
        for tensor, copied in zip(self._slot(place), self._slot(source), strict=True):
            tensor.copy_(copied)

    def _slot(self, slot: int) -> list[Tensor]:
        """What is held of one slot, as views."""
        return [tensor for _, tensor in self._named(slot)]

    def _named(self, slot: int) -> Iterator[tuple[str, Tensor]]:
        """The same by name: what a rule keeps depends on which rows it updates together."""
        group = next(group for group in self.groups if slot in range(group.slots.start, group.slots.stop))
        yield from ((f"model {name}", value[slot]) for name, value in (self.params | self.buffers).items())
        for name, state in group.state.items():
            yield from ((f"{key} of {name}", value[slot - group.slots.start]) for key, value in state.items())

    def _fill(self, chosen: Sequence[int], layout: Layout) -> None:
        """Make the slots of a layout, each with the content of one there was."""
        groups = []
        for group, kind, start in zip(self.groups, layout, _starts(layout), strict=True):
            stop = start + kind.slots
            places = [slot - group.slots.start for slot in chosen[start:stop]]
            groups.append(group.taking(slice(start, stop), places))
        self.groups = groups
        self.params, self.buffers = take(self.params, chosen), take(self.buffers, chosen)
        self.seeds = [self.seeds[slot] for slot in chosen]

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
        step: Any = self._step
        # The last, short batch of an epoch is not worth a compilation.
        if self.compiler is not None and arguments[0].shape[1] == self.task.batch_size:
            example = [*self.held(), *arguments]
            step = self.compiler.of(self.layout, partial(self._step, traced=True), example) or step
        return step if self.graphs is None else self.graphs.of(step, self.held(), arguments)

    def batches(self, updates: Updates) -> Iterator[Batch]:
        """The samples and targets of every update, leaves `[seeds, B, ...]`."""
        each = list(updates.samples.values())
        each += each[:1] * (self.most_seeds - len(each))
        return self.task.train.batches(torch.stack(each, dim=1))

    def held(self) -> list[Tensor]:
        states = (tensor for group in self.groups for tensor in group.tensors())
        return [*self.params.values(), *self.buffers.values(), *states]

    def _moves(self, group: Group, moves: Sequence[Moves]) -> list[Moves]:
        """The hyperparameters of every slot of a group, from those of every row."""
        row_of = {slot: row for row, slot in enumerate(self.live)}
        every = range(group.slots.start, group.slots.stop)
        return [moves[row_of[slot]] if slot in row_of else group.kind.idle for slot in every]

    def _table(self, group: Group, updates: Updates) -> Tensor:
        moves = self._moves(group, updates.hyper)
        dtype = reduce(torch.promote_types, (p.dtype for p in self.params.values()))
        return torch.from_numpy(group.table(moves, updates.start, len(updates))).to(dtype).to(self.task.device)


def _starts(layout: Layout) -> list[int]:
    return [sum(kind.slots for kind in layout[:i]) for i in range(len(layout))]
