"""The first few recipes measured, and where measurement and rules disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from surefoot.core.language import Words

if TYPE_CHECKING:
    from surefoot.report import Comparison


@frozen(eq=False)
class Measured:
    """A comparison of recipes that rules had ranked.

    Parameters: `comparison`; `places`, of each recipe by its name, the place that rules and that measurement give it;
    `agrees`: whether the rules' first leads (True), ties with the leader (None), or is beaten (False).
    """

    comparison: Comparison
    places: Mapping[str, tuple[int, int]]
    agrees: bool | None


def judged(comparison: Comparison, ranked: list[str]) -> Measured:
    """A comparison held against the order of the rules, `ranked`."""
    verdict = comparison.verdict
    places = {name: (ranked.index(name) + 1, verdict.ranking.index(name) + 1) for name in ranked}
    first = ranked[0]
    agrees = True if verdict.best == first else None if first in verdict.ties else False
    return Measured(comparison, places, agrees)


def lines(measured: Measured, _: Words) -> list[str]:
    """What the measurement says of the rules, as Markdown."""
    verdict, first = measured.comparison.verdict, next(iter(measured.places))
    if verdict.best is None:
        said = _("No recipe came to its end, so the rules are not confirmed: try lower rates.")
    elif measured.agrees:
        said = _("Measurement and rules agree: {recipe} comes first in both.", recipe=first)
    elif measured.agrees is None:
        said = _(
            "Measurement does not contradict the rules: {best} leads, and {recipe}, which they put first, ties "
            "with it.",
            best=verdict.best,
            recipe=first,
        )
    else:
        said = _(
            "Measurement and rules disagree: {best} is best, and {recipe}, which the rules put first, is behind by "
            "more than could be luck. Trust the measurement.",
            best=verdict.best,
            recipe=first,
        )
    finals = {summary.name: summary.final for summary in measured.comparison.summaries}
    heads = [_("recipe"), _("place by the rules"), _("place measured"), _(measured.comparison.study.facts.rank)]
    rows = [
        f"| {name} | {rules} | {place} | {_mean(finals[name])} |" for name, (rules, place) in measured.places.items()
    ]
    head = f"| {' | '.join(heads)} |"
    return [said, "\n".join([head, "| :-- | --: | --: | --: |", *rows]), verdict.sentence]


def _mean(interval: Any) -> str:
    return "–" if interval is None else f"{interval.mean:.4g}"
