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

    @property
    def shared(self) -> dict[str, float]:
        return dict(self.constant)


Layout = tuple[Kind, ...]


def layout_of(rows: Sequence[Row]) -> Layout:
    """A slot for each row; kinds in the order in which they first come."""
    return tuple(_kind([rows[k] for k in members]) for members in _by_kind(rows).values())


def size(layout: Layout) -> int:
    """The slots in all."""
    return sum(kind.slots for kind in layout)


def tiled(layout: Layout, most: int) -> Layout:
    """The slots of one of several equal tiles of `most` rows or a little more; every kind keeps at least one."""
    tiles = max(1, math.ceil(size(layout) / max(1, most)))
    return tuple(evolve(kind, slots=math.ceil(kind.slots / tiles)) for kind in layout)


def rung(layout: Layout) -> Layout:
    """The next lower rung of the ladder: a third of the slots of every kind."""
    return tuple(evolve(kind, slots=math.ceil(kind.slots / 3)) for kind in layout)


def divide(rows: Sequence[Row], layout: Layout) -> list[list[int]]:
    """The rows of each tile, so that every tile fits the layout; rows that come together stay together."""
    places = {kind.rule.structure: kind.slots for kind in layout}
    tiles: dict[int, list[int]] = {}
    for structure, members in _by_kind(rows).items():
        for place, row in enumerate(members):
            tiles.setdefault(place // places[structure], []).append(row)
    return [sorted(tile) for _, tile in sorted(tiles.items())]


def seated(rows: Sequence[Row], layout: Layout) -> list[int]:
    """The row of every slot, kind by kind; EMPTY where one is left over."""
    slots: list[int] = []
    members = _by_kind(rows)
    for kind in layout:
        mine = members.get(kind.rule.structure, [])
        if len(mine) > kind.slots:
            raise ValueError(f"{len(mine)} rows of {kind.rule.name} do not fit {kind.slots} slots")
        slots += mine + [EMPTY] * (kind.slots - len(mine))
    return slots


def _kind(rows: Sequence[Row]) -> Kind:
    first = rows[0]
    moving = frozenset[str]().union(*(row.moving for row in rows))
    varying = [n for n, value in first.hyper.items() if n in moving or any(row.hyper[n] != value for row in rows)]
    constant = tuple((name, value) for name, value in first.hyper.items() if name not in varying)
    return Kind(first.rule, len(rows), constant, tuple(varying))


def _by_kind(rows: Sequence[Row]) -> Mapping[tuple[object, ...], list[int]]:
    kinds: dict[tuple[object, ...], list[int]] = {}
    for k, row in enumerate(rows):
        kinds.setdefault(row.rule.structure, []).append(k)
    return kinds
