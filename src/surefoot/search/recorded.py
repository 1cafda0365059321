"""Replay: a ground of curves that were recorded before. What such data lacks, forks and fresh seeds, is skipped."""

import math
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from surefoot.search.contract import Answer, Ask, Move, Seen
from surefoot.search.space import Arm


@define(eq=False)
class Recorded:
    """A ground of curves: of each arm the value of the metric after every step, more being better, `curve[0]` before
    the first; not finite where the run was not. Paused arms resume; a run that diverges costs what it took."""

    curves: Mapping[Arm, Sequence[float]]
    losses: Mapping[Arm, Sequence[float]] = field(factory=dict)
    made: dict[Arm, int] = field(factory=dict)

    @property
    def horizon(self) -> int:
        return max(len(curve) for curve in self.curves.values()) - 1

    def train(self, ask: Ask) -> Answer:
        return Answer(self.answer(ask.moves), sum(self.made.values()) / self.horizon)

    def answer(self, moves: Iterable[Move]) -> dict[Move, tuple[Seen, ...]]:
        """What was recorded of some moves, which count as made."""
        seen: dict[Move, tuple[Seen, ...]] = {move: (self._seen(move),) for move in moves}
        for move, (each,) in seen.items():
            stop = move.stop if each.diverged is None else min(move.stop, each.diverged)
            self.made[move.arm] = max(self.made.get(move.arm, 0), stop)
        return seen

    def _seen(self, move: Move) -> Seen:
        curve = self.curves[move.arm][: move.stop + 1]
        bad = next((step for step, value in enumerate(curve) if step and not math.isfinite(value)), None)
        looks = tuple((step, value) for step, value in enumerate(curve) if step and (bad is None or step < bad))
        losses = self.losses.get(move.arm, ())
        return Seen(looks, tuple(losses[step] for step, _ in looks) if losses else (), bad)
