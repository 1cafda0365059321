"""The verdict: the leader, whom it ties with, and what could not have been seen."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from surefoot.analysis.statistics import compare_with_best
from surefoot.analysis.summary import Summary
from surefoot.core.history import Facts


@frozen(kw_only=True)
class Verdict:
    """Who leads and who ties.

    Parameters: `best`, the recipe with the best mean final value (None where every run diverged); `ties`, those that
    could be as good; `ranking`, best to worst, recipes with diverged seeds last; `visible`, the smallest difference
    that could have been seen, and `visible_wildest`, that for the least steady recipe (None with one seed); `alone`,
    the recipes judged with their own variance because it stands out, and `p_spread`, the p-value of equal spreads.
    """

    best: str | None
    ties: tuple[str, ...]
    ranking: tuple[str, ...]
    visible: float | None
    visible_wildest: float | None
    alone: tuple[str, ...]
    p_spread: float | None
    sentence: str


def judge(facts: Facts, summaries: list[Summary]) -> Verdict:
    """The verdict over recipes whose every seed came to its end."""
    sign = 1 if facts.goal == "max" else -1
    whole = [s for s in summaries if s.final is not None and None not in s.finals]
    broken = sorted((s for s in summaries if s not in whole), key=lambda s: len(s.diverged))
    if not whole:
        return Verdict(
            best=None,
            ties=(),
            ranking=tuple(s.name for s in broken),
            visible=None,
            visible_wildest=None,
            alone=(),
            p_spread=None,
            sentence=_nothing(summaries),
        )
    y = sign * np.array([[value for value in s.finals if value is not None] for s in whole])
    found = compare_with_best(y)
    order = sorted(range(len(whole)), key=lambda i: float(found.behind[i]))
    needed = [float(found.needed[i]) for i in order if i != found.leader and np.isfinite(found.needed[i])]
    best = whole[found.leader].name
    ties = tuple(whole[i].name for i in order if i in found.tied and i != found.leader)
    return Verdict(
        best=best,
        ties=ties,
        ranking=tuple([whole[i].name for i in order] + [s.name for s in broken]),
        visible=min(needed, default=None),
        visible_wildest=max(needed, default=None),
        alone=tuple(s.name for i, s in enumerate(whole) if i not in found.pooled),
        p_spread=found.p_spread,
        sentence=_sentence(facts, whole[found.leader], ties, len(whole), needed),
    )


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence; those with a comma in quotes.

    >>> listed(["a", "b, c", "d"]), listed(list("abcdefg"))
    ('a, “b, c” and d', 'a, b, c, d and 3 more')
    """
    shown = [f"“{name}”" if "," in name else name for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]


def _nothing(summaries: list[Summary]) -> str:
    if all(len(s.diverged) == s.seeds and not any(s.diverged) for s in summaries):
        return (
            "Every run's loss was not finite before its first update, which no learning rate can change: look for NaN "
            "or infinite values in the inputs, the model or the loss."
        )
    if any(s.diverged for s in summaries):
        return "No recipe came to its end on every seed: try lower rates, for example a tenth (--lr)."
    return "No recipe came to its end: there is nothing to judge yet."


def _sentence(facts: Facts, leader: Summary, ties: tuple[str, ...], whole: int, needed: list[float]) -> str:
    assert leader.final is not None
    name, value = listed([leader.name]), f"{facts.rank} {leader.final.mean:.4g}"
    if whole == 1:
        return f"{name} ends at {value}; there is nothing to compare it with."
    if leader.seeds == 1:
        return f"{name} leads with {value}, but one seed cannot tell a lead from luck: use --seeds 3 or more."
    least, most = min(needed), max(needed)
    if most < 1e-12:
        return f"{name} leads with {value}; the seeds agree to the last digit, so nothing says how much is luck."
    wildest = f" ({most:.2g} for the least steady)" if most > 1.05 * least else ""
    seen = f"with {leader.seeds} seeds, differences under {least:.2g}{wildest} could not have been seen"
    if not ties:
        return f"{name} is best with {value}; {seen}."
    if len(ties) == whole - 1:
        others = f"all {len(ties)} others tie" if len(ties) > 1 else f"{listed(ties)} ties"
        return f"Too close to call: {name} leads with {value}, and {others} with it; {seen}."
    return f"{name} leads with {value} and ties with {listed(ties)}; {seen}."
