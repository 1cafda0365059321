"""The race: successive halving on an even budget, from coarse rates to fine, then schedules whole, then fresh seeds.

A coroutine: it yields what it wants trained, and is sent what was seen. What it asks for depends on nothing else, so a
race that was interrupted is gone on with by answering again what was answered before.
"""

import math
from collections.abc import Generator

from surefoot.core.errors import RecipeError
from surefoot.search.book import Book
from surefoot.search.contract import Answer, Ask, Outcome
from surefoot.search.finals import confirmed, finals
from surefoot.search.ladder import LADDER, cheapest, ladder
from surefoot.search.space import Space
from surefoot.search.terms import Terms

Race = Generator[Ask, Answer, Outcome]


def race(space: Space, terms: Terms) -> Race:
    """Race the arms of a space on these terms.

    1. Rates at their first coarse distance, of every branch, as trunks: all of one schedule, constant where arms can be
       forked. They climb a ladder of rungs, each twice as long as the one before; at most half of them go on, with new
       ones in between (`ladder`).
    2. Where there are several schedules: those of the best trunks, whole, and then their neighbours (`finals`).
    3. The winner and its rivals, whole, on seeds that decided nothing (`confirmed`).

    Raises RecipeError for a budget that can decide nothing.

    >>> from surefoot.search import Rates, Seen, drive
    >>> class Bowl:  # a ground on which 0.1 is best
    ...     def train(self, ask):
    ...         value = lambda move: -abs(move.arm.lr - 0.1) - 1 / move.stop
    ...         return Answer({m: (Seen(((m.stop, value(m)),)),) for m in ask.moves}, 0.0)
    >>> outcome = drive(race(Space({"sgd": Rates(1e-3, 10.0)}), Terms(horizon=100, budget=4)), Bowl())
    >>> outcome.ranking[0].lr
    0.1
    """
    least = cheapest(space, terms)
    if terms.budget < least - 1e-9:
        raise RecipeError(
            "the budget is too small to decide anything: "
            f"{len(space.start(terms.trunk(space)))} arms on the first rung and one to the end take more",
            received=f"{terms.budget:g}x",
            remedy=f"give {math.ceil(10 * least - 1e-9) / 10:g}x at least, or a smaller space",
        )
    book = Book()
    alone = terms.trunk(space) in space.schedules and len(space.schedules) == 1
    share = terms.budget if alone else min(LADDER * terms.budget, terms.budget - len(terms.seeds))
    best = yield from ladder(space, terms, book, share, whole=alone)
    if best and not alone:
        best = yield from finals(space, terms, book, best)
    rivals = (yield from confirmed(space, terms, book, best)) if best else ()
    return Outcome(tuple(best), rivals, book.reached(best), book.diverged, book.news())
