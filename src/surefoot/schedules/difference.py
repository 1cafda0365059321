"""What differs between two schedules, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from attrs import asdict

from surefoot.core.units import Clock
from surefoot.schedules.form import COMBINATIONS, VERSION, from_json, to_json
from surefoot.schedules.span import Resolvable

_FRAME = {"surefoot": "schedule", "version": VERSION}
Data = dict[str, Any]  # a schedule inside `to_json`'s data


def difference(old: Resolvable, new: Resolvable) -> list[str]:
    """What differs between two schedules, a sentence for each; [] for equal ones.

    Pieces of a combination are compared with their counterparts: equal ones first, then those of the same name. Of
    several pieces with one name, "linear 2" is the second.

    >>> from surefoot.schedules import cosine, linear, warmup
    >>> difference(0.1 * (warmup(5) >> cosine(100)), 0.2 * (warmup(5) >> cosine(200)))
    ['factor: 0.1 → 0.2', 'cosine.over: 100 → 200']
    >>> difference(linear(5) >> linear(10), linear(5) >> linear(20) >> cosine())
    ['linear 2.over: 10 → 20', 'added: cosine()']
    """
    return list(_between("", "", _data(old), _data(new)))


def clock_difference(old: Clock, new: Clock) -> list[str]:
    """What differs between two horizons and their units.

    >>> clock_difference(Clock(1000), Clock(2000, steps_per_epoch=10))
    ['horizon: 1000 → 2000 steps', 'steps_per_epoch: None → 10']
    """
    before, after = asdict(old), asdict(new)
    return [
        f"horizon: {old.steps} → {new.steps} steps" if name == "steps" else f"{name}: {before[name]} → {after[name]}"
        for name in before
        if before[name] != after[name]
    ]


def _between(where: str, nth: str, old: Data, new: Data) -> Iterator[str]:
    """`where` leads to the pieces; `nth` tells the piece from its namesakes: " 2", or nothing."""
    if old == new:
        return
    if old["name"] == new["name"]:
        yield from _of_one_kind(where, nth, old, new)
        return
    for chain in ("then", "product"):  # a piece on its own may be one of the other side's pieces
        before, after = (piece["parts"] if piece["name"] == chain else [piece] for piece in (old, new))
        if {piece["name"] for piece in before} & {piece["name"] for piece in after}:
            yield from _siblings(where, before, after)
            return
    yield f"{where}{_text(old)} → {_text(new)}"


def _of_one_kind(where: str, nth: str, old: Data, new: Data) -> Iterator[str]:
    own = f"{where}{old['name']}{nth}."
    joins = not nth and old["name"] in ("scale", *COMBINATIONS)  # its pieces are told apart without its name
    inside = where if joins else own
    for key in old:
        before, after = old[key], new[key]
        if key == "parts":
            yield from _siblings(inside, before, after)
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from _between(inside, "", before, after)
        elif before != after:
            place = inside if key == "factor" else own
            yield f"{place}{key}: {_text(before)} → {_text(after)}"


def _siblings(where: str, old: Sequence[Data], new: Sequence[Data]) -> Iterator[str]:
    names = [piece["name"] for piece in old]
    seen: dict[str, int] = {}
    for before, after in _pairs(old, new, str, lambda piece: piece["name"]):
        if before is None:
            yield f"{where}added: {_text(after)}"
            continue
        name = before["name"]
        seen[name] = seen.get(name, 0) + 1
        if after is None:
            yield f"{where}removed: {_text(before)}"
        else:
            yield from _between(where, f" {seen[name]}" if names.count(name) > 1 else "", before, after)


def _pairs(old: Sequence[Data], new: Sequence[Data], *keys: Callable[[Data], str]) -> Iterator[tuple[Any, Any]]:
    """Pieces and their counterparts, in order: those with an equal first key, then, in between, an equal second."""
    if not keys:
        yield from zip_longest(old, new)
        return
    key, *others = keys
    found = SequenceMatcher(None, [key(piece) for piece in old], [key(piece) for piece in new], autojunk=False)
    for tag, a, b, c, d in found.get_opcodes():
        if tag == "equal":
            yield from zip(old[a:b], new[c:d], strict=True)
        else:
            yield from _pairs(old[a:b], new[c:d], *others)


def _data(schedule: Resolvable) -> Data:
    data: Data = to_json(schedule)["schedule"]
    return data


def _text(value: Any) -> str:
    match value:
        case dict():
            return str(from_json({**_FRAME, "schedule": value}))
        case list():
            return f"[{', '.join(map(_text, value))}]"
    return str(value)
