"""The stage tree: which recipes are one and the same training, and until when.

Two recipes whose optimizers do the same operations are one run for as long as all their hyperparameters have the same
values. That is found by evaluating both schedules, exactly, at every update.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from surefoot.training.policy import Entry, Policy

CHUNK = 4096  # updates compared at a time
LEAST = 0.01  # of the horizon: a shorter stretch is not worth a fork


@frozen(eq=False)
class Stage:
    """Recipes that are one run in updates `start` … `stop` − 1, and where they go on from there.

    Parameters: `members`, indices of policies; `children`, empty at the end of the horizon.
    """

    members: tuple[int, ...]
    start: int
    stop: int
    children: tuple["Stage", ...] = ()

    @property
    def updates(self) -> int:
        """Updates in this stage and all that come from it, each made once."""
        return self.stop - self.start + sum(child.updates for child in self.children)

    def live(self, step: int) -> int:
        """How many runs there are at an update."""
        return 1 if step < self.stop or not self.children else sum(child.live(step) for child in self.children)

    def forks(self) -> Iterator[int]:
        """The steps at which runs part, in no order."""
        if self.children:
            yield self.stop
        for child in self.children:
            yield from child.forks()


def forest(policies: Sequence[Policy]) -> tuple[Stage, ...]:
    """The stages of these policies: one root for all that begin alike, in the order in which they first come.

    What a reactive piece will observe is not known before: it parts from all but its equals at the first look, at the
    earliest moment. In training they part when their values do.
    """
    families: dict[object, list[int]] = {}
    for index, policy in enumerate(policies):
        families.setdefault(policy.family, []).append(index)
    roots = [stage for members in families.values() for stage in _grown(policies, members, 0, 0)]
    return tuple(sorted(roots, key=lambda stage: stage.members))


def bundled(entries: Sequence[Entry], *, share: bool = True) -> list[tuple[list[int], Stage]]:
    """The runs that begin as one row, by place, and the stage that this is. Without `share` each is on its own."""
    policies = list({id(entry.policy): entry.policy for entry in entries}.values())
    roots = forest(policies) if share else separate(policies)
    at: dict[tuple[int, int], list[int]] = {}
    for place, entry in enumerate(entries):
        at.setdefault((entry.run.seed, id(entry.policy)), []).append(place)
    seeds = dict.fromkeys(entry.run.seed for entry in entries)
    bundles = [
        ([place for member in root.members for place in at.get((seed, id(policies[member])), ())], root)
        for root in roots
        for seed in seeds
    ]
    return [(places, root) for places, root in bundles if places]


def separate(policies: Sequence[Policy]) -> tuple[Stage, ...]:
    """A root for each: nothing is shared."""
    return tuple(Stage((index,), 0, policy.steps) for index, policy in enumerate(policies))


def agreement(one: Policy, other: Policy, start: int, stop: int) -> int:
    """For how many updates from `start` on, up to `stop`, the two do the same."""
    names = [name for name in one.hyper_names if not _is_shared_reaction(one, other, name)]
    reactive = any(policy.is_reactive(name) for policy in (one, other) for name in names)
    limit = min(stop, max(start, one.first_look)) if reactive else stop
    at = start
    while at < limit:
        end = min(at + CHUNK, limit)
        ours, theirs = (policy.moves(at, end, policy.start()) for policy in (one, other))
        same = min((alike(ours[name], theirs[name], end - at) for name in names), default=end - at)
        at += same
        if at < end:
            break
    return at - start


def alike(one: float | NDArray[np.float64], other: float | NDArray[np.float64], n: int) -> int:
    """The first of `n` updates at which two hyperparameters differ; `n` where they do not."""
    if not isinstance(one, np.ndarray) and not isinstance(other, np.ndarray):
        return n if one == other else 0
    differ = np.not_equal(one, other)
    return int(differ.argmax()) if differ.any() else n


def _grown(policies: Sequence[Policy], members: Sequence[int], start: int, same: int) -> list[Stage]:
    """The stages of members that were one run up to `start`, and do the same up to `same`."""
    first, *others = (policies[index] for index in members)
    stop = same + min((agreement(first, other, same, first.steps) for other in others), default=first.steps - same)
    if stop == first.steps:
        return [Stage(tuple(members), start, stop)]
    parts = _parted(policies, members, stop)
    if start == 0 and stop < LEAST * first.steps:
        return [stage for part in parts for stage in _grown(policies, part, 0, stop)]
    children = [stage for part in parts for stage in _grown(policies, part, stop, stop)]
    return [Stage(tuple(members), start, stop, tuple(children))]


def _parted(policies: Sequence[Policy], members: Sequence[int], step: int) -> list[list[int]]:
    """The members that do the same at an update stay together."""
    parts: list[list[int]] = []
    for index in members:
        for part in parts:
            if agreement(policies[part[0]], policies[index], step, step + 1):
                part.append(index)
                break
        else:
            parts.append([index])
    return parts


def _is_shared_reaction(one: Policy, other: Policy, name: str) -> bool:
    """Whether a hyperparameter follows what is observed, and the same way in both."""
    return one.is_reactive(name) and other.is_reactive(name) and one.curves[name] == other.curves[name]
