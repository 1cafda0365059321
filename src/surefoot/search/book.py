"""What a race has written down so far."""

from collections.abc import Callable, Iterable, Sequence

from attrs import define, field

from surefoot.search.contract import Answer, Ask, Decision, Move, Seen
from surefoot.search.space import Arm
from surefoot.search.standing import LOST, Standing, standing


@define(eq=False)
class Book:
    """Standings, divergence, decisions and cost; `best`, the arm to take if all ended now."""

    spent: float = 0.0
    best: Arm | None = None
    standings: dict[Arm, tuple[int, Standing]] = field(factory=dict)  # at which step
    diverged: dict[Arm, int] = field(factory=dict)
    decisions: list[Decision] = field(factory=list)

    def ask(self, moves: Iterable[Move]) -> Ask:
        """The next ask, with what was decided since the last."""
        return Ask(tuple(moves), self.news(), self.best)

    def news(self) -> tuple[Decision, ...]:
        """What was decided since this was last asked."""
        told, self.decisions = tuple(self.decisions), []
        return told

    def told(self, answer: Answer, judge: Callable[[Sequence[Seen], int], Standing] = standing) -> None:
        """Take notice of what was seen, judged as the tail of a run or, where they are whole, by their ends."""
        self.spent = answer.spent
        for move, seen in answer.seen.items():
            step = min((each.diverged for each in seen if each.diverged is not None), default=None)
            if step is not None:
                self.diverged[move.arm] = step
                self.decide("diverged", move.arm, step)
            self.standings[move.arm] = (move.stop, LOST if step is not None else judge(seen, move.stop))

    def decide(self, kind: object, arm: Arm, step: int, why: str = "") -> None:
        self.decisions.append(Decision(kind, arm, step, why))  # type: ignore[arg-type]

    def ranked(self, arms: Iterable[Arm]) -> list[Arm]:
        """Arms of which something was seen and that have not diverged, best first."""
        good = (arm for arm in arms if arm not in self.diverged and self.of(arm) != LOST)
        return sorted(good, key=self.of, reverse=True)

    def of(self, arm: Arm) -> Standing:
        """The latest standing of an arm."""
        return self.standings[arm][1]

    def reached(self, arms: Sequence[Arm]) -> int:
        """The step at which the first of these stands."""
        return self.standings[arms[0]][0] if arms else 0
