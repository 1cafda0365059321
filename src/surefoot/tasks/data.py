"""A task's splits: read, held out or joined, brought to the model's types, looked at once."""

from collections.abc import Mapping

import torch
from attrs import evolve
from torch.utils.data import DataLoader

from surefoot.core.errors import DataError, TaskError
from surefoot.core.task import Task
from surefoot.tasks import tree
from surefoot.tasks.fit import Fit
from surefoot.tasks.forms import FORMS, told
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.joined import Joined
from surefoot.tasks.on_demand import OnDemand
from surefoot.tasks.read import read
from surefoot.tasks.scan import Scan, scanned
from surefoot.tasks.split import Batch, Split, Watch
from surefoot.tasks.stream import Stream, Unread

Parts = dict[str, Split | Unread]  # by role: "train", "validation", "test"
Splits = Mapping[str, Split]
Notes = tuple[str, ...]


def splits(task: Task, watch: Watch) -> tuple[Parts, Notes]:
    """The data to train on, to watch and, where there is some, to test on; and what to tell about it.

    Raises TaskError where the data to watch is not there, DataError for data that does not fit.
    """
    if watch == "test" and task.test is None:
        raise TaskError(f"task {task.name!r} has no test data to watch", remedy="give test=...")
    if task.train is None:
        raise DataError(f"task {task.name!r} has no training data", remedy=FORMS)
    parts: Parts = {}
    notes: list[str] = []
    for name, data in {"train": task.train, "validation": task.validation, "test": task.test}.items():
        if data is not None:
            parts[name], said = read(data, name, task.in_memory)
            notes += said
    if isinstance(task.train, DataLoader) and task.train.batch_size != task.batch_size:
        notes.append(f"the batch size is {task.batch_size}; the DataLoader's own, {task.train.batch_size}, is not used")
    if watch == "test":
        notes.append("curves are on the test set")
        if "validation" in parts:
            _same_samples({name: parts[name] for name in ("train", "validation")})
            parts["train"], held = _joined(parts["train"], parts.pop("validation"))
            notes.append(f"the {held} validation samples are part of the training data")
    elif "validation" not in parts:
        parts["train"], parts["validation"], count = _held_out(parts["train"], task.validation_share)
        notes.append(f"validation: {count} samples held out of the training data by a fixed shuffle")
    _same_samples(parts)
    return parts, tuple(dict.fromkeys(notes))


def fitted(parts: Parts, fit: Fit) -> tuple[Splits, Scan, Notes]:
    """The data as it is trained on: in the types of model and loss, on the device, every value finite.

    Returns what one pass over it found too, and what to tell about it. Raises DataError for targets that the loss
    cannot take, and for what the pass finds wrong.
    """
    example = _example(parts["train"])
    fit.check(example[1])
    ready = {name: part if isinstance(part, Unread) else _fitting(part, fit) for name, part in parts.items()}
    scan = scanned(ready, fit)
    notes, result = list(fit.said(example)), {}
    for name, part in ready.items():
        if isinstance(part, Unread):
            part = Stream(part.stream, name, scan.lengths[name], fit)
            what = "in its own order, the same in every epoch and for every recipe and seed"
            notes.append(f"{name}: a stream of {len(part)} samples, read {what}")
        result[name] = part
    return result, scan, tuple(notes)


def _fitting(split: Split, fit: Fit) -> Split:
    match split:
        case InMemory():
            return InMemory(*fit((split.x, split.y)))
        case Joined():
            return Joined(_fitting(split.first, fit), _fitting(split.second, fit))
        case OnDemand():
            return evolve(split, fit=fit)
        case _:
            raise AssertionError(type(split))


def _example(part: Split | Unread) -> Batch:
    """The first sample, as it came."""
    return part.take(torch.arange(1)) if isinstance(part, Split) else part.first


def _same_samples(parts: Parts) -> None:
    train = _example(parts["train"])
    for name, part in parts.items():
        for what, mine, theirs in zip(("inputs", "targets"), _example(part), train, strict=True):
            got, want = (dict(tree.named(each)) for each in (mine, theirs))
            if list(got) != list(want):
                said = f"the {name} {what} differ from the training {what}: {told(theirs)}"
                raise DataError(said, received=told(mine), remedy="give both in one form")
            for where, tensor in got.items():
                other = want[where]
                if tensor.shape[1:] != other.shape[1:] or tensor.is_floating_point() != other.is_floating_point():
                    wanted, received = (told(each[0]) for each in (other, tensor))
                    said = f"the {name} {what}{where} differ from the training {what}: {wanted} a sample"
                    raise DataError(said, received=received)


def _held_out(part: Split | Unread, share: float) -> tuple[Split, Split, int]:
    if isinstance(part, Unread):
        raise DataError(
            "no samples can be held out of a stream for validation",
            received=type(part.stream.dataset).__name__,
            remedy="give validation=..., or in_memory=True for a stream that fits the memory",
        )
    count = max(1, round(len(part) * share))
    if count >= len(part):
        raise DataError(
            "too few training samples to hold some out for validation",
            received=f"{len(part)} samples, validation_share {share}",
            remedy="give validation=..., or more data",
        )
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
    rest, held = order[:-count], order[-count:]
    if isinstance(part, OnDemand):
        return evolve(part, index=part.index[rest]), evolve(part, index=part.index[held]), count
    return InMemory(*part.take(rest)), InMemory(*part.take(held)), count


def _joined(first: Split | Unread, second: Split | Unread) -> tuple[Split, int]:
    if isinstance(first, Unread) or isinstance(second, Unread):
        raise DataError(
            "a stream cannot be joined with other samples, as watching the test set asks for",
            remedy="leave the validation data out, or join the two before",
        )
    if isinstance(first, InMemory) and isinstance(second, InMemory):
        return InMemory(*tree.cat([(split.x, split.y) for split in (first, second)])), len(second)
    return Joined(first, second), len(second)
