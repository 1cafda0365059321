"""Two splits as one."""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from attrs import define
from torch import Tensor

from surefoot.tasks import tree
from surefoot.tasks.split import Batch, Split, part_size, regrouped


@define(eq=False, slots=False)
class Joined(Split):
    """The samples of `first`, then those of `second`.

    >>> from surefoot.tasks.in_memory import InMemory
    >>> both = Joined(InMemory(torch.tensor([1, 2]), torch.zeros(2)), InMemory(torch.tensor([3]), torch.ones(1)))
    >>> both.take(torch.tensor([2, 0, 2]))
    (tensor([3, 1, 3]), tensor([1., 0., 1.]))
    """

    first: Split
    second: Split

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @cached_property
    def y(self) -> Any:
        return tree.cat([self.first.y, self.second.y])

    @property
    def sample_bytes(self) -> int:
        return self.first.sample_bytes

    def take(self, index: Tensor) -> Batch:
        flat, length = index.flatten(), len(self.first)
        is_first = flat < length
        parts = [(self.first, flat[is_first]), (self.second, flat[~is_first] - length)]
        found = tree.cat([split.take(numbers) for split, numbers in parts if len(numbers)])
        places = torch.cat([is_first.nonzero(), (~is_first).nonzero()]).flatten().argsort()
        return tree.take(found, places.view(index.shape))  # type: ignore[no-any-return]

    def parts(self, size: int) -> Iterator[Batch]:
        size = part_size(self, size)
        return regrouped(chain(self.first.parts(size), self.second.parts(size)), size)
