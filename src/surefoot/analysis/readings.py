"""The three readings: training efficiency, long-term performance, stability; each sentence follows from the numbers."""

import statistics

from attrs import frozen

from surefoot.analysis.summary import Summary
from surefoot.analysis.verdict import Verdict
from surefoot.core.history import Facts


@frozen
class Reading:
    """A heading and what the numbers say under it."""

    heading: str
    text: str


def readings(facts: Facts, summaries: list[Summary], verdict: Verdict, target: float | None) -> list[Reading]:
    """What the comparison says about speed, the end, and steadiness."""
    return [
        Reading("Training efficiency", _efficiency(facts, summaries, target)),
        Reading("Long-term performance", _long_term(facts, summaries, verdict)),
        Reading("Stability", _stability(facts, summaries)),
    ]


def _efficiency(facts: Facts, summaries: list[Summary], target: float | None) -> str:
    fast = sorted((s for s in summaries if s.early is not None and not s.diverged), key=lambda s: s.early or 0.0)
    if not fast:
        return "No recipe came far enough to be compared."
    early = [s.early for s in fast if s.early is not None]
    share = f"over the first fifth of training its {facts.watched} loss averages {early[0]:.3g}"
    against = f", against {statistics.median(early):.3g} for the median recipe" if len(early) > 1 else ""
    text = f"{fast[0].name} falls fastest: {share}{against}."
    reached = sorted((s for s in summaries if s.to_target is not None), key=lambda s: s.to_target or 0)
    if target is None or not reached:
        return text
    first = reached[0]
    sign = "≥" if facts.goal == "max" else "≤"
    return (
        f"{text} {first.name} is the first to reach {facts.rank} {sign} {target:.4g}, after {first.to_target} of "
        f"{facts.steps} steps; {len(reached)} of {len(summaries)} recipes reach it on most seeds."
    )


def _long_term(facts: Facts, summaries: list[Summary], verdict: Verdict) -> str:
    leader = next((s for s in summaries if s.name == verdict.best), None)
    if leader is None:
        return verdict.sentence
    by_name = {s.name: s for s in summaries}
    last = next((by_name[n] for n in reversed(verdict.ranking) if not by_name[n].diverged), leader)
    text = verdict.sentence
    if last is not leader and last.final is not None:
        text += f" {last.name} ends last, at {last.final.mean:.4g}."
    gain = leader.gain or 0.0
    if gain > max(verdict.visible or 0.0, 2 * (leader.wobble or 0.0)):
        text += f" The leader still gained {gain:.2g} over the last fifth: the horizon is too short to decide for good."
    return text


def _stability(facts: Facts, summaries: list[Summary]) -> str:
    steady = sorted((s for s in summaries if s.wobble is not None and not s.diverged), key=lambda s: s.wobble or 0.0)
    sentences = []
    if steady:
        calm, wild = steady[0], steady[-1]
        sentences.append(
            f"{calm.name} is steadiest: over the last fifth its {facts.rank} strays {calm.wobble:.2g} from its trend"
            + (f"; {wild.name} strays most, by {wild.wobble:.2g}." if wild is not calm else ".")
        )
    for s in summaries:
        if s.diverged:
            sentences.append(
                f"{s.name} diverged on {len(s.diverged)} of {s.seeds} seeds, first at step {min(s.diverged)}."
            )
    if not any(s.diverged for s in summaries):
        sentences.append("No run diverged.")
    return " ".join(sentences)
