"""The verdict: the leader, whom it ties with, and what could not have been seen."""

from typing import Protocol

import numpy as np
from attrs import frozen

from surefoot.analysis.statistics import compare_with_best
from surefoot.analysis.summary import Summary
from surefoot.analysis.wording import metric
from surefoot.core.language import Words
from surefoot.core.task import Goal


class Judged(Protocol):
    """What recipes are judged by: the facts of a study, or less."""

    @property
    def rank(self) -> str: ...

    @property
    def goal(self) -> Goal: ...


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


def judge(facts: Judged, summaries: list[Summary], _: Words) -> Verdict:
    """The verdict over recipes whose every seed came to its end; its sentence in the language of `_`."""
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
            sentence=_nothing(summaries, _),
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
        sentence=_sentence(facts, whole[found.leader], ties, len(whole), needed, _),
    )


def _nothing(summaries: list[Summary], _: Words) -> str:
    if all(len(s.diverged) == s.seeds and not any(s.diverged) for s in summaries):
        return _(
            "Every run's loss was not finite before its first update, which no learning rate can change: look for NaN "
            "or infinite values in the inputs, the model or the loss."
        )
    if any(s.diverged for s in summaries):
        return _("No recipe came to its end on every seed: try lower rates, for example a tenth (--lr).")
    return _("No recipe came to its end: there is nothing to judge yet.")


def _sentence(facts: Judged, leader: Summary, ties: tuple[str, ...], whole: int, needed: list[float], _: Words) -> str:
    assert leader.final is not None
    said = {
        "name": _.listed([leader.name]),
        "metric": metric(_, facts.rank),
        "value": f"{leader.final.mean:.4g}",
    }
    if whole == 1:
        return _("{name} ends at {metric} {value}; there is nothing to compare it with.", **said)
    if leader.seeds == 1:
        return _(
            "{name} leads with {metric} {value}, but one seed cannot tell a lead from luck: use --seeds 3 or more.",
            **said,
        )
    if max(needed) < 1e-12:
        return _(
            "{name} leads with {metric} {value}; the seeds agree to the last digit, so nothing says how much is luck.",
            **said,
        )
    return _("{lead}; {seen}.", lead=_lead(said, ties, whole, _), seen=_seen(leader.seeds, min(needed), max(needed), _))


def _lead(said: dict[str, str], ties: tuple[str, ...], whole: int, _: Words) -> str:
    """A clause: who leads, and whom it ties with."""
    if not ties:
        return _("{name} is best with {metric} {value}", **said)
    if len(ties) < whole - 1:
        return _("{name} leads with {metric} {value} and ties with {ties}", ties=_.listed(ties), **said)
    if len(ties) == 1:
        return _(
            "Too close to call: {name} leads with {metric} {value}, and {other} ties with it",
            other=_.listed(ties),
            **said,
        )
    return _(
        "Too close to call: {name} leads with {metric} {value}, and all {count} others tie with it",
        count=len(ties),
        **said,
    )


def _seen(seeds: int, least: float, most: float, _: Words) -> str:
    """A clause: what the seeds were too few to show; there are two of them at least."""
    if most > 1.05 * least:
        return _(
            "with {seeds} seeds, differences under {least} ({most} for the least steady) could not have been seen",
            seeds=seeds,
            least=f"{least:.2g}",
            most=f"{most:.2g}",
        )
    return _(
        "with {seeds} seeds, differences under {least} could not have been seen", seeds=seeds, least=f"{least:.2g}"
    )
