"""A split that can only be read from its start: an IterableDataset."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch
from attrs import define, field
from torch import Tensor

from surefoot.core.errors import DataError
from surefoot.tasks import tree
from surefoot.tasks.forms import pair, same_form, unreadable
from surefoot.tasks.split import Batch, Split, part_size


class Reader:
    """One pass over a stream.

    What the stream draws from torch's generator is its own: the same in every pass, whatever is drawn in between.
    """

    def __init__(self, stream: Any, name: str) -> None:
        self.name = name
        self.hand: Batch | None = None  # a batch in hand, whose first sample is number `place`
        self.place = 0
        self._example: Batch | None = None
        self._random = torch.Generator().manual_seed(0).get_state()
        self._items = self._drawing(lambda: iter(stream))

    def read(self, start: int, stop: int) -> Batch | None:
        """The samples from `start` until before `stop`; None where the stream ends before. `start`: not behind us."""
        found: list[Batch] = []
        while start < stop:
            there = 0 if self.hand is None else tree.length(self.hand)
            if start < self.place + there:
                last = min(stop, self.place + there)
                found.append(tree.part(self.hand, start - self.place, last - self.place))
                start = last
            else:
                self.place, self.hand = self.place + there, None
                if (batch := self.next()) is None:
                    return None
                self.hand = batch
        return tree.cat(found)  # type: ignore[no-any-return]

    def next(self) -> Batch | None:
        """The stream's next batch, None at its end."""
        batch = self._drawing(lambda: next(self._items, None))
        if batch is None:
            return None
        batch = pair(batch, self.name)
        self._example = self._example or batch
        return same_form(batch, self._example, self.name)

    def _drawing(self, act: Callable[[], Any]) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            try:
                with unreadable(self.name):
                    return act()
            finally:
                self._random = torch.get_rng_state()


@define(eq=False, slots=False)
class Unread:
    """A stream before its first pass. Parameters: `stream`, gives batches; `name`, its role."""

    stream: Any
    name: str

    @cached_property
    def first(self) -> Batch:
        """The first sample. Raises DataError where there is none."""
        batch = next(self.batches(), None)
        if batch is None:
            raise DataError(f"the {self.name} data is empty", received="0 samples")
        return tree.part(batch, 0, 1)  # type: ignore[no-any-return]

    def batches(self) -> Iterator[Batch]:
        reader = Reader(self.stream, self.name)
        while (batch := reader.next()) is not None:
            yield batch


@define(eq=False, slots=False)
class Stream(Split):
    """Samples in the order of a stream, which begins anew with every epoch.

    Asked to start in its middle it reads on from where it is, or from its start where that place is passed.
    Parameters: `stream`, gives batches; `name`, its role; `length`, the samples of a pass; `fit`, brings a batch to the
    types of the model and to its device.
    """

    in_order = True

    stream: Any
    name: str
    length: int
    fit: Callable[[Batch], Batch] = tuple
    _reader: Reader | None = field(init=False, default=None)
    _y: Any = field(init=False, default=None)
    _sample_bytes: int = field(init=False, default=0)

    def __len__(self) -> int:
        return self.length

    @property
    def y(self) -> Any:
        if self._y is None:
            self._y = tree.cat([y for _, y in self.parts(self.length)])
        return self._y

    @property
    def sample_bytes(self) -> int:
        if not self._sample_bytes:
            self._sample_bytes = tree.nbytes(self._range(0, 1))
        return self._sample_bytes

    def take(self, index: Tensor) -> Batch:
        first, last = int(index.min()), int(index.max())
        return tree.take(self._range(first, last + 1), index - first)  # type: ignore[no-any-return]

    def parts(self, size: int) -> Iterator[Batch]:
        size = part_size(self, size)
        return (self._range(start, min(start + size, self.length)) for start in range(0, self.length, size))

    def _range(self, start: int, stop: int) -> Batch:
        if self._reader is None or start < self._reader.place:
            self._reader = Reader(self.stream, self.name)
        found = self._reader.read(start, stop)
        if found is None:
            self._differs(f"it ended after {self._reader.place}")
        if stop == self.length and self._reader.read(stop, stop + 1) is not None:
            self._differs("it goes on")
        return self.fit(found)  # type: ignore[arg-type]

    def _differs(self, how: str) -> None:
        raise DataError(
            f"the {self.name} stream is not the same in every pass: it had {self.length} samples in the first",
            received=f"{how} in a later one",
            remedy="make it give the same samples in the same order whenever it is iterated, or give in_memory=True",
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}
