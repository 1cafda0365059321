"""What trains a study, and how: decided once, stored, and the same when it is resumed."""

from collections.abc import Sequence
from typing import Any, Literal

import attrs
from attrs import field, frozen

from surefoot.core.errors import RecipeError

TrainerName = Literal["fused", "loop"]
PlaceName = Literal["here", "pool", "ray"]
TRAINERS = ("auto", "fused", "loop")
PLACES = ("auto", "here", "pool", "ray")

Bundle = tuple[int, ...]  # runs that begin as one row, by index


def _tiles(given: Sequence[Sequence[Sequence[int]]]) -> tuple[tuple[Bundle, ...], ...]:
    return tuple(tuple(tuple(bundle) for bundle in bundles) for bundles in given)


@frozen
class Plan:
    """The trainer, where it runs, and which rows it trains together.

    Parameters:
        trainer: "fused" or "loop"; place: "here", in this process, "pool", a process per core, or "ray", a cluster.
        compiled: whether the fused trainer's step is compiled.
        threads: of each process.
        most: how many rows a tile is meant to hold.
        tiles: of each the rows it begins with, and of each row the runs that begin as this one row, by index.
        expected: how many seconds it was expected to take, where that was measured.
        address: of the cluster; None starts one of this machine.
    """

    trainer: TrainerName
    place: PlaceName
    compiled: bool
    threads: int
    most: int
    tiles: tuple[tuple[Bundle, ...], ...] = field(converter=_tiles)
    expected: float | None = None
    address: str | None = None

    def __str__(self) -> str:
        words = [
            self.trainer,
            *(["compiled"] if self.compiled else []),
            *([self.place] if self.place != "here" else []),
        ]
        return ", ".join(words)

    def runs(self, tile: int) -> list[int]:
        """The runs of a tile, by index."""
        return [run for bundle in self.tiles[tile] for run in bundle]

    def moved(self, wanted: "Wanted") -> "Plan":
        """Where a study on a cluster goes on: there, or at the address or place that is asked for now. Where the same
        tiles are trained in the same way, the numbers are the same."""
        if self.place != "ray":
            return self
        if wanted.place in ("auto", "ray"):
            return attrs.evolve(self, address=wanted.address or self.address)
        return attrs.evolve(self, place="here" if wanted.place == "here" else "pool", address=None)

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self)


@frozen
class Wanted:
    """What was asked for; "auto" and None leave it to be measured.

    Parameters: `most`, the rows of a tile; `share`, whether runs with the same past are one row; `timed`, whether to
    time a few updates where there is nothing to choose, too; `address`, of the cluster that is the place "ray".
    """

    trainer: str = "auto"
    place: str = "auto"
    compiled: bool | None = None
    most: int | None = None
    share: bool = True
    timed: bool = False
    address: str | None = None

    def __attrs_post_init__(self) -> None:
        for what, given, known in (("trainer", self.trainer, TRAINERS), ("place", self.place, PLACES)):
            if given not in known:
                raise RecipeError(f"unknown {what}", received=given, remedy=f"choose one of {', '.join(known)}")
        if self.most is not None and self.most < 1:
            raise RecipeError("a tile has at least one row", received=self.most)
        if self.address is not None and self.place != "ray":
            raise RecipeError("only a Ray cluster has an address", received=self.address, remedy="--place ray")


AUTO = Wanted()
