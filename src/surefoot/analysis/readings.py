"""The three readings: training efficiency, long-term performance, stability; each sentence follows from the numbers."""

import statistics

from attrs import frozen

from surefoot.analysis.summary import Summary, share
from surefoot.analysis.verdict import Verdict, listed
from surefoot.core.history import Facts


@frozen
class Reading:
    """A heading and what the numbers say under it."""

    heading: str
    text: str


def readings(facts: Facts, summaries: list[Summary], verdict: Verdict, target: float | None) -> list[Reading]:
    """What the comparison says about speed, the end, and steadiness; of recipes that came to their end."""
    whole = [s for s in summaries if s.final is not None and None not in s.finals]
    return [
        Reading("Training efficiency", _efficiency(facts, whole, target)),
        Reading("Long-term performance", _long_term(facts, whole, verdict)),
        Reading("Stability", _stability(facts, whole, summaries)),
    ]


def _efficiency(facts: Facts, whole: list[Summary], target: float | None) -> str:
    early = {s.name: s.early for s in whole if s.early is not None}
    if not early:
        return "No recipe came far enough to be compared."
    lead = min(early.values())
    fastest = [name for name, loss in early.items() if loss == lead]
    epochs = share(facts.epochs)
    over = "first epoch" if epochs == 1 else f"first {epochs} epochs"
    text = f"{listed(fastest)} {_verb(fastest, 'fall')} fastest: over the {over} "
    text += f"the {facts.watched} loss averages {lead:.3g}"
    text += f", against {statistics.median(early.values()):.3g} for the median recipe." if len(early) > 2 else "."
    steps = {s.name: s.to_target for s in whole if s.to_target is not None}
    if target is None or not steps:
        return text
    soonest = min(steps.values())
    first = [name for name, step in steps.items() if step == soonest]
    sign = "≥" if facts.goal == "max" else "≤"
    return (
        f"{text} {listed(first)} {_verb(first, 'reach')} {facts.rank} {sign} {target:.4g} first, after {soonest} of "
        f"{facts.steps} steps; {len(steps)} of {len(whole)} get there on most seeds."
    )


def _long_term(facts: Facts, whole: list[Summary], verdict: Verdict) -> str:
    leader = next((s for s in whole if s.name == verdict.best), None)
    if leader is None or leader.final is None:
        return "There is no end to compare."
    by_name = {s.name: s for s in whole}
    last = [by_name[name] for name in verdict.ranking if name in by_name][-1]
    text = f"{listed([leader.name])} ends best, at {facts.rank} {leader.final.mean:.4g}"
    if last.final is not None and last.final.mean != leader.final.mean:
        text += f"; {listed([last.name])} ends last, at {last.final.mean:.4g}"
    text += f". {len(verdict.ties)} others could be as good." if len(verdict.ties) > 1 else "."
    gain = leader.gain or 0.0
    if gain > max(verdict.visible or 0.0, 2 * (leader.wobble or 0.0)):
        text += (
            f" The leader was still gaining ({gain:.2g} over its last {max(share(facts.epochs), 2)} epochs): "
            "the horizon is too short to decide for good."
        )
    return text


def _stability(facts: Facts, whole: list[Summary], summaries: list[Summary]) -> str:
    steady = sorted((s for s in whole if s.wobble is not None), key=lambda s: s.wobble or 0.0)
    sentences = []
    if steady and steady[0].wobble != steady[-1].wobble:
        calm, wild = steady[0], steady[-1]
        sentences.append(
            f"{listed([calm.name])} is steadiest: at the end its {facts.rank} strays {calm.wobble:.2g} from its trend; "
            f"{listed([wild.name])} strays most, by {wild.wobble:.2g}."
        )
    lost = [s for s in summaries if s.diverged]
    first = {step for s in lost for step in s.diverged}
    if len(first) == 1 and sum(len(s.diverged) for s in lost) == sum(s.seeds for s in summaries) > 1:
        return f"Every run diverged, all at step {first.pop()}."
    for s in lost:
        seeds = f"{len(s.diverged)} of {s.seeds} seeds" if s.seeds > 1 else "its only seed"
        sentences.append(f"{listed([s.name])} diverged on {seeds}, first at step {min(s.diverged)}.")
    if not lost:
        sentences.append("No run diverged.")
    return " ".join(sentences)


def _verb(subjects: list[str], verb: str) -> str:
    ending = "es" if verb.endswith("ch") else "s"
    return verb + (ending if len(subjects) == 1 else "")
