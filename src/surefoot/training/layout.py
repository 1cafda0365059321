"""The layout of a population: how many slots rows of each kind have, and what is the same for all of a kind.

A compiled step serves one layout. A slot without a row is trained like any other and never looked at, so that one
compilation serves every tile of a comparison, whatever rows it has lost.
"""

import math
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from surefoot.optimizers import Rule
from surefoot.training.trainer import Row

EMPTY = -1


@frozen
class Kind:
    """Rows whose rules do the same operations: updated together."""

    rule: Rule
    slots: int
    constant: tuple[tuple[str, float], ...]  # hyperparameters that all rows share and that never move
    varying: tuple[str, ...]  # the others
    first: tuple[float, ...]  # what the varying ones are in a slot without a row

    @property
    def shared(self) -> dict[str, float]:
        return dict(self.constant)

    @property
    def idle(self) -> dict[str, float]:
        """The hyperparameters of a slot without a row."""
        return {**self.shared, **dict(zip(self.varying, self.first, strict=True))}

    @property
    def family(self) -> tuple[object, ...]:
        """What rows of this kind have in common."""
        return self.rule.structure, tuple(sorted([*self.shared, *self.varying]))


Layout = tuple[Kind, ...]


def layout_of(rows: Sequence[Row]) -> Layout:
    """A slot for each row; kinds in the order in which they first come."""
    return tuple(_kind([rows[k] for k in members]) for members in _by_family(rows).values())


def size(layout: Layout) -> int:
    """The slots in all."""
    return sum(kind.slots for kind in layout)


def tiled(layout: Layout, most: int) -> Layout:
    """The slots of one of several equal tiles of `most` rows or a little more; every kind keeps at least one."""
    tiles = max(1, math.ceil(size(layout) / max(1, most)))
    return tuple(evolve(kind, slots=math.ceil(kind.slots / tiles)) for kind in layout)


def sized(layout: Layout, slots: Sequence[int]) -> Layout:
    """The same kinds with so many slots."""
    return tuple(evolve(kind, slots=count) for kind, count in zip(layout, slots, strict=True))


def rung(layout: Layout) -> Layout:
    """The next lower rung of the ladder: a third of the slots of every kind."""
    return tuple(evolve(kind, slots=math.ceil(kind.slots / 3)) for kind in layout)


def divide(rows: Sequence[Row], bundles: Sequence[Sequence[int]], layout: Layout) -> list[list[tuple[int, ...]]]:
    """The bundles of each tile, so that every tile fits the layout at the end, when all its rows have parted.

    Parameters: `bundles`, the rows that begin as one, all of one kind. A bundle that does not fit is cut; those of
    several rows come first, so that tiles that begin with few rows are tiles of few rows.
    """
    tiles: list[list[tuple[int, ...]]] = []
    for kind in layout:
        mine = [bundle for bundle in bundles if rows[bundle[0]].family == kind.family]
        pieces = [tuple(bundle[i : i + kind.slots]) for bundle in mine for i in range(0, len(bundle), kind.slots)]
        room: list[int] = []
        for piece in sorted(pieces, key=len, reverse=True):
            place = next((k for k, left in enumerate(room) if left >= len(piece)), len(room))
            if place == len(room):
                room.append(kind.slots)
            if place == len(tiles):
                tiles.append([])
            room[place] -= len(piece)
            tiles[place].append(piece)
    return [sorted(tile) for tile in tiles]


def seated(rows: Sequence[Row], layout: Layout) -> list[int]:
    """The row of every slot, kind by kind; EMPTY where one is left over."""
    slots: list[int] = []
    members = _by_family(rows)
    for kind in layout:
        mine = members.get(kind.family, [])
        if len(mine) > kind.slots:
            raise ValueError(f"{len(mine)} rows of {kind.rule.name} do not fit {kind.slots} slots")
        slots += mine + [EMPTY] * (kind.slots - len(mine))
    return slots


def _kind(rows: Sequence[Row]) -> Kind:
    first = rows[0]
    moving = frozenset[str]().union(*(row.moving for row in rows))
    varying = [n for n, value in first.hyper.items() if n in moving or any(row.hyper[n] != value for row in rows)]
    constant = tuple((name, value) for name, value in first.hyper.items() if name not in varying)
    return Kind(first.rule, len(rows), constant, tuple(varying), tuple(first.hyper[name] for name in varying))


def _by_family(rows: Sequence[Row]) -> Mapping[tuple[object, ...], list[int]]:
    families: dict[tuple[object, ...], list[int]] = {}
    for k, row in enumerate(rows):
        families.setdefault(row.family, []).append(k)
    return families
