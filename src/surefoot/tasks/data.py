"""A task's splits: read, held out or joined, brought to the model's types, checked, fingerprinted."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from surefoot.core.errors import DataError, TaskError
from surefoot.core.task import Task
from surefoot.tasks.read import FORMS, read
from surefoot.tasks.split import Split, Watch

Splits = Mapping[str, Split]  # by role: "train", "validation", "test"
Notes = tuple[str, ...]

_CHUNK = 1 << 24  # bytes hashed at a time


def splits(task: Task, watch: Watch) -> tuple[Splits, Notes]:
    """The data to train on, to watch and, where there is some, to test on; and what to tell about it.

    Raises TaskError where the data to watch is not there, DataError for data that does not fit.
    """
    if watch == "test" and task.test is None:
        raise TaskError(f"task {task.name!r} has no test data to watch", remedy="give test=...")
    if task.train is None:
        raise DataError(f"task {task.name!r} has no training data", remedy=FORMS)
    parts: dict[str, Split] = {}
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
            parts["train"] = Split(torch.cat([parts["train"].x, held.x]), torch.cat([parts["train"].y, held.y]))
            notes.append(f"the {len(held)} validation samples are part of the training data")
    elif "validation" not in parts:
        parts["train"], parts["validation"] = _held_out(parts["train"], task.validation_share)
        held_out = len(parts["validation"])
        notes.append(f"validation: {held_out} samples held out of the training data by a fixed shuffle")
    return parts, tuple(dict.fromkeys(notes))


def fitted(parts: Splits, loss: str | Callable[..., Any], floating: torch.dtype | None) -> tuple[Splits, Notes]:
    """The data in the types that model and loss work with, every value finite; and what was converted.

    Floating inputs and targets take `floating`, the model's own type; class indices become long; whole numbers under
    "mse" become floating. Raises DataError for targets that are no class indices, and for values that are not finite.
    """
    x, y = parts["train"].x, parts["train"].y
    if loss == "cross_entropy" and (y.is_floating_point() or y.is_complex()):
        raise DataError(
            "cross_entropy needs whole numbers as targets, the index of each sample's class",
            received=short(y.dtype),
            remedy="convert them with y.long(); for class probabilities give loss=torch.nn.functional.cross_entropy",
        )
    float_type = floating or torch.get_default_dtype()
    types = {
        "inputs": float_type if x.is_floating_point() and floating else x.dtype,
        "targets": torch.long if loss == "cross_entropy" else float_type if _is_real(y, loss) else y.dtype,
    }
    result = {name: Split(split.x.to(types["inputs"]), split.y.to(types["targets"])) for name, split in parts.items()}
    for name, split in result.items():
        _finite(split.x, f"{name} inputs")
        _finite(split.y, f"{name} targets")
    changes = [(what, old.dtype, types[what]) for what, old in (("inputs", x), ("targets", y))]
    return result, tuple(f"{what} converted from {short(a)} to {short(b)}" for what, a, b in changes if a != b)


def fingerprint(parts: Splits) -> str:
    """32 hexadecimal digits: BLAKE2b over role, type, shape and bytes of every tensor; the same on every device."""
    digest = hashlib.blake2b(digest_size=16)
    for name, split in sorted(parts.items()):
        for part, tensor in (("x", split.x), ("y", split.y)):
            digest.update(f"{name}.{part} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            rows = max(1, _CHUNK * len(tensor) // max(1, tensor.nbytes))
            for chunk in torch.split(tensor, rows):  # a piece at a time: the tensor may be a view, or on another device
                digest.update(chunk.cpu().flatten().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def short(dtype: torch.dtype) -> str:
    """`float32` rather than `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def _is_real(targets: Tensor, loss: object) -> bool:
    return targets.is_floating_point() or (loss == "mse" and not targets.is_complex())


def _same_samples(parts: Splits) -> None:
    train = parts["train"]
    for name, split in parts.items():
        for what, mine, theirs in (("inputs", split.x, train.x), ("targets", split.y, train.y)):
            if mine.shape[1:] != theirs.shape[1:] or mine.is_floating_point() != theirs.is_floating_point():
                want, got = (f"{short(tensor.dtype)} {tuple(tensor.shape[1:])}" for tensor in (theirs, mine))
                raise DataError(f"the {name} {what} differ from the training {what}: {want} a sample", received=got)


def _held_out(split: Split, share: float) -> tuple[Split, Split]:
    count = max(1, round(len(split) * share))
    if count >= len(split):
        raise DataError(
            "too few training samples to hold some out for validation",
            received=f"{len(split)} samples, validation_share {share}",
            remedy="give validation=..., or more data",
        )
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    rest, held = order[:-count], order[-count:]
    return Split(split.x[rest], split.y[rest]), Split(split.x[held], split.y[held])


def _finite(tensor: Tensor, what: str) -> None:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return
    bad = ~torch.isfinite(tensor).reshape(len(tensor), -1).all(1)
    if bad.any():
        count, first = int(bad.sum()), int(bad.nonzero()[0])
        raise DataError(
            f"the {what} hold values that are not finite, in {count} of {len(bad)} samples",
            received=f"{tensor[first].flatten()[~torch.isfinite(tensor[first].flatten())][0].item()} in sample {first}",
            remedy="drop or fill these samples",
        )
