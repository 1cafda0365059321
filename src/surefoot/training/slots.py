"""Which slot every row has when rows are dropped and fork: pure, on numbers of slots."""

from collections.abc import Sequence
from itertools import accumulate

Sizes = Sequence[int]  # slots of every kind, which lie one after another


def counts(wanted: Sequence[int], sizes: Sizes) -> list[int]:
    """How many of the wanted slots are of each kind."""
    ends = list(accumulate(sizes))
    return [sum(end - size <= slot < end for slot in wanted) for size, end in zip(sizes, ends, strict=True)]


def copied(wanted: Sequence[int], sizes: Sizes) -> tuple[list[int], list[tuple[int, int]]]:
    """The slot of every row where all slots stay, and what is to be copied for it: pairs (from, to).

    Parameters: `wanted`, for every row the slot whose content it goes on with; a slot that is named again is copied to
    a free one of its kind. There must be enough of these.

    >>> copied([0, 0, 2], [3])
    ([0, 1, 2], [(0, 1)])
    """
    free = [slot for slot in range(sum(sizes)) if slot not in set(wanted)]
    ends = list(accumulate(sizes))
    live: list[int] = []
    pairs: list[tuple[int, int]] = []
    for slot in wanted:
        if slot not in live:
            live.append(slot)
            continue
        end = next(end for end in ends if slot < end)
        start = max((each for each in ends if each <= slot), default=0)
        place = next(each for each in free if start <= each < end)
        free.remove(place)
        pairs.append((slot, place))
        live.append(place)
    return live, pairs


def resized(wanted: Sequence[int], sizes: Sizes, new: Sizes) -> tuple[list[int], list[int]]:
    """The content of every slot where kinds have `new` sizes, as slots of before, and the slot of every row.

    Slots that no row needs take the content of others of their kind.

    >>> resized([0, 0, 4], [3, 2], [2, 1])
    ([0, 0, 4], [0, 1, 2])
    """
    chosen: list[int] = []
    live = [-1] * len(wanted)
    for size, end, count in zip(sizes, accumulate(sizes), new, strict=True):
        every = range(end - size, end)
        mine = sorted((slot, row) for row, slot in enumerate(wanted) if slot in every)
        for slot, row in mine:
            live[row] = len(chosen)
            chosen.append(slot)
        spare = [slot for slot in every if slot not in {slot for slot, _ in mine}] or list(every)
        chosen += [spare[i % len(spare)] for i in range(count - len(mine))]
    return chosen, live
