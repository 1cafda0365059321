"""What samples may look like: inputs and targets as trees of tensors or arrays, or a dict with its labels."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from surefoot.core.errors import DataError, UsageError
from surefoot.tasks import tree
from surefoot.tasks.split import Batch

Collate: TypeAlias = Callable[[Any], Any]  # samples → a batch
FORMS = "give (inputs, targets) tensors or arrays, a torch Dataset or a DataLoader"
TARGETS = ("labels", "label", "targets", "target")  # what the targets of a sample that is a dict may be called


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


def same_form(batch: Batch, example: Batch, name: str) -> Batch:
    """The batch. Raises DataError where its samples are not like those of `example`."""
    mine, theirs = ([(where, t.shape[1:], t.dtype) for where, t in tree.named(each)] for each in (batch, example))
    if mine != theirs:
        raise DataError(
            f"the {name} samples are not all of one form: {told(example)}",
            received=told(batch),
            remedy="pad or cut every sample to one shape",
        )
    return batch


def short(dtype: torch.dtype) -> str:
    """`float32` rather than `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def told(data: Any) -> str:
    """What a tree is, for messages.

    >>> told({"a": torch.ones(2, 3), "b": [torch.ones(2)]})
    "dict of 'a' float32 (2, 3), 'b'.0 float32 (2,)"
    """
    if isinstance(data, Tensor):
        return f"{short(data.dtype)} {tuple(data.shape)}"
    places = ((where[1:-1].replace("][", "."), tensor) for where, tensor in tree.named(data))
    inside = ", ".join(told(tensor) if where.isdigit() else f"{where} {told(tensor)}" for where, tensor in places)
    return type(data).__name__ + (f" of {inside}" if inside else "")


@contextmanager
def unreadable(name: str) -> Iterator[None]:
    """Within, what the user's Dataset raises becomes a DataError that says so."""
    try:
        yield
    except UsageError:
        raise
    except Exception as wrong:  # the user's own code ran: whatever it raised is the cause
        raise DataError(
            f"the samples of the {name} data cannot be read into one tensor: {type(wrong).__name__}: {wrong}",
            remedy="each sample must be (input, target), all of one shape",
        ) from wrong


@contextmanager
def fixed_randomness(device: torch.device | None = None) -> Iterator[None]:
    """Torch's generator at a fixed seed inside, and as it was after; on `device` too, where that has its own.

    Random transforms then give the same data, hence the same fingerprint, whenever a task is read.
    """
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.default_generator.manual_seed(0)
        yield
