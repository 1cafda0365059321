"""One set of samples, however it is given: read into memory, or made ready to be read when it is needed."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import psutil
import torch
from attrs import frozen
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

from surefoot.core.errors import DataError
from surefoot.tasks import tree
from surefoot.tasks.forms import Collate, fixed_randomness, pair, unreadable
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.on_demand import ROWS, Arrays, Fetch, OnDemand
from surefoot.tasks.split import Split
from surefoot.tasks.stream import Unread

FROZEN = "samples of the Dataset were read once and kept in memory; random transforms are frozen"
_READ = (
    "{}: {} samples, about {:.3g} MB, are read from the data when they are needed; random transforms are frozen: "
    "a sample is the same whenever it is read"
)
SHARE = 0.25  # of the memory that is available: what data may take to be kept there (twice, while it is read)
_FEW = 8  # samples that the size of all is reckoned from

Read = tuple[Split | Unread, tuple[str, ...]]


@frozen(eq=False)
class _Source:
    """A map-style Dataset and how its samples are read."""

    dataset: Any
    name: str
    collate: Collate = default_collate
    workers: int = 0
    begin: Any = None


def read(data: Any, name: str, in_memory: bool | None = None) -> Read:
    """The samples, still on the device they came on, and what a person should be told about the reading.

    Parameters: `data`, inputs and targets (trees of tensors or arrays), a Dataset or a DataLoader; `name`, its role,
    for messages; `in_memory`, whether a Dataset is read once and kept (None: where it fits a quarter of the memory
    available). Raises DataError for any other form, and for data that is empty or whose parts differ in length.
    """
    if isinstance(data, DataLoader):
        own_choice = _own_choice(data)
        if own_choice is not None:
            raise DataError(
                f"the {name} DataLoader chooses or batches its samples in its own way, which would be lost",
                received=own_choice,
                remedy="give the Dataset itself, or a torch.utils.data.Subset of it",
            )
        if isinstance(data.dataset, IterableDataset):
            return _stream(data, name, in_memory)
        assert data.collate_fn is not None  # the loader fills in a default
        source = _Source(data.dataset, name, data.collate_fn, data.num_workers, data.worker_init_fn)
        return _from_dataset(source, in_memory)
    if isinstance(data, IterableDataset):
        return _stream(DataLoader(data, batch_size=ROWS), name, in_memory)
    if _is_map_style(data):
        return _from_dataset(_Source(data, name), in_memory)
    arrays = list(_arrays(data))
    mapped = sum(array.nbytes for array in arrays if isinstance(array, np.memmap))
    is_large = in_memory is False or (in_memory is None and mapped > _room())
    if mapped and is_large and len({len(array) for array in arrays}) == 1:
        count = len(arrays[0])
        return _on_demand(_Source(Arrays(data), name), count), (_READ.format(name, count, mapped / 1e6),)
    return InMemory(*pair(data, name)), ()


def _own_choice(loader: "DataLoader[Any]") -> str | None:
    sampler = loader.sampler
    if loader.batch_size is None:
        return "batch_size=None" if loader.batch_sampler is None else type(loader.batch_sampler).__name__
    if isinstance(loader.dataset, IterableDataset):
        return None
    if isinstance(sampler, RandomSampler):
        shuffles = not sampler.replacement and sampler.num_samples == len(sampler.data_source)
        return None if shuffles else f"RandomSampler of {sampler.num_samples}, replacement={sampler.replacement}"
    return None if type(sampler) is SequentialSampler else type(sampler).__name__


def _is_map_style(data: Any) -> bool:
    if isinstance(data, Dataset):
        return True
    is_other = isinstance(data, tuple | list | str | Mapping | Tensor | np.ndarray)
    return not is_other and hasattr(data, "__getitem__") and hasattr(data, "__len__")


def _from_dataset(source: _Source, in_memory: bool | None) -> Read:
    dataset, name = source.dataset, source.name
    if not hasattr(dataset, "__len__"):
        raise DataError(f"the {name} Dataset has no length", received=type(dataset).__name__, remedy="define __len__")
    count = len(dataset)
    if count == 0:
        raise DataError(f"the {name} data is empty", received="0 samples")
    if isinstance(dataset, TensorDataset) and len(dataset.tensors) == 2 and source.collate is default_collate:
        return InMemory(*pair(dataset.tensors, name)), (FROZEN,)  # they are there already
    if in_memory is True:
        return _whole(source), (FROZEN,)
    split = _on_demand(source, count)
    few = torch.arange(min(_FEW, count))
    first = split.take(few)
    size = tree.nbytes(first) * count // len(few)
    if in_memory is None and size <= _room():
        return _whole(source), (FROZEN,)
    if not all(map(torch.equal, tree.leaves(first), tree.leaves(split.take(few)))):
        raise DataError(
            f"the samples of the {name} Dataset are not the same whenever they are read, but every recipe must see "
            "the same",
            remedy="draw random numbers from torch alone, which are set for each sample, or give in_memory=True",
        )
    return split, (_READ.format(name, count, size / 1e6),)


def _on_demand(source: _Source, count: int) -> OnDemand:
    fetch = Fetch(source.dataset, source.collate, source.name)
    return OnDemand(fetch, torch.arange(count), source.workers, source.begin)


def _whole(source: _Source) -> InMemory:
    loader = DataLoader(
        source.dataset,
        batch_size=ROWS,
        collate_fn=source.collate,
        num_workers=source.workers,
        worker_init_fn=source.begin,
    )
    return _gathered(loader, source.name)


def _gathered(loader: "DataLoader[Any]", name: str) -> InMemory:
    parts = []
    with fixed_randomness(), unreadable(name):
        parts = [pair(batch, name) for batch in loader]
    if not parts:
        raise DataError(f"the {name} data is empty", received="0 samples")
    with unreadable(name):
        return InMemory(*tree.cat(parts))


def _stream(loader: "DataLoader[Any]", name: str, in_memory: bool | None) -> Read:
    if in_memory is True:
        return _gathered(loader, name), (FROZEN,)
    return Unread(loader, name), ()


def _arrays(data: Any) -> Iterator[Any]:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, np.ndarray | Tensor):
        yield data
    elif isinstance(data, tuple | list):
        for each in data:
            yield from _arrays(each)


def _room() -> float:
    return SHARE * float(psutil.virtual_memory().available)
