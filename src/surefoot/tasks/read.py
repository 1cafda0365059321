"""One set of samples, however it is given, read into two tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler, default_collate

from surefoot.core.errors import DataError, UsageError
from surefoot.tasks.split import Split

FORMS = "give (inputs, targets) tensors or arrays, a map-style torch Dataset or a DataLoader"
FROZEN = "samples of the Dataset were read once and kept in memory; random transforms are frozen"
_ROWS = 256  # samples read from a Dataset at a time


def read(data: Any, name: str) -> tuple[Split, tuple[str, ...]]:
    """The samples, still on the device they came on, and what a person should be told about the reading.

    Parameters: `data`, a pair of tensors or arrays, a Dataset or a DataLoader; `name`, its role, for messages.
    Raises DataError for any other form, for a stream, and for data that is empty or whose halves differ in length.
    """
    notes: tuple[str, ...] = ()
    if isinstance(data, DataLoader):
        split, notes = _from_loader(data, name), (FROZEN,)
    elif isinstance(data, Dataset):
        split, notes = _from_dataset(data, name, default_collate, 0), (FROZEN,)
    else:
        split = _pair(data, name)
    if split.x.ndim == 0 or split.y.ndim == 0:
        raise DataError(f"the {name} data must have its samples along the first axis", received="a single number")
    if len(split.x) != len(split.y):
        received = f"{len(split.x)} inputs and {len(split.y)} targets"
        raise DataError(f"the {name} inputs and targets differ in number", received=received)
    if len(split) == 0:
        raise DataError(f"the {name} data is empty", received="0 samples")
    return split, notes


def _pair(data: Any, name: str) -> Split:
    if not isinstance(data, tuple | list) or len(data) != 2:
        received = type(data).__name__ + (f" of {len(data)}" if isinstance(data, tuple | list) else "")
        raise DataError(f"the {name} data must be (inputs, targets)", received=received, remedy=FORMS)
    return Split(_tensor(data[0], f"{name} inputs"), _tensor(data[1], f"{name} targets"))


def _tensor(value: Any, what: str) -> Tensor:
    if isinstance(value, np.ndarray):
        native = value.astype(value.dtype.newbyteorder("="), copy=False)
        try:
            return torch.from_numpy(np.require(native, requirements=["C", "W"]))
        except TypeError:
            raise DataError(f"the {what} are of a type that torch cannot hold", received=str(value.dtype)) from None
    if not isinstance(value, Tensor):
        raise DataError(f"the {what} are neither a tensor nor an array", received=type(value).__name__, remedy=FORMS)
    if value.layout != torch.strided:
        raise DataError(f"the {what} are a sparse tensor", received=str(value.layout), remedy="give x.to_dense()")
    return value.detach()


def _from_loader(loader: "DataLoader[Any]", name: str) -> Split:
    _refuse_stream(loader.dataset, name)
    own_choice = _own_choice(loader)
    if own_choice is not None:
        raise DataError(
            f"the {name} DataLoader chooses or batches its samples in its own way, which would be lost",
            received=own_choice,
            remedy="give the Dataset itself, or a torch.utils.data.Subset of it",
        )
    assert loader.collate_fn is not None  # the loader fills in a default
    return _from_dataset(loader.dataset, name, loader.collate_fn, loader.num_workers)


def _own_choice(loader: "DataLoader[Any]") -> str | None:
    sampler = loader.sampler
    if loader.batch_size is None:
        return "batch_size=None" if loader.batch_sampler is None else type(loader.batch_sampler).__name__
    if isinstance(sampler, RandomSampler):
        shuffles = not sampler.replacement and sampler.num_samples == len(sampler.data_source)
        return None if shuffles else f"RandomSampler of {sampler.num_samples}, replacement={sampler.replacement}"
    return None if type(sampler) is SequentialSampler else type(sampler).__name__


def _from_dataset(dataset: Any, name: str, collate: Callable[[Any], Any], workers: int) -> Split:
    _refuse_stream(dataset, name)
    if not hasattr(dataset, "__len__"):
        raise DataError(f"the {name} Dataset has no length", received=type(dataset).__name__, remedy="define __len__")
    if len(dataset) == 0:
        raise DataError(f"the {name} data is empty", received="0 samples")
    loader = DataLoader(dataset, batch_size=_ROWS, collate_fn=collate, num_workers=workers)
    try:
        with fixed_randomness():
            parts = [_pair(batch, name) for batch in loader]
        return Split(torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts]))
    except UsageError:
        raise
    except Exception as wrong:  # the user's own code ran: whatever it raised is the cause
        raise DataError(
            f"the samples of the {name} Dataset cannot be read into one tensor: {type(wrong).__name__}: {wrong}",
            remedy="each sample must be (input, target), all of one shape",
        ) from wrong


def _refuse_stream(dataset: Any, name: str) -> None:
    if isinstance(dataset, IterableDataset):
        raise DataError(
            f"the {name} data is a stream, but every recipe must see the same samples in the same order",
            received=type(dataset).__name__,
            remedy="read it into tensors, or give a map-style Dataset (with __len__ and __getitem__)",
        )


@contextmanager
def fixed_randomness(device: torch.device | None = None) -> Iterator[None]:
    """Torch's generator at a fixed seed inside, and as it was after; on `device` too, where that has its own.

    Random transforms then give the same data, hence the same fingerprint, whenever a task is read.
    """
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.default_generator.manual_seed(0)
        yield
