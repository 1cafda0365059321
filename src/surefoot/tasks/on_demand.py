"""A split whose samples are read from a Dataset when they are needed, for data that does not fit the memory."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import define, field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from surefoot.core.keys import seed_of
from surefoot.tasks import tree
from surefoot.tasks.forms import Collate, pair, same_form, unreadable
from surefoot.tasks.split import Batch, Split, part_size, regrouped

ROWS = 256  # samples read at a time in their order
Row = tuple[int, ...]  # numbers of samples that are put together


class Arrays(Dataset[Any]):
    """Inputs and targets in arrays, which may lie in files: a sample is read when it is asked for."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(_first(self.data))

    def __getitem__(self, number: int) -> Any:
        return self.read([number])

    def read(self, numbers: Sequence[int]) -> Any:
        def rows(part: Any) -> Any:
            if isinstance(part, dict):
                return {name: rows(each) for name, each in part.items()}
            return [rows(each) for each in part] if isinstance(part, tuple | list) else part[list(numbers)]

        return rows(self.data)


class Fetch(Dataset[Batch]):
    """Reads the samples of a row and puts them together.

    Torch's generator is set before each sample and before they are put together: what is drawn depends on the sample,
    or on the row, and on nothing else.
    """

    def __init__(self, dataset: Any, collate: Collate, name: str) -> None:
        self.dataset, self.collate, self.name = dataset, collate, name

    def __getitem__(self, row: Row) -> Batch:
        with unreadable(self.name):
            return pair(self._together(row), self.name)

    def _together(self, row: Row) -> Any:
        if isinstance(self.dataset, Arrays):
            return self.dataset.read(row)
        samples = []
        for number in row:
            torch.default_generator.manual_seed(number)
            samples.append(self.dataset[number])
        torch.default_generator.manual_seed(seed_of("row", *row))
        return self.collate(samples)


class _Wanted(Sampler[Row]):
    def __init__(self) -> None:
        self.rows: Sequence[Row] = ()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


@define(eq=False, slots=False)
class OnDemand(Split):
    """Samples that are read when they are asked for.

    Parameters: `fetch`, reads them; `index`, the Dataset's numbers of those that belong to the split, in its order;
    `workers`, processes that read ahead; `begin`, what each of them calls first; `fit`, brings a batch to the types of
    the model and to its device.
    """

    fetch: Fetch
    index: Tensor
    workers: int = 0
    begin: Callable[[int], None] | None = None
    fit: Callable[[Batch], Batch] = tuple
    _loader: Any = field(init=False, default=None)
    _example: Batch | None = field(init=False, default=None)

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def y(self) -> Any:
        return tree.cat([y for _, y in self.parts(len(self))])

    @cached_property
    def sample_bytes(self) -> int:
        return tree.nbytes(self.take(torch.arange(1)))

    def take(self, index: Tensor) -> Batch:
        return next(self.batches(index.unsqueeze(0)))

    def parts(self, size: int) -> Iterator[Batch]:
        # Always read in the same pieces, so that what is put together does not depend on who asks.
        pieces = [tuple(piece.tolist()) for piece in torch.split(self.index, part_size(self, ROWS))]
        return regrouped(self._read(pieces), part_size(self, size))

    def batches(self, index: Tensor) -> Iterator[Batch]:
        """As every split's; rows of an update that are the same are read once."""
        rows = [[tuple(row) for row in update] for update in self._rows(index)]
        different = [list(dict.fromkeys(update)) for update in rows]
        read = self._read([row for update in different for row in update])
        for update, few in zip(rows, different, strict=True):
            found = dict(zip(few, read, strict=False))
            tensors, rebuilt = tree.parted(found[few[0]])
            if index.ndim > 2:
                each = zip(*(tree.leaves(found[row]) for row in update), strict=True)
                tensors = [torch.stack(parts).view(*index.shape[1:-1], *parts[0].shape) for parts in each]
            yield rebuilt(tensors)

    def _rows(self, index: Tensor) -> list[list[list[int]]]:
        numbers = self.index[index.cpu()]
        return numbers.reshape(len(index), -1, index.shape[-1] if index.ndim > 1 else 1).tolist()

    def _read(self, rows: Sequence[Row]) -> Iterator[Batch]:
        for batch in self._ahead(rows) if self._has_workers() else self._here(rows):
            self._example = self._example or tree.part(batch, 0, 1)
            yield self.fit(same_form(batch, self._example, self.fetch.name))

    def _here(self, rows: Sequence[Row]) -> Iterator[Batch]:
        for row in rows:
            with torch.random.fork_rng(devices=[]):
                batch = self.fetch[row]
            yield batch

    def _ahead(self, rows: Sequence[Row]) -> Iterable[Batch]:
        if self._loader is None:
            self._loader = DataLoader(
                self.fetch,
                batch_size=None,
                sampler=_Wanted(),
                num_workers=self.workers,
                worker_init_fn=self.begin,
                collate_fn=_as_it_is,
                persistent_workers=True,
                generator=torch.Generator(),  # not the caller's
            )
        self._loader.sampler.rows = rows
        return self._loader  # type: ignore[no-any-return]

    def _has_workers(self) -> bool:
        # A process of a pool may have none of its own.
        return self.workers > 0 and not multiprocessing.current_process().daemon

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loader": None}


def _as_it_is(batch: Any) -> Any:
    return batch


def _first(data: Any) -> Any:
    while not isinstance(data, np.ndarray | Tensor):
        data = next(iter(data.values() if isinstance(data, dict) else data))
    return data
