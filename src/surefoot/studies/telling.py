"""A search in sentences: what it found, how flat the optimum is, what was dropped, what it cost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from surefoot.core.language import Words
from surefoot.search import Arm, standing
from surefoot.search.standing import LOST
from surefoot.studies.space import FIRST

if TYPE_CHECKING:
    from surefoot.studies.tuned import Tuned

EARLY = 0.1  # of the horizon: what is seen before says nothing of how flat the optimum will be
CLOSE, PART = 0.01, 0.02  # what counts as near the best: in accuracy, and as a share of any other metric


def sentences(tuned: Tuned) -> list[str]:
    """All there is to say beside the tables."""
    _ = tuned.words
    if tuned.outcome is None:
        return [_("The search is not finished: it goes on with --resume."), _cost(tuned, _)]
    if not tuned.outcome.ranking:
        return [_all_diverged(tuned, _), _cost(tuned, _)]
    if not tuned.is_found:
        return [_lost(tuned, _), _cost(tuned, _)]
    found = [_winner(tuned, _), _flat(tuned, _), _edge(tuned, _), _dropped(tuned, _), _cost(tuned, _)]
    return [text for text in found if text]


def _winner(tuned: Tuned, _: Words) -> str:
    name = tuned.best.name
    if tuned.comparison is None:
        return _("Take: {name}. It was not confirmed on fresh seeds: it led on those it was chosen on.", name=name)
    if tuned.outcome is not None and not tuned.outcome.rivals:
        return (
            _("Take: {name}, with care. It came next, and was not run on fresh seeds.", name=name)
            + " "
            + _lost(tuned, _)
        )
    if len(tuned.comparison.summaries) == 1:
        return _("Take: {name}. No other was run on fresh seeds, so there it is compared with nothing.", name=name)
    if not tuned.ties:
        return _("Take: {name}. It leads on fresh seeds too, and nothing that was run again ties with it.", name=name)
    return _(
        "Take: {name}. On fresh seeds it is too close to call: {ties} could be as good.",
        name=name,
        ties=_.listed(tuned.ties),
    )


def _flat(tuned: Tuned, _: Words) -> str:
    """The rates about the winner's that stood close to the best of them when they were last compared."""
    winner, table = tuned.winner, _rates(tuned, tuned.winner)
    if table is None or table[0] < EARLY * tuned.terms.horizon or winner.lr not in table[1]:
        return ""
    step, stands = table
    best, facts = max(stands.values()), tuned.study.facts
    # What accuracy is measured on few samples strays by up to half of one over their root.
    near = max(CLOSE, 0.5 / facts.samples[facts.watched] ** 0.5) if facts.rank == "accuracy" else PART * abs(best)
    close = sorted(rate for rate, value in stands.items() if value >= best - near)
    said = {"optimizer": winner[FIRST], "low": f"{close[0]:g}", "high": f"{close[-1]:g}", "step": step}
    said |= {"horizon": tuned.terms.horizon, "tried": len(stands), "near": f"{near:.2g}"}
    if len(close) == 1:
        return _(
            "The optimum is narrow: of {tried} rates of {optimizer} that were compared after {step} of {horizon} "
            "updates only {low} came within {near} of the best.",
            **said,
        )
    return _(
        "How flat: of {tried} rates of {optimizer} that were compared after {step} of {horizon} updates, those from "
        "{low} to {high} came within {near} of the best.",
        **said,
    )


def _rates(tuned: Tuned, winner: Arm) -> tuple[int, dict[float, float]] | None:
    """The last step at which three rates or more of the winner's optimizer stood side by side, and how they stood."""
    for ask, answer in reversed(tuned.asked):
        stands: dict[float, float] = {}
        for move in ask.moves:
            alike = [pair for pair in move.arm.choices if pair[0] != "schedule"]
            if alike != [pair for pair in winner.choices if pair[0] != "schedule"] or move.stop == tuned.terms.horizon:
                continue
            stand = standing(answer.seen[move], move.stop)
            if stand != LOST:
                stands[move.arm.lr] = stand[0]
        if len(stands) >= 3:
            return ask.moves[0].stop, stands
    return None


def _edge(tuned: Tuned, _: Words) -> str:
    winner = tuned.winner
    edge = tuned.edge(winner[FIRST])
    said = {"optimizer": winner[FIRST], "edge": "" if edge is None else f"{edge:g}"}
    if edge is None:
        return _("No rate of {optimizer} that was tried diverged.", **said)
    if tuned.is_at_edge(winner):
        return _(
            "Careful: {optimizer} diverged at {edge}, next to this rate: on other data or a longer horizon this one "
            "may, too.",
            **said,
        )
    return _("{optimizer} diverged from {edge} on, {times} times this rate.", times=f"{edge / winner.lr:.2g}", **said)


def _dropped(tuned: Tuned, _: Words) -> str:
    dropped = Counter(d.step for d in tuned.decisions if d.kind == "dropped")
    diverged = sum(d.kind == "diverged" for d in tuned.decisions)
    tried = len({d.arm for d in tuned.decisions if d.kind in ("begun", "added", "whole")})
    when = ", ".join(f"{count} @ {step}" for step, count in sorted(dropped.items()))
    said = {"tried": tried, "space": tuned.space.size, "diverged": diverged, "horizon": tuned.terms.horizon}
    return _(
        "Tried {tried} arms; dropped at updates (of {horizon}): {when}; diverged: {diverged}.",
        when=when or _("none"),
        **said,
    )


def _cost(tuned: Tuned, _: Words) -> str:
    return _(
        "Cost: {search} full runs to search and {fresh} on fresh seeds, {seconds} s.",
        search=f"{tuned.searched:.1f}",
        fresh=f"{tuned.cost - tuned.searched:.1f}",
        seconds=f"{tuned.study.seconds:.1f}",
    )


def _lost(tuned: Tuned, _: Words) -> str:
    return _("All that was run again diverged on fresh seeds: search again at lower rates.")


def _all_diverged(tuned: Tuned, _: Words) -> str:
    lowest = min((d.arm.lr for d in tuned.decisions if d.kind == "diverged"), default=None)
    if lowest is None:
        return _("No arm came to an end: the notes say what happened to them.")
    return _(
        "Every arm diverged, the lowest at a rate of {lowest}: begin far below it, with lr: [{low}, {high}]. If these "
        "diverge too, look for a loss or values in the data that are not finite.",
        lowest=f"{lowest:g}",
        low=f"{lowest / 1e4:.1e}",
        high=f"{lowest / 4:.1e}",
    )
