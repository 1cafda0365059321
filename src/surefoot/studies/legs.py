"""From what a race asks for to legs of runs: who goes on from where, as far as what; and what that costs.

Nothing is trained or looked up here, so that a search can be driven again over what was recorded of it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from surefoot.core.keys import key
from surefoot.core.recipe import Recipe
from surefoot.core.run import Run
from surefoot.core.units import Clock
from surefoot.search import Arm, Ask, Move
from surefoot.search.terms import cooling
from surefoot.studies.space import recipe_of
from surefoot.training import Entry, Pause, Policy, agreement, bind

Origin = tuple[int, int]  # a run, and the step up to which it was


@frozen
class Leg:
    """A stretch of a run: from the step of its origin (itself, a run with the same past, or none) to `stop`."""

    run: int
    stop: int
    pause: Pause | None  # None: to the end of the horizon


@define(eq=False)
class Roster:
    """The runs of a search, in the order in which they were first asked for.

    Parameters: `clock`, the horizon; `watched`, the samples that are chosen on; `content`, the task's, for keys.
    """

    clock: Clock
    watched: int
    content: Mapping[str, Any] = field(factory=dict)
    entries: list[Entry] = field(factory=list)
    runs: list[Run] = field(factory=list)  # those of the entries, for whoever watches
    known: dict[tuple[Arm, int, int], int] = field(factory=dict)  # arm, seed, where it cools (0: it does not)
    policies: dict[tuple[Arm, int], Policy] = field(factory=dict)
    at: dict[int, int] = field(factory=dict)  # the runs that others can go on from, and up to which step
    updates: int = 0  # made so far

    @property
    def spent(self) -> float:
        """The cost so far, in full runs."""
        return self.updates / self.clock.steps

    def legs(self, ask: Ask) -> list[Leg]:
        """What the moves take, in order."""
        return [leg for move in ask.moves for seed in move.seeds for leg in self._legs(move, seed)]

    def shown(self, move: Move, seed: int) -> Leg:
        """The leg that shows what a move asks for: its last."""
        return self._legs(move, seed)[-1]

    def charge(
        self, legs: Iterable[Leg], lost: Callable[[Leg], int | None], ended: Callable[[int], int | None]
    ) -> None:
        """Add up what was trained; a run that was lost on a leg, or ended early, did not go further."""
        for leg in legs:
            start, step, end = self.origin(leg.run, self.at), lost(leg), ended(leg.run)
            stop = min(leg.stop, *(known for known in (step, end) if known is not None), leg.stop)
            self.updates += max(0, stop - (start[1] if start else 0))
            if step is not None or (end is not None and end <= leg.stop):
                self.at.pop(leg.run, None)
            elif leg.pause is not None and leg.pause.keep:
                self.at[leg.run] = leg.stop

    def origin(self, run: int, held: Mapping[int, int]) -> Origin | None:
        """Where a run can go on from: itself, or of the runs with the same past the one that got furthest."""
        if run in held:
            return run, held[run]
        mine, best = self.entries[run], None
        for other, step in held.items():
            if (best is None or step > best[1]) and self._same(mine, self.entries[other], step):
                best = other, step
        return best

    def _same(self, mine: Entry, other: Entry, step: int) -> bool:
        one, two = mine.policy, other.policy
        if mine.run.seed != other.run.seed or one.family != two.family or one.first() != two.first():
            return False
        return agreement(one, two, 0, step) == step

    def _legs(self, move: Move, seed: int) -> list[Leg]:
        trunk = self._index(move.arm, seed, 0)
        if not move.cooled:
            whole = move.stop >= self.clock.steps
            return [Leg(trunk, move.stop, None if whole else Pause(move.stop, self._samples(move.stop)))]
        end = move.stop + cooling(move.stop)
        fork = Leg(self._index(move.arm, seed, move.stop), end, Pause(end, self._samples(end), keep=False))
        return [Leg(trunk, move.stop, Pause(move.stop)), fork]

    def _samples(self, step: int) -> int:
        """A look takes no more samples than were trained on: an early one must not cost more than the training."""
        return min(self.watched, step * (self.clock.batch_size or self.watched))

    def _index(self, arm: Arm, seed: int, cools: int) -> int:
        if (arm, seed, cools) not in self.known:
            if (arm, cools) not in self.policies:
                self.policies[arm, cools] = bind(_cooled(recipe_of(arm), cools), self.clock)
            policy, index = self.policies[arm, cools], len(self.entries)
            name = key(self.content, policy.content(), seed)
            self.runs.append(Run(index, policy.recipe, seed, name))
            self.entries.append(Entry(self.runs[-1], policy))
            self.known[arm, seed, cools] = index
        return self.known[arm, seed, cools]


def _cooled(recipe: Recipe, step: int) -> Recipe:
    """The recipe of a fork that is its trunk up to a step, and whose rate falls to 0 after it."""
    if not step:
        return recipe
    schedule = f"constant(over={step}) >> linear({cooling(step)})"
    return Recipe(f"{recipe.name}, cooled at {step}", recipe.optimizer, recipe.lr, schedule, dict(recipe.hyper))
