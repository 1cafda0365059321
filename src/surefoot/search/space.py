"""What is searched: rates on a log scale, and choices by name."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, Self

from attrs import evolve, field, frozen

from surefoot.core.errors import RecipeError

GAP = 4.0  # rates that a search begins with are at most this factor apart: good rates span about as much
LEAST = 1.5  # rates closer than this are not told apart by a few seeds
DIGITS = 2  # of a rate

Choices = tuple[tuple[str, str], ...]


@frozen
class Arm:
    """A point of the space: a learning rate, and the values of choices by name ("optimizer", "schedule", ...)."""

    lr: float
    choices: Choices = ()

    def __getitem__(self, name: str) -> str:
        return dict(self.choices)[name]

    def get(self, name: str, default: str = "") -> str:
        return dict(self.choices).get(name, default)

    def having(self, **choices: str) -> Self:
        """The arm with other choices."""
        return evolve(self, choices=tuple((dict(self.choices) | choices).items()))

    def at(self, lr: float) -> Self:
        """The arm at another rate."""
        return evolve(self, lr=lr)

    def __str__(self) -> str:
        said = [value for _, value in self.choices]
        return " · ".join([*said, f"lr {self.lr:g}"])


def _range(given: Any) -> tuple[float, ...]:
    return tuple(float(each) for each in given)


@frozen
class Rates:
    """The rates of one branch: a range, or a list of those there are.

    >>> Rates(1e-3, 1.0).start()
    (0.002, 0.0079, 0.032, 0.13, 0.5)
    >>> Rates(1e-3, 1.0).beside(0.032, [0.0079, 0.032, 0.13])
    [0.016, 0.064]
    """

    low: float
    high: float
    listed: tuple[float, ...] = field(default=(), converter=_range)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.low <= self.high < math.inf:
            raise RecipeError(
                "a range of rates is two numbers above 0, the lower first",
                received=[self.low, self.high],
                remedy="write: lr: [1.0e-4, 1.0]",
            )

    @classmethod
    def of(cls, rates: Collection[float]) -> Self:
        """Those rates and no others."""
        every = tuple(sorted(set(rates)))
        if not every:
            raise RecipeError("a list of rates needs one at least", received=[])
        return cls(every[0], every[-1], every)

    def start(self) -> tuple[float, ...]:
        """Rates to begin with: none of the range is further than half the gap from one of them."""
        cells = max(1, math.ceil(round(math.log(self.high / self.low) / math.log(GAP), 9)))
        ends = [self.low * (self.high / self.low) ** (k / cells) for k in range(cells + 1)]
        middles = [math.sqrt(one) * math.sqrt(other) for one, other in pairwise(ends)]
        if not self.listed:
            return tuple(self._rounded(rate) for rate in middles)
        return tuple(sorted({_nearest(rate, self.listed) for rate in middles}))

    def beside(self, rate: float, tried: Collection[float]) -> list[float]:
        """New rates next to one: on each side half-way to the next that was tried, or to the end of the range."""
        below = max((each for each in tried if each < rate), default=None)
        above = min((each for each in tried if each > rate), default=None)
        found = [self._between(rate, below, self.low), self._between(rate, above, self.high)]
        return [each for each in found if each is not None and each not in tried]

    def lower(self, rate: float) -> float | None:
        """The rate to go on with where one is too high: half of it, or the nearest to that of those below it."""
        below = [each for each in self.listed if each < rate]
        found = _nearest(rate / 2, below) if below else rate / 2
        return found if found >= self.low else None

    def _between(self, rate: float, next_tried: float | None, end: float) -> float | None:
        """A rate on the side of one where the range ends at `end`."""
        step = min(max(end / rate, 1 / math.sqrt(GAP)), math.sqrt(GAP))
        wanted = rate * step if next_tried is None else math.sqrt(rate * next_tried)
        if self.listed:
            low, high = sorted((rate, end if next_tried is None else next_tried))
            free = [each for each in self.listed if low <= each <= high and each not in (rate, next_tried)]
            return _nearest(wanted, free, rate) if free else None
        wide = max(wanted, rate) / min(wanted, rate)
        least = LEAST if next_tried is None else math.sqrt(LEAST)
        return self._rounded(wanted) if wide >= least else None

    def _rounded(self, rate: float) -> float:
        return min(max(float(f"{rate:.{DIGITS}g}"), self.low), self.high)


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in given)


@frozen
class Space:
    """What is searched.

    Parameters: `branches`, the rates of each first choice (an optimizer), by its value; `first`, what that choice is
    called; `schedules`, shapes to choose from; `others`, lists of values of what else is chosen, by name, the usual
    value first; `lacking`, of a branch those of the others that it has not.
    """

    branches: Mapping[str, Rates]
    schedules: tuple[str, ...] = field(default=("constant()",), converter=_texts)
    others: Mapping[str, Sequence[str]] = field(factory=dict)
    first: str = "optimizer"
    lacking: Mapping[str, Collection[str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for what, values in (("optimizers", self.branches), ("schedules", self.schedules), *self.others.items()):
            if not values:
                raise RecipeError(f"the space is empty: it has no {what}", remedy=f"list at least one under {what}")
            if len(set(values)) < len(values):
                raise RecipeError(f"{what} are given twice", received=list(values))

    def start(self, schedule: str) -> tuple[Arm, ...]:
        """The arms a search begins with, all of one schedule."""
        return tuple(
            self.arm(branch, rate, schedule, next(self.values(branch)))
            for branch, rates in self.branches.items()
            for rate in rates.start()
        )

    def values(self, branch: str) -> Iterator[dict[str, str]]:
        """All other choices of a branch; the usual ones first."""
        names = [name for name in self.others if name not in self.lacking.get(branch, ())]
        for each in product(*(self.others[name] for name in names)):
            yield dict(zip(names, each, strict=True))

    def arm(self, branch: str, rate: float, schedule: str, others: Mapping[str, str]) -> Arm:
        """A point of this space."""
        return Arm(rate, ((self.first, branch), ("schedule", schedule), *others.items()))

    def beside(self, arm: Arm, tried: Collection[Arm]) -> Iterator[Arm]:
        """New arms that differ from one in a single thing: the rate, half-way to the next that was tried with the same
        choices, or another choice, one further in its list."""
        alike = [other.lr for other in tried if other.choices == arm.choices]
        for rate in self.branches[arm[self.first]].beside(arm.lr, alike):
            yield arm.at(rate)
        for name, values in self.others.items():
            if name in self.lacking.get(arm[self.first], ()):
                continue
            place = values.index(arm[name])
            for value in values[max(0, place - 1) : place + 2]:
                if (other := arm.having(**{name: value})) not in tried:
                    yield other

    @property
    def size(self) -> int:
        """The arms there are when every branch has the rates it begins with."""
        each = (len(rates.start()) * len(list(self.values(name))) for name, rates in self.branches.items())
        return sum(each) * len(self.schedules)


def _nearest(wanted: float, rates: Collection[float], near: float = 1.0) -> float:
    """The listed rate that is nearest on the log scale; of two the one nearer to `near`."""
    return min(rates, key=lambda rate: (round(abs(math.log(rate / wanted)), 6), abs(math.log(rate / near))))
