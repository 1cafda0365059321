"""A race on a ground: asked, trained, told, until it ends."""

from collections.abc import Callable

from surefoot.search.contract import Ask, Ground, Outcome
from surefoot.search.race import Race


def drive(race: Race, ground: Ground, listen: Callable[[Ask], None] = lambda ask: None) -> Outcome:
    """Run a race to its end; `listen` hears every ask before it is trained."""
    try:
        ask = next(race)
        while True:
            listen(ask)
            ask = race.send(ground.train(ask))
    except StopIteration as ended:
        outcome: Outcome = ended.value
        return outcome
