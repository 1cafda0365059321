"""Grounds without models: what is seen of an arm is a function of it; and one that minds the laws of a race."""

import math
from zlib import crc32

from surefoot.search import Answer, Seen, drive, race
from surefoot.search.ladder import rungs
from surefoot.search.terms import CONSTANT, cooling


def drawn(*what):
    """A number between 0 and 1 that depends on nothing else."""
    return crc32(repr(what).encode()) / 2**32


def bowl(best):
    """Of every arm a value: the closer to the best one the better, more so the later."""

    def value(arm, step):
        apart = sum(arm.get(name) != choice for name, choice in best.choices)
        return -abs(math.log(arm.lr / best.lr)) - 3.0 * apart - 5.0 / step

    return value


class Made:
    """A ground: `value(arm, step)`, more being better; `lost(arm)`, the step at which a run diverges, or None.

    It charges what training would cost: an arm goes on from where it is; where `cools`, all schedules but cosine, which
    moves from the first step on, from their trunk.
    """

    def __init__(self, terms, value, lost=lambda arm: None):
        self.terms, self.value, self.lost = terms, value, lost
        self.at, self.cooled, self.asks = {}, 0, []

    def train(self, ask):
        self.asks.append(ask)
        seen = {move: tuple(self.seen(move, seed) for seed in move.seeds) for move in ask.moves}
        return Answer(seen, (sum(self.at.values()) + self.cooled) / self.terms.horizon)

    def seen(self, move, seed):
        lost, arm = self.lost(move.arm), move.arm
        end = move.stop if lost is None else min(move.stop, lost)
        trunk = (arm.having(schedule=CONSTANT), seed)
        had = self.at.get((arm, seed), 0)
        forks = self.terms.cools and arm.get("schedule") not in (CONSTANT, "cosine()")
        past = self.at.get(trunk, 0) if forks else 0
        if had or not past:
            self.at[arm, seed] = max(had, end)
        else:
            self.at[arm, seed] = max(0, end - past) or 1e-9
        if move.cooled and end == move.stop:
            self.cooled += cooling(move.stop)
        if lost is not None and lost <= move.stop:
            return Seen(diverged=lost)
        looks = tuple((step, self.value(arm, step)) for step in sorted({max(1, move.stop // 2), move.stop}))
        return Seen(looks, tuple(-value for _, value in looks))


class Lawful(Made):
    """A ground that checks every ask against the laws of a race."""

    def __init__(self, space, terms, value, lost=lambda arm: None):
        super().__init__(terms, value, lost)
        self.space = space
        trunk = terms.trunk(space)
        self.trunk, alone = trunk, space.schedules == (trunk,)
        self.stops = {*rungs(terms, whole=alone), terms.horizon}
        self.diverged, self.searched = set(), 0.0

    def train(self, ask):
        assert ask.moves
        moves = [(move.arm, move.stop, move.cooled) for move in ask.moves]
        assert len(set(moves)) == len(moves)
        fresh = {move.seeds for move in ask.moves} == {self.terms.fresh}
        for move in ask.moves:
            self.check(move, fresh=fresh)
        answer = super().train(ask)
        self.diverged |= {move.arm for move, seen in answer.seen.items() if any(s.diverged is not None for s in seen)}
        if not fresh:
            self.searched = answer.spent
        return answer

    def check(self, move, *, fresh):
        assert is_of(self.space, move.arm, self.trunk)
        assert move.arm not in self.diverged
        assert move.stop in self.stops
        assert fresh or move.seeds == self.terms.seeds
        if move.stop < self.terms.horizon:  # schedules are compared at their ends and nowhere else
            assert move.arm["schedule"] == self.trunk
            assert move.cooled == self.terms.is_cooled(self.space)
        assert move.stop == self.terms.horizon or not fresh


def is_of(space, arm, trunk):
    """Whether an arm is a point of the space, or the trunk of one."""
    rates, others = space.branches[arm[space.first]], dict(arm.choices)
    schedule = others.pop("schedule")
    branch = others.pop(space.first)
    inside = arm.lr in rates.listed if rates.listed else rates.low <= arm.lr <= rates.high
    return inside and schedule in {*space.schedules, trunk} and others in list(space.values(branch))


def raced(space, terms, value, lost=lambda arm: None):
    """A lawful race, and its ground."""
    ground = Lawful(space, terms, value, lost)
    return drive(race(space, terms), ground), ground
