"""Legs of runs put together into tiles: rows in lockstep, runs with the same past as one row."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from surefoot.store import Checkpoints
from surefoot.studies.legs import Leg, Roster
from surefoot.training import Checkpoint, Entry, Plan, Tile, bundled
from surefoot.training.place import cores

ROUNDS = 2  # tiles for each process of a pool: one that is slow does not hold up the others for long


@frozen
class Held:
    """What a run that paused can be gone on with."""

    step: int
    name: str


@frozen
class Bundle:
    """Runs that begin as one row: at a state of the run `source` after `start` updates, or from nothing."""

    runs: tuple[int, ...]
    start: int
    source: int | None
    updates: int  # to be made, at most


def tiles_of(
    entries: Mapping[int, Entry],
    legs: Sequence[Leg],
    held: Mapping[int, Held],
    roster: Roster,
    kept: Checkpoints,
    plan: Plan,
) -> list[Tile]:
    """The tiles that train these legs.

    Parameters: `entries`, the runs as they go on, by index; `held`, what they can start from, in the folder `kept`.
    """
    stops = {leg.run: leg.stop for leg in legs}
    pauses = {leg.run: leg.pause for leg in legs if leg.pause is not None}
    read: dict[str, Checkpoint] = {}

    def checkpoint(run: int) -> Checkpoint:
        name = held[run].name
        if name not in read:
            read[name] = Checkpoint.of(*kept.read(name))
        return read[name]

    tiles: list[Tile] = []
    for bundles in _together(_bundles(entries, stops, held, roster), plan):
        runs = [run for bundle in bundles for run in bundle.runs]
        parts = [(checkpoint(b.source), b.source, b.runs) for b in bundles if b.source is not None]
        start = Checkpoint.joined(parts) if parts else None
        rows = [[entries[run] for run in bundle.runs] for bundle in bundles]
        tiles.append(Tile(len(tiles), rows, start, {run: pauses[run] for run in runs if run in pauses}))
    return tiles


def _bundles(
    entries: Mapping[int, Entry], stops: Mapping[int, int], held: Mapping[int, Held], roster: Roster
) -> list[Bundle]:
    steps = {run: state.step for run, state in held.items()}
    same: dict[tuple[int, int], list[int]] = {}
    fresh = []
    for run in entries:
        origin = roster.origin(run, steps)
        if origin is None:
            fresh.append(run)
        else:
            same.setdefault(origin, []).append(run)
    found = [
        Bundle(tuple(runs), step, source, sum(stops[run] - step for run in runs))
        for (source, step), runs in same.items()
    ]
    for places, _ in bundled([entries[run] for run in fresh]) if fresh else ():
        runs = tuple(fresh[place] for place in places)
        found.append(Bundle(runs, 0, None, max(stops[run] for run in runs)))
    return found


def _together(bundles: Sequence[Bundle], plan: Plan) -> Iterable[list[Bundle]]:
    """Bundles of one start in tiles: for processes a few each, longest first; for a stack as many as it is to hold."""
    starts: dict[int, list[Bundle]] = {}
    for bundle in bundles:
        starts.setdefault(bundle.start, []).append(bundle)
    for each in starts.values():
        rows = sum(len(bundle.runs) for bundle in each)
        count = 1 if plan.place == "here" else ROUNDS * cores()
        if plan.trainer == "fused":
            count = max(count, -(-rows // max(1, plan.most)))
        tiles: list[list[Bundle]] = [[] for _ in range(min(count, len(each)))]
        for bundle in sorted(each, key=lambda b: b.updates, reverse=True):
            min(tiles, key=lambda tile: sum(b.updates for b in tile)).append(bundle)
        yield from tiles
