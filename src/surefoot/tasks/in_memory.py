"""A split that is held in memory."""

from collections.abc import Iterator
from typing import Any

from attrs import field, frozen
from torch import Tensor

from surefoot.tasks import tree
from surefoot.tasks.split import Batch, Split, part_size


@frozen(eq=False)
class InMemory(Split):
    """Samples as tensors: inputs `x` and targets `y`, trees with leaves `[N, ...]`.

    >>> import torch
    >>> split = InMemory(torch.arange(4), {"double": torch.arange(4) * 2})
    >>> split.take(torch.tensor([3, 1]))
    (tensor([3, 1]), {'double': tensor([6, 2])})
    """

    x: Any
    y: Any = field()
    sample_bytes: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        whole = tree.nbytes((self.x, self.y))
        object.__setattr__(self, "sample_bytes", whole // max(1, len(self)))

    def __len__(self) -> int:
        return tree.length(self.x)

    def take(self, index: Tensor) -> Batch:
        return tree.take(self.x, index), tree.take(self.y, index)

    def parts(self, size: int) -> Iterator[Batch]:
        size = part_size(self, size)
        return (tree.part((self.x, self.y), start, start + size) for start in range(0, len(self), size))
