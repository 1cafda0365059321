"""The contract of a split: samples that are numbered, in memory or not, and which of them are looked at in training."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

Watch = Literal["validation", "test"]
Batch = tuple[Any, Any]  # trees of inputs and targets, on the device that trains
GATHERED = 1 << 23  # bytes of samples gathered at a time, where they are of more than one update
PART = 1 << 26  # bytes of samples in a part, when measuring


class Split(ABC):
    """N samples on the device: inputs and targets, each a tree of tensors with the samples first.

    What is asked for depends on nothing that was asked before: the same numbers give the same samples, bit for bit.
    `in_order`: the samples can be read in their own order alone, which every epoch of every seed then follows.
    """

    in_order: ClassVar[bool] = False

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def y(self) -> Any:
        """The targets of all samples, a tree."""

    @property
    @abstractmethod
    def sample_bytes(self) -> int:
        """What a sample takes, inputs and targets."""

    @abstractmethod
    def take(self, index: "Tensor") -> Batch:
        """The samples of these numbers: leaves `[*index.shape, ...]`. `index`: whole numbers in any shape."""

    @abstractmethod
    def parts(self, size: int) -> Iterator[Batch]:
        """All samples in their order, at most `size` at a time, and fewer where samples are large."""

    def batches(self, index: "Tensor") -> Iterator[Batch]:
        """The samples `index[0]`, `index[1]`, ... of one update after another.

        Some updates are gathered at a time, and what comes are views: memory is read a few times faster so.
        Parameters: `index`, whole numbers `[n, ..., B]`, B samples in each row; gives n times leaves `[..., B, ...]`.
        """
        from surefoot.tasks.tree import parted

        some = max(1, GATHERED // max(1, index[0].numel() * self.sample_bytes))
        for start in range(0, len(index), some):
            tensors, rebuilt = parted(self.take(index[start : start + some]))
            for row in zip(*(tensor.unbind() for tensor in tensors), strict=True):
                yield rebuilt(row)


def part_size(split: Split, size: int) -> int:
    """How many samples a part has: the same for the same data, wherever it is kept."""
    return max(1, min(size, PART // max(1, split.sample_bytes)))


def regrouped(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The same samples in the same order, `size` at a time, however many each piece has."""
    from surefoot.tasks.tree import cat, length, part

    held: list[Batch] = []
    count = 0
    for piece in pieces:
        start, whole = 0, length(piece)
        while start < whole:
            stop = min(whole, start + size - count)
            held.append(part(piece, start, stop))
            count += stop - start
            start = stop
            if count == size:
                yield cat(held)
                held, count = [], 0
    if held:
        yield cat(held)
