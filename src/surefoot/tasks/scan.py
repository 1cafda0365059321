"""One look at every sample before training: a hash of the data, how much there is, and what is wrong with it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor
from tqdm import tqdm

from surefoot.core.errors import DataError
from surefoot.tasks import tree
from surefoot.tasks.fit import Fit
from surefoot.tasks.split import Batch, Split
from surefoot.tasks.stream import Unread

_CHUNK = 1 << 24  # bytes looked at at a time


@frozen(eq=False)
class Scan:
    """What a pass over all splits found, by their names.

    Parameters: `fingerprint`, 32 hexadecimal digits; `lengths`, the samples; `classes`, the lowest and the highest
    target, where targets are class indices.
    """

    fingerprint: str
    lengths: Mapping[str, int] = field(factory=dict)
    classes: Mapping[str, tuple[int, int]] = field(factory=dict)


def scanned(splits: Mapping[str, Split | Unread], fit: Fit) -> Scan:
    """A pass over every sample, in the types that it is trained on in.

    The fingerprint is BLAKE2b over role, type, shape and bytes of every tensor: the same on every device, and wherever
    the samples are kept. Data that is not in memory is read once for it, as in an epoch: little beside the epochs of
    all runs. Raises DataError for samples of different shapes and for values that are not finite.
    """
    digest = hashlib.blake2b(digest_size=16)
    lengths: dict[str, int] = {}
    classes: dict[str, tuple[int, int]] = {}
    for name, split in sorted(splits.items()):
        hashed: _Hash | _HashOfTree | None = None
        for batch in _shown(split, name, fit):
            if hashed is None:
                plain = isinstance(split, Split) and all(isinstance(part, Tensor) for part in batch)
                total = len(split) if isinstance(split, Split) else 0
                hashed = _Hash(digest, name, batch, total) if plain else _HashOfTree(digest, name, batch)
            _finite(batch, name, hashed.count)
            hashed.feed(batch)
            if fit.loss == "cross_entropy":
                low, high = int(batch[1].min()), int(batch[1].max())
                before = classes.get(name, (low, high))
                classes[name] = min(low, before[0]), max(high, before[1])
        if hashed is None:
            raise DataError(f"the {name} data is empty", received="0 samples")
        hashed.close()
        lengths[name] = hashed.count
    return Scan(digest.hexdigest(), lengths, classes)


def _shown(split: Split | Unread, name: str, fit: Fit) -> Iterator[Batch]:
    """The samples in their order; a bar where that takes long and someone watches."""
    parts: Iterator[Batch]
    if isinstance(split, Unread):
        parts, total = map(fit, split.batches()), None
    else:
        parts, total = split.parts(max(1, _CHUNK // max(1, split.sample_bytes))), len(split)
    with tqdm(total=total, desc=f"reading {name} once", unit=" samples", delay=2, leave=False, disable=None) as bar:
        for batch in parts:
            yield batch
            bar.update(tree.length(batch))


class _Hash:
    """Hashes a tensor of inputs, then a tensor of targets, whose number is known before."""

    def __init__(self, digest: Any, name: str, example: Batch, count: int) -> None:
        self.digest, self.name, self.example, self.total, self.count = digest, name, example, count, 0
        self.targets: list[Tensor] = []
        self._head("x", example[0])

    def feed(self, batch: Batch) -> None:
        self.digest.update(_bytes(batch[0]))
        self.targets.append(batch[1])
        self.count += len(batch[0])

    def close(self) -> None:
        self._head("y", self.example[1])
        for part in self.targets:
            self.digest.update(_bytes(part))

    def _head(self, part: str, tensor: Tensor) -> None:
        shape = (self.total, *tensor.shape[1:])
        self.digest.update(f"{self.name}.{part} {tensor.dtype} {shape}\n".encode())


class _HashOfTree:
    """Hashes every tensor of a tree on its own, then all of them, and how many samples there were."""

    def __init__(self, digest: Any, name: str, example: Batch) -> None:
        self.digest, self.name, self.example, self.count = digest, name, example, 0
        self.each = [hashlib.blake2b(digest_size=16) for _ in tree.leaves(example)]

    def feed(self, batch: Batch) -> None:
        for digest, tensor in zip(self.each, tree.leaves(batch), strict=True):
            digest.update(_bytes(tensor))
        self.count += tree.length(batch)

    def close(self) -> None:
        for digest, (where, tensor) in zip(self.each, tree.named(self.example), strict=True):
            shape = (self.count, *tensor.shape[1:])
            self.digest.update(f"{self.name}{where} {tensor.dtype} {shape}\n".encode() + digest.digest())


def _bytes(tensor: Tensor) -> Any:
    # It may be a view, or on another device.
    return tensor.cpu().flatten().contiguous().view(torch.uint8).numpy().data


def _finite(batch: Batch, name: str, before: int) -> None:
    """Raises DataError where a number is not finite. `before`: the samples that came before these."""
    for part, what in zip(batch, ("inputs", "targets"), strict=True):
        for where, tensor in tree.named(part):
            if not (tensor.is_floating_point() or tensor.is_complex()):
                continue
            bad = ~torch.isfinite(tensor).reshape(len(tensor), -1).all(1)
            if bad.any():
                count, first = int(bad.sum()), int(bad.nonzero()[0])
                value = tensor[first].flatten()[~torch.isfinite(tensor[first].flatten())][0].item()
                raise DataError(
                    f"the {name} {what}{where} hold values that are not finite, in {count} of {len(bad)} samples",
                    received=f"{value} in sample {before + first}",
                    remedy="drop or fill these samples",
                )
