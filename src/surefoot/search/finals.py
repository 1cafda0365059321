"""Schedules, whole: those of the best trunk, then what lies beside the best; and the winner on fresh seeds."""

from collections.abc import Generator, Iterable, Iterator, Sequence

from surefoot.search.book import Book
from surefoot.search.contract import Answer, Ask, Move
from surefoot.search.space import Arm, Space
from surefoot.search.standing import ending
from surefoot.search.terms import Terms

EDGE = 2.0  # a rate is next to the edge where this many times it diverged: other data may move the edge as far


def finals(space: Space, terms: Terms, book: Book, trunks: Sequence[Arm]) -> Generator[Ask, Answer, list[Arm]]:
    """Whole runs while the budget lasts; the arms that came to their ends, best first.

    Schedules are compared at their ends and nowhere else. First those of the best trunk, in the order of the space;
    then, again and again, what differs in one thing from the best arm so far: its rate, its branch (the best trunk of
    another one), its other choices. Where all of them diverge, they are tried at half the rate.
    """
    whole: list[Arm] = []
    wanted = [trunks[0].having(schedule=schedule) for schedule in space.schedules]
    while wanted:
        afford = int((terms.budget - book.spent) / len(terms.seeds) + 1e-9)
        chosen = wanted[: max(afford, 0 if whole else 1)]
        if not chosen:
            break
        book.told((yield book.ask(Move(arm, terms.horizon, terms.seeds) for arm in chosen)), ending)
        whole += chosen
        for arm in chosen:
            book.decide("whole", arm, terms.horizon)
        later = wanted[len(chosen) :]
        if order := book.ranked(whole):
            book.best = order[0]
            # What lies beside the best; where all of that was tried, beside the next.
            new = next((found for arm in order if (found := [*_next(space, book, trunks, arm, whole)])), [])
        else:
            new = [lower for arm in chosen if (lower := _lower(space, book, arm))]
        wanted = [arm for arm in dict.fromkeys([*later, *new]) if arm not in whole]
    return book.ranked(whole)


def _next(space: Space, book: Book, trunks: Sequence[Arm], best: Arm, whole: Sequence[Arm]) -> Iterator[Arm]:
    """Arms that differ from the best in one thing and were not trained whole."""
    alike = [trunk.having(schedule=best["schedule"]) for trunk in trunks]
    for arm in [arm for arm in alike if arm[space.first] != best[space.first]][:1]:
        if arm not in whole:
            yield arm
    lost = [arm.having(schedule=best["schedule"]) for arm in book.diverged]
    yield from space.beside(best, [*whole, *lost])


def _lower(space: Space, book: Book, arm: Arm) -> Arm | None:
    """The arm at a lower rate that has not diverged."""
    while (rate := space.branches[arm[space.first]].lower(arm.lr)) is not None:
        arm = arm.at(rate)
        if arm not in book.diverged:
            return arm
    return None


def confirmed(space: Space, terms: Terms, book: Book, best: Sequence[Arm]) -> Generator[Ask, Answer, tuple[Arm, ...]]:
    """The winner and its rivals, whole, on fresh seeds; best first. Where all of them are next to a rate that diverged,
    the last gives way to the best that is not."""
    if not terms.fresh or book.reached(best) < terms.horizon:
        return ()
    rivals = list(best[: terms.rivals])
    safe = [arm for arm in best if not is_at_edge(arm, book.diverged, space.first)]
    if len(rivals) > 1 and safe and safe[0] not in rivals:
        rivals[-1] = safe[0]
    book.best = rivals[0]
    book.told((yield book.ask(Move(arm, terms.horizon, terms.fresh) for arm in rivals)), ending)
    order = book.ranked(rivals)
    for arm in order:
        book.decide("confirmed", arm, terms.horizon)
    book.best = next(iter(order), None)
    return tuple(order)


def is_at_edge(arm: Arm, diverged: Iterable[Arm], first: str) -> bool:
    """Whether an arm of the same branch diverged at twice its rate or less."""
    return any(other[first] == arm[first] and other.lr <= EDGE * arm.lr for other in diverged)
