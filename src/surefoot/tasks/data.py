"""A task's splits: read, held out or joined, brought to the model's types, checked, fingerprinted."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from surefoot.core.errors import DataError, TaskError
from surefoot.core.task import Task
from surefoot.tasks import tree
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.read import FORMS, read
from surefoot.tasks.split import Split, Watch

Splits = Mapping[str, Split]  # by role: "train", "validation", "test"
Notes = tuple[str, ...]

_CHUNK = 1 << 24  # bytes hashed at a time


def splits(task: Task, watch: Watch) -> tuple[dict[str, InMemory], Notes]:
    """The data to train on, to watch and, where there is some, to test on; and what to tell about it.

    Raises TaskError where the data to watch is not there, DataError for data that does not fit.
    """
    if watch == "test" and task.test is None:
        raise TaskError(f"task {task.name!r} has no test data to watch", remedy="give test=...")
    if task.train is None:
        raise DataError(f"task {task.name!r} has no training data", remedy=FORMS)
    parts: dict[str, InMemory] = {}
    notes: list[str] = []
    for name, data in {"train": task.train, "validation": task.validation, "test": task.test}.items():
        if data is not None:
            parts[name], said = read(data, name)
            notes += said
    _same_samples(parts)
    if isinstance(task.train, DataLoader) and task.train.batch_size != task.batch_size:
        notes.append(f"the batch size is {task.batch_size}; the DataLoader's own, {task.train.batch_size}, is not used")
    if watch == "test":
        notes.append("curves are on the test set")
        if "validation" in parts:
            held = parts.pop("validation")
            parts["train"] = InMemory(*tree.cat([(split.x, split.y) for split in (parts["train"], held)]))
            notes.append(f"the {len(held)} validation samples are part of the training data")
    elif "validation" not in parts:
        parts["train"], parts["validation"] = _held_out(parts["train"], task.validation_share)
        held_out = len(parts["validation"])
        notes.append(f"validation: {held_out} samples held out of the training data by a fixed shuffle")
    return parts, tuple(dict.fromkeys(notes))


def fitted(
    parts: Mapping[str, InMemory], loss: str | Callable[..., Any], floating: torch.dtype | None
) -> tuple[dict[str, InMemory], Notes]:
    """The data in the types that model and loss work with, every value finite; and what was converted.

    Floating inputs and targets take `floating`, the model's own type; class indices become long; whole numbers under
    "mse" become floating. Raises DataError for targets that are no class indices, and for values that are not finite.
    """
    x, y = parts["train"].x, parts["train"].y
    _fits_loss(y, loss)
    converted = {"inputs": partial(input_type, floating), "targets": partial(target_type, floating, loss)}
    result = {
        name: InMemory(
            tree.mapped(lambda tensor: tensor.to(converted["inputs"](tensor)), split.x),
            tree.mapped(lambda tensor: tensor.to(converted["targets"](tensor)), split.y),
        )
        for name, split in parts.items()
    }
    for name, split in result.items():
        finite(split.x, f"{name} inputs")
        finite(split.y, f"{name} targets")
    changes = [
        (what, t.dtype, converted[what](t)) for what, part in (("inputs", x), ("targets", y)) for t in tree.leaves(part)
    ]
    said = (f"{what} converted from {short(a)} to {short(b)}" for what, a, b in changes if a != b)
    return result, tuple(dict.fromkeys(said))


def input_type(floating: torch.dtype | None, tensor: Tensor) -> torch.dtype:
    """The type that a tensor of inputs takes."""
    return floating if tensor.is_floating_point() and floating else tensor.dtype


def target_type(floating: torch.dtype | None, loss: object, tensor: Tensor) -> torch.dtype:
    """The type that a tensor of targets takes."""
    if loss == "cross_entropy":
        return torch.long
    is_real = tensor.is_floating_point() or (loss == "mse" and not tensor.is_complex())
    return (floating or torch.get_default_dtype()) if is_real else tensor.dtype


def fingerprint(parts: Mapping[str, InMemory]) -> str:
    """32 hexadecimal digits: BLAKE2b over role, type, shape and bytes of every tensor; the same on every device."""
    digest = hashlib.blake2b(digest_size=16)
    for name, split in sorted(parts.items()):
        for part, data in (("x", split.x), ("y", split.y)):
            for where, tensor in tree.named(data):
                digest.update(f"{name}.{part}{where} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                rows = max(1, _CHUNK * len(tensor) // max(1, tensor.nbytes))
                for chunk in torch.split(tensor, rows):  # a piece at a time: it may be a view, or on another device
                    digest.update(chunk.cpu().flatten().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def short(dtype: torch.dtype) -> str:
    """`float32` rather than `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def told(data: Any) -> str:
    """What a tree is, for messages: `float32 (2, 3)`, `dict of 'a' int64 (2, 5), 'b' int64 (2, 5)`."""
    if isinstance(data, Tensor):
        return f"{short(data.dtype)} {tuple(data.shape)}"
    places = ((where.strip("[]"), tensor) for where, tensor in tree.named(data))
    inside = ", ".join(told(tensor) if where.isdigit() else f"{where} {told(tensor)}" for where, tensor in places)
    return type(data).__name__ + (f" of {inside}" if inside else "")


def _fits_loss(y: Any, loss: object) -> None:
    if loss in ("cross_entropy", "mse") and not isinstance(y, Tensor):
        received = f"{type(y).__name__} of {len(tree.leaves(y))} tensors"
        remedy = "give one tensor, or a loss function that takes these targets"
        raise DataError(f"{loss} needs one tensor of targets", received=received, remedy=remedy)
    if loss == "cross_entropy" and (y.is_floating_point() or y.is_complex()):
        raise DataError(
            "cross_entropy needs whole numbers as targets, the index of each sample's class",
            received=short(y.dtype),
            remedy="convert them with y.long(); for class probabilities give loss=torch.nn.functional.cross_entropy",
        )


def _same_samples(parts: Mapping[str, InMemory]) -> None:
    train = parts["train"]
    for name, split in parts.items():
        for what, mine, theirs in (("inputs", split.x, train.x), ("targets", split.y, train.y)):
            got, want = (dict(tree.named(part)) for part in (mine, theirs))
            if list(got) != list(want):
                received = ", ".join(got)
                raise DataError(
                    f"the {name} {what} differ from the training {what}: {', '.join(want)}", received=received
                )
            for where, tensor in got.items():
                other = want[where]
                if tensor.shape[1:] != other.shape[1:] or tensor.is_floating_point() != other.is_floating_point():
                    told = [f"{short(t.dtype)} {tuple(t.shape[1:])}" for t in (other, tensor)]
                    raise DataError(
                        f"the {name} {what}{where} differ from the training {what}: {told[0]} a sample",
                        received=told[1],
                    )


def _held_out(split: InMemory, share: float) -> tuple[InMemory, InMemory]:
    count = max(1, round(len(split) * share))
    if count >= len(split):
        raise DataError(
            "too few training samples to hold some out for validation",
            received=f"{len(split)} samples, validation_share {share}",
            remedy="give validation=..., or more data",
        )
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    rest, held = order[:-count], order[-count:]
    return InMemory(*split.take(rest)), InMemory(*split.take(held))


def finite(data: Any, what: str) -> None:
    """Raises DataError where a number is not finite. `data`: a tree; `what`: what it is called."""
    for where, tensor in tree.named(data):
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        bad = ~torch.isfinite(tensor).reshape(len(tensor), -1).all(1)
        if bad.any():
            count, first = int(bad.sum()), int(bad.nonzero()[0])
            value = tensor[first].flatten()[~torch.isfinite(tensor[first].flatten())][0].item()
            raise DataError(
                f"the {what}{where} hold values that are not finite, in {count} of {len(bad)} samples",
                received=f"{value} in sample {first}",
                remedy="drop or fill these samples",
            )
