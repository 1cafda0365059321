"""What trains a study, and how: decided once, stored, and the same when it is resumed."""

from collections.abc import Sequence
from typing import Any, Literal

import attrs
from attrs import field, frozen

TrainerName = Literal["fused", "loop"]
PlaceName = Literal["here", "pool"]
TRAINERS = ("auto", "fused", "loop")
PLACES = ("auto", "here", "pool")


def _tiles(given: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(rows) for rows in given)


@frozen
class Plan:
    """The trainer, where it runs, and which rows it trains together.

    Parameters:
        trainer: "fused" or "loop"; place: "here", in this process, or "pool", a process per core.
        compiled: whether the fused trainer's step is compiled.
        threads: of each process.
        most: how many rows a tile is meant to hold; tiles: the runs of each, by index.
    """

    trainer: TrainerName
    place: PlaceName
    compiled: bool
    threads: int
    most: int
    tiles: tuple[tuple[int, ...], ...] = field(converter=_tiles)

    def __str__(self) -> str:
        words = [self.trainer, *(["compiled"] if self.compiled else []), *(["pool"] if self.place == "pool" else [])]
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self)
