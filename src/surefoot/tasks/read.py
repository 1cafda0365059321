"""One set of samples, however it is given, read into tensors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler, default_collate

from surefoot.core.errors import DataError, UsageError
from surefoot.tasks import tree
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.split import Batch

FORMS = "give (inputs, targets) tensors or arrays, a map-style torch Dataset or a DataLoader"
FROZEN = "samples of the Dataset were read once and kept in memory; random transforms are frozen"
TARGETS = ("labels", "label", "targets", "target")  # what the targets of a sample that is a dict may be called
_ROWS = 256  # samples read from a Dataset at a time


def read(data: Any, name: str) -> tuple[InMemory, tuple[str, ...]]:
    """The samples, still on the device they came on, and what a person should be told about the reading.

    Parameters: `data`, inputs and targets (trees of tensors or arrays), a Dataset or a DataLoader; `name`, its role,
    for messages. Raises DataError for any other form, for a stream, and for data that is empty or whose parts differ in
    length.
    """
    notes: tuple[str, ...] = ()
    if isinstance(data, DataLoader):
        split, notes = _from_loader(data, name), (FROZEN,)
    elif isinstance(data, Dataset):
        split, notes = _from_dataset(data, name, default_collate, 0), (FROZEN,)
    else:
        split = InMemory(*pair(data, name))
    return split, notes


def pair(data: Any, name: str) -> Batch:
    """Inputs and targets of some samples, as trees of tensors. Raises DataError for what is no such thing."""
    if isinstance(data, Mapping):
        found = [key for key in TARGETS if key in data]
        if len(found) != 1 or len(data) == 1:
            remedy = f"name the targets {', '.join(TARGETS[:-1])} or {TARGETS[-1]}, and give inputs beside them"
            received = f"dict of {', '.join(map(str, data))}"
            raise DataError(f"it is not clear what the {name} targets are", received=received, remedy=remedy)
        data = {key: value for key, value in data.items() if key != found[0]}, data[found[0]]
    if not isinstance(data, tuple | list) or len(data) != 2:
        received = type(data).__name__ + (f" of {len(data)}" if isinstance(data, tuple | list) else "")
        remedy = "for several inputs give ((a, b), targets)" if received in ("tuple of 3", "list of 3") else FORMS
        raise DataError(f"the {name} data must be (inputs, targets)", received=received, remedy=remedy)
    x, y = (_tensors(part, f"{name} {what}") for part, what in zip(data, ("inputs", "targets"), strict=True))
    _same_length(x, y, name)
    return x, y


def _tensors(value: Any, what: str) -> Any:
    if isinstance(value, Mapping) and value:
        return {key: _tensors(part, f"{what}[{key!r}]") for key, part in value.items()}
    # A list of numbers is no tree of tensors: it is refused as what it is.
    if isinstance(value, tuple | list) and value and not isinstance(value[0], int | float | str):
        parts = [_tensors(part, f"{what}[{i}]") for i, part in enumerate(value)]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return _tensor(value, what)


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


def _same_length(x: Any, y: Any, name: str) -> None:
    parts = {"inputs": tree.leaves(x), "targets": tree.leaves(y)}
    if any(tensor.ndim == 0 for tensors in parts.values() for tensor in tensors):
        raise DataError(f"the {name} data must have its samples along the first axis", received="a single number")
    lengths = {what: [len(tensor) for tensor in tensors] for what, tensors in parts.items()}
    for what, counts in lengths.items():
        if len(set(counts)) > 1:
            received = ", ".join(map(str, counts))
            remedy = "give every tensor the same samples, along its first axis"
            raise DataError(f"the tensors of the {name} {what} differ in length", received=received, remedy=remedy)
    if lengths["inputs"][0] != lengths["targets"][0]:
        received = f"{lengths['inputs'][0]} inputs and {lengths['targets'][0]} targets"
        raise DataError(f"the {name} inputs and targets differ in number", received=received)
    if lengths["inputs"][0] == 0:
        raise DataError(f"the {name} data is empty", received="0 samples")


def _from_loader(loader: "DataLoader[Any]", name: str) -> InMemory:
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


def _from_dataset(dataset: Any, name: str, collate: Callable[[Any], Any], workers: int) -> InMemory:
    _refuse_stream(dataset, name)
    if not hasattr(dataset, "__len__"):
        raise DataError(f"the {name} Dataset has no length", received=type(dataset).__name__, remedy="define __len__")
    if len(dataset) == 0:
        raise DataError(f"the {name} data is empty", received="0 samples")
    loader = DataLoader(dataset, batch_size=_ROWS, collate_fn=collate, num_workers=workers)
    try:
        with fixed_randomness():
            parts = [pair(batch, name) for batch in loader]
        return InMemory(*(tree.cat(part) for part in zip(*parts, strict=True)))
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
