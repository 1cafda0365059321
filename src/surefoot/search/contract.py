"""The contract of the search: what a race asks for, what it is told, what comes out."""

from collections.abc import Mapping
from typing import Literal, Protocol

from attrs import field, frozen

from surefoot.search.space import Arm


@frozen
class Move:
    """Train an arm up to a step, on these seeds, and look.

    Parameters: `stop`, updates (or whatever the ground counts in) since the beginning; `cooled`, whether to look at
    what it would end as: a fork whose rate falls to 0 from there on.
    """

    arm: Arm
    stop: int
    seeds: tuple[int, ...] = (0,)
    cooled: bool = False


@frozen
class Seen:
    """What was seen of a move, on one seed.

    Parameters: `looks`, step and value of the metric that ranks, in order, more being better; `losses`, of the same
    looks, to tell apart what the metric does not; `diverged`, the step at which the run did.
    """

    looks: tuple[tuple[int, float], ...] = ()
    losses: tuple[float, ...] = ()
    diverged: int | None = None


@frozen
class Answer:
    """What was seen of each move, a `Seen` for every seed, and what everything has cost so far, in full runs."""

    seen: Mapping[Move, tuple[Seen, ...]]
    spent: float


@frozen
class Decision:
    """What a race decided about an arm, when and why."""

    kind: Literal["begun", "added", "dropped", "diverged", "whole", "confirmed"]
    arm: Arm
    step: int
    why: str = ""


@frozen
class Ask:
    """What is to be trained next: `moves` are independent of each other; `decisions`, what was decided since the last
    time; `best`, the arm to take if all ended now."""

    moves: tuple[Move, ...]
    decisions: tuple[Decision, ...] = ()
    best: Arm | None = None


@frozen
class Outcome:
    """How a race ended.

    Parameters: `ranking`, the arms that came furthest, best first (empty where every arm diverged); `rivals`, of these
    the ones that fresh seeds were spent on, the best first; `reached`, the step they were compared at; `diverged`, the
    arms that did, and at which step; `decisions`, the last ones.
    """

    ranking: tuple[Arm, ...]
    rivals: tuple[Arm, ...]
    reached: int
    diverged: Mapping[Arm, int] = field(factory=dict)
    decisions: tuple[Decision, ...] = ()


class Ground(Protocol):
    """Where arms are really trained, or were."""

    def train(self, ask: Ask, /) -> Answer:
        """Make the moves. An arm goes on from where it was; one whose past another shares goes on from there."""
        ...
