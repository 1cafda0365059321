"""What the source says about the three policies, decided from the numbers of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from surefoot.analysis import Interval, summarize

if TYPE_CHECKING:
    from surefoot.core.history import Study

Outcome = Literal["agrees", "disagrees", "open"]
Reason = Literal["measured", "diverged", "one seed", "too short"]

ROUNDING = 1e-6  # of a value in float32: no difference


@frozen
class Part:
    """Whether one policy is ahead of another: the paired difference over the seeds, above 0 where it is.

    Parameters: `quantity`, "early" (loss, less is better), "final" (accuracy), "wobble" (less is better); `by`, the
    mean difference with its 95 % interval, None where a seed has no value; `reason`, what decided.
    """

    quantity: str
    ahead: str
    behind: str
    by: Interval | None
    outcome: Outcome
    reason: Reason


@frozen
class Claim:
    """A sentence of the source and what this comparison says to it."""

    name: str
    outcome: Outcome
    parts: tuple[Part, ...]

    @property
    def reason(self) -> Reason:
        """Why it is open: what kept the first part from being decided."""
        return next((part.reason for part in self.parts if part.outcome == "open"), "measured")


@frozen
class _Values:
    """By policy: a number a seed (None where it has none), and whether a seed diverged."""

    numbers: Mapping[str, Mapping[str, Sequence[float | None]]]
    lost: Mapping[str, bool]

    def ahead(self, quantity: str, first: str, second: str) -> Part:
        """Whether the first is ahead. A policy that diverged on a seed is behind one that did not."""
        if self.lost[first] or self.lost[second]:
            both = self.lost[first] and self.lost[second]
            outcome: Outcome = "open" if both else "disagrees" if self.lost[first] else "agrees"
            return Part(quantity, first, second, None, outcome, "diverged")
        sign = 1 if quantity == "final" else -1
        seeds = list(zip(self.numbers[quantity][first], self.numbers[quantity][second], strict=True))
        pairs = [(a, b) for a, b in seeds if a is not None and b is not None]
        by = Interval.of([sign * (a - b) for a, b in pairs])
        if by is None or len(pairs) < len(seeds):
            return Part(quantity, first, second, None, "open", "too short")
        if by.low is None or by.high is None:
            return Part(quantity, first, second, by, "open", "one seed")
        slack = ROUNDING * max(abs(value) for pair in pairs for value in pair)
        outcome = "agrees" if by.low > slack else "disagrees" if by.high < -slack else "open"
        return Part(quantity, first, second, by, outcome, "measured")


def claims(study: Study) -> tuple[Claim, ...]:
    """The five claims, in the order in which the source makes them; the study has fixed SGD, decaying SGD and Adam."""
    values = _values(study)
    fixed, decay, adam = (name for name, _ in study.recipes())

    def ahead(quantity: str, first: str, *others: str) -> list[Part]:
        return [values.ahead(quantity, first, other) for other in others]

    early, late = ahead("early", decay, fixed, adam), ahead("final", decay, fixed, adam)
    slow = [values.ahead("early", other, fixed) for other in (decay, adam)]
    return (
        _all("fastest", ahead("early", adam, fixed, decay)),
        Claim("balance", _together([_either(early), _either(late)]), (*early, *late)),
        _all("better", ahead("final", decay, fixed)),
        _all("slow", slow),
        _all("steady", ahead("wobble", fixed, decay, adam)),
    )


def _all(name: str, parts: Sequence[Part]) -> Claim:
    return Claim(name, _together([part.outcome for part in parts]), tuple(parts))


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Whether all are so: one that is not contradicts."""
    return "disagrees" if "disagrees" in outcomes else "open" if "open" in outcomes else "agrees"


def _either(parts: Sequence[Part]) -> Outcome:
    """Whether one at least is so."""
    outcomes = [part.outcome for part in parts]
    return "agrees" if "agrees" in outcomes else "open" if "open" in outcomes else "disagrees"


def _values(study: Study) -> _Values:
    by_seed = [
        {s.name: s for s in summarize(evolve(study, runs=tuple(r for r in study.runs if r.run.seed == seed)), None)}
        for seed in study.facts.seeds
    ]
    names = [name for name, _ in study.recipes()]
    numbers = {
        "early": {name: [seed[name].early for seed in by_seed] for name in names},
        "final": {name: [seed[name].finals[0] for seed in by_seed] for name in names},
        "wobble": {name: [seed[name].wobble for seed in by_seed] for name in names},
    }
    return _Values(numbers, {name: any(seed[name].diverged for seed in by_seed) for name in names})
