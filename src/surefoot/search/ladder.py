"""The ladder: rungs twice as long each time; at most half of the arms go on, and new ones come in between them.

Successive halving (Jamieson & Talwalkar, 2016) in which what is dropped costs nothing more and what stays goes on from
where it was. Its constants and their reasons: the first rung is a hundredth of the horizon, below which nothing ranks;
rungs double and half go on, the classical choice, so that each rung costs the same; rates begin a factor 4 apart, since
good ones span about that (`space.GAP`).
"""

import math
from collections.abc import Generator

from surefoot.search.book import Book
from surefoot.search.contract import Answer, Ask, Move
from surefoot.search.space import Arm, Space
from surefoot.search.terms import Terms

FIRST = 0.01  # of the horizon: the first rung
TOP = 0.25  # of the horizon: where trunks end when schedules are still to be chosen
LADDER = 0.5  # of the budget: as much to find where, as to find what


def rungs(terms: Terms, *, whole: bool) -> list[int]:
    """The steps at which arms are looked at: doubling, to the end of the horizon or of the trunks.

    >>> rungs(Terms(horizon=100, budget=5), whole=True)
    [1, 2, 4, 8, 16, 32, 64, 100]
    """
    top = terms.horizon if whole else max(terms.grain, round(TOP * terms.horizon))
    step, found = max(terms.grain, round(FIRST * terms.horizon)), []
    while step < top:
        found.append(step)
        step = max(step + terms.grain, 2 * step)
    return [*found, top]


def cheapest(space: Space, terms: Terms) -> float:
    """What a race costs at least: every arm it begins with on the first rung, and one to the end, in full runs."""
    alone = space.schedules == (terms.trunk(space),)
    first, *higher = steps = rungs(terms, whole=alone)
    cooled = terms.is_cooled(space)
    arms = len(space.start(terms.trunk(space)))
    climb = sum(terms.cost(a, b, cooled=cooled) for a, b in zip(steps, higher, strict=False))
    return arms * terms.cost(0, first, cooled=cooled) + climb + (0.0 if alone else len(terms.seeds))


def ladder(space: Space, terms: Terms, book: Book, budget: float, *, whole: bool) -> Generator[Ask, Answer, list[Arm]]:
    """Climb; the arms that came to the top, best first, then those that were dropped, the last first.

    Each rung may cost what one arm takes to the next, and an even share of what the budget leaves beyond one arm to the
    top: first the better half goes on, then, best first, arms beside them are begun, and catch up; what is left keeps
    the best of the others.
    """
    cooled, steps = terms.is_cooled(space), rungs(terms, whole=whole)
    alive, out = list(space.start(terms.trunk(space))), list[Arm]()
    tried = set(alive)
    for arm in alive:
        book.decide("begun", arm, 0)
    for rung, step in enumerate(steps):
        book.told((yield book.ask(Move(arm, step, terms.seeds, cooled) for arm in alive)))
        order = book.ranked(alive)
        if not order or step == steps[-1]:
            break
        book.best = order[0].having(schedule=space.schedules[0]) if cooled else order[0]
        after, left = steps[rung + 1], len(steps) - 1 - rung
        single = terms.cost(step, after, cooled=cooled)
        to_the_top = sum(terms.cost(a, b, cooled=cooled) for a, b in zip(steps[rung:], steps[rung + 1 :], strict=False))
        room = single + (budget - book.spent - to_the_top) / left
        going = max(1, min(math.ceil(len(alive) / 2), int(room / single + 1e-9)))
        alive, dropped = order[:going], order[going:]
        room -= len(alive) * single
        for arm in list(alive):
            for new in space.beside(arm, tried):
                if room >= (price := terms.cost(0, after, cooled=cooled)):
                    room -= price
                    tried.add(new)
                    alive.append(new)
                    book.decide("added", new, step, f"beside {arm}")
        spared = max(0, min(len(dropped), int(room / single + 1e-9)))
        alive, dropped = alive + dropped[:spared], dropped[spared:]
        for arm in dropped:
            book.decide("dropped", arm, step, f"{order.index(arm) + 1} of {len(order)}")
        out = dropped + out
    best = book.ranked(alive)
    book.best = next((arm.having(schedule=space.schedules[0]) if cooled else arm for arm in best), None)
    return best + out
