"""The three readings: training efficiency, long-term performance, stability; each sentence follows from the numbers."""

import statistics

from attrs import frozen

from surefoot.analysis.summary import Summary, share
from surefoot.analysis.verdict import Verdict
from surefoot.analysis.wording import in_turn, metric, observed
from surefoot.core.history import Facts
from surefoot.core.language import Words


@frozen
class Reading:
    """A heading and what the numbers say under it."""

    heading: str
    text: str


def readings(facts: Facts, summaries: list[Summary], verdict: Verdict, target: float | None, _: Words) -> list[Reading]:
    """What the comparison says about speed, the end, and steadiness; of recipes that came to their end."""
    whole = [s for s in summaries if s.final is not None and None not in s.finals]
    return [
        Reading(_("Training efficiency"), _efficiency(facts, whole, target, _)),
        Reading(_("Long-term performance"), _long_term(facts, whole, verdict, _)),
        Reading(_("Stability"), _stability(facts, whole, summaries, _)),
    ]


def _efficiency(facts: Facts, whole: list[Summary], target: float | None, _: Words) -> str:
    early = {s.name: s.early for s in whole if s.early is not None}
    if not early:
        return _("No recipe came far enough to be compared.")
    lead = min(early.values())
    fastest = [name for name, loss in early.items() if loss == lead]
    who = _.plural("{names} falls fastest", "{names} fall fastest", len(fastest), names=_.listed(fastest))
    sentences = [_("{who}: {how}.", who=who, how=_early(facts, lead, list(early.values()), _))]
    steps = {s.name: s.to_target for s in whole if s.to_target is not None}
    if target is not None and steps:
        soonest = min(steps.values())
        first = [name for name, step in steps.items() if step == soonest]
        reach = _.plural(
            "{names} reaches {metric} {sign} {target} first, after {steps} of {all} steps; "
            "{reached} of {whole} get there on most seeds.",
            "{names} reach {metric} {sign} {target} first, after {steps} of {all} steps; "
            "{reached} of {whole} get there on most seeds.",
            len(first),
            names=_.listed(first),
            metric=metric(_, facts.rank),
            sign="≥" if facts.goal == "max" else "≤",
            target=f"{target:.4g}",
            steps=soonest,
            all=facts.steps,
            reached=len(steps),
            whole=len(whole),
        )
        sentences.append(reach)
    return in_turn(_, sentences)


def _early(facts: Facts, lead: float, losses: list[float], _: Words) -> str:
    """A clause: what the fastest recipe's loss averages over the first epochs, and the median recipe's."""
    epochs = share(facts.epochs)
    said = {"loss": observed(_, facts.watched, "loss"), "lead": f"{lead:.3g}"}
    if len(losses) < 3:
        if epochs == 1:
            return _("over the first epoch the {loss} averages {lead}", **said)
        return _("over the first {epochs} epochs the {loss} averages {lead}", epochs=epochs, **said)
    said["median"] = f"{statistics.median(losses):.3g}"
    if epochs == 1:
        return _("over the first epoch the {loss} averages {lead}, against {median} for the median recipe", **said)
    return _(
        "over the first {epochs} epochs the {loss} averages {lead}, against {median} for the median recipe",
        epochs=epochs,
        **said,
    )


def _long_term(facts: Facts, whole: list[Summary], verdict: Verdict, _: Words) -> str:
    leader = next((s for s in whole if s.name == verdict.best), None)
    if leader is None or leader.final is None:
        return _("There is no end to compare.")
    by_name = {s.name: s for s in whole}
    last = [by_name[name] for name in verdict.ranking if name in by_name][-1]
    said = {"name": _.listed([leader.name]), "metric": metric(_, facts.rank), "value": f"{leader.final.mean:.4g}"}
    if last.final is not None and last.final.mean != leader.final.mean:
        said |= {"last": _.listed([last.name]), "worst": f"{last.final.mean:.4g}"}
        sentences = [_("{name} ends best, at {metric} {value}; {last} ends last, at {worst}.", **said)]
    else:
        sentences = [_("{name} ends best, at {metric} {value}.", **said)]
    if len(verdict.ties) > 1:
        sentences.append(_("{count} others could be as good.", count=len(verdict.ties)))
    gain = leader.gain or 0.0
    if gain > max(verdict.visible or 0.0, 2 * (leader.wobble or 0.0)):
        gaining = _(
            "The leader was still gaining ({gain} over its last {epochs} epochs): "
            "the horizon is too short to decide for good.",
            gain=f"{gain:.2g}",
            epochs=max(share(facts.epochs), 2),
        )
        sentences.append(gaining)
    return in_turn(_, sentences)


def _stability(facts: Facts, whole: list[Summary], summaries: list[Summary], _: Words) -> str:
    steady = sorted((s for s in whole if s.wobble is not None), key=lambda s: s.wobble or 0.0)
    sentences = []
    if steady and steady[0].wobble != steady[-1].wobble:
        calm, wild = steady[0], steady[-1]
        strays = _(
            "{calm} is steadiest: at the end its {metric} strays {least} from its trend; "
            "{wild} strays most, by {most}.",
            calm=_.listed([calm.name]),
            metric=metric(_, facts.rank),
            least=f"{calm.wobble:.2g}",
            wild=_.listed([wild.name]),
            most=f"{wild.wobble:.2g}",
        )
        sentences.append(strays)
    lost = [s for s in summaries if s.diverged]
    first = {step for s in lost for step in s.diverged}
    if len(first) == 1 and sum(len(s.diverged) for s in lost) == sum(s.seeds for s in summaries) > 1:
        return _("Every run diverged, all at step {step}.", step=first.pop())
    sentences += [_diverged(s, _) for s in lost] or [_("No run diverged.")]
    return in_turn(_, sentences)


def _diverged(lost: Summary, _: Words) -> str:
    said = {"name": _.listed([lost.name]), "step": min(lost.diverged)}
    if lost.seeds == 1:
        return _("{name} diverged on its only seed, first at step {step}.", **said)
    return _(
        "{name} diverged on {count} of {seeds} seeds, first at step {step}.",
        count=len(lost.diverged),
        seeds=lost.seeds,
        **said,
    )
