"""The verdict: the leader, whom it ties with, and what could not have been seen."""

import statistics

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
    that could have been seen (None with one seed); `pooled` and `p_spread`, how it was judged; `sentence`.
    """

    best: str | None
    ties: tuple[str, ...]
    ranking: tuple[str, ...]
    visible: float | None
    pooled: bool
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
            pooled=True,
            p_spread=None,
            sentence=_nothing(summaries),
        )
    y = sign * np.array([[value for value in s.finals if value is not None] for s in whole])
    found = compare_with_best(y)
    order = sorted(range(len(whole)), key=lambda i: float(found.behind[i]))
    needed = [float(found.needed[i]) for i in order if i != found.leader and np.isfinite(found.needed[i])]
    best = whole[found.leader].name
    ties = tuple(whole[i].name for i in order if i in found.tied and i != found.leader)
    visible = statistics.median(needed) if needed else None
    return Verdict(
        best=best,
        ties=ties,
        ranking=tuple([whole[i].name for i in order] + [s.name for s in broken]),
        visible=visible,
        pooled=found.pooled,
        p_spread=found.p_spread,
        sentence=_sentence(facts, whole[found.leader], ties, len(whole), visible),
    )


def _nothing(summaries: list[Summary]) -> str:
    if any(s.diverged for s in summaries):
        return "No recipe came to its end on every seed: try lower rates, for example a tenth (--lr)."
    return "No recipe came to its end: there is nothing to judge yet."


def _sentence(facts: Facts, leader: Summary, ties: tuple[str, ...], whole: int, visible: float | None) -> str:
    assert leader.final is not None
    value = f"{facts.rank} {leader.final.mean:.4g}"
    if whole == 1:
        return f"{leader.name} ends at {value}; there is nothing to compare it with."
    if leader.seeds == 1:
        return f"{leader.name} leads with {value}, but one seed cannot tell a lead from luck: use --seeds 3 or more."
    seen = f"with {leader.seeds} seeds, differences under {visible:.2g} could not have been seen"
    if not ties:
        return f"{leader.name} is best with {value}; {seen}."
    if len(ties) == whole - 1:
        return f"Too close to call: {leader.name} leads with {value}, and all {len(ties)} others tie with it; {seen}."
    names = ", ".join(ties[:4]) + (f" and {len(ties) - 4} more" if len(ties) > 4 else "")
    return f"{leader.name} leads with {value} and ties with {names}; {seen}."
