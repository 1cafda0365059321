"""The comparison as one HTML file: inline SVG and CSS, no script, no network."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from matplotlib.figure import Figure
from wcwidth import ljust

from surefoot.analysis.wording import final, in_turn
from surefoot.core.language import Words
from surefoot.report import figures
from surefoot.report.code import torch_code
from surefoot.report.drawing import svg, swatch, template
from surefoot.report.findings import Findings
from surefoot.report.fonts import pictures
from surefoot.report.table import filled, heading, interval, legend, rows, status


def as_html(comparison: Findings, said: Sequence[str] = (), picture: Figure | None = None) -> str:
    """The whole page; with sentences and a picture of the search that it is the end of."""
    with pictures(comparison.lang):
        race = None if picture is None else svg(picture, {})
    return template("page.html").render(_facts(comparison) | {"said": said, "race": race})


def fragment(comparison: Findings) -> str:
    """The table, the verdict and the curves, for a notebook."""
    return template("fragment.html").render(_facts(comparison))


def _facts(comparison: Findings) -> dict[str, object]:
    study, _ = comparison.study, comparison.words
    shown, cells = rows(comparison)
    place = {name: index for index, (name, runs) in enumerate(study.recipes())}
    measured = final(_, study.facts.rank)
    tips = {place[s.name]: f"{s.name} — {measured} {interval(s.final)}" for s in comparison.ranked()}
    best = comparison.verdict.best
    with pictures(comparison.lang):
        curves = svg(figures.curves(comparison, legend=False), tips)
        rates = svg(figures.rate_curves(comparison), tips)
    return {
        "_": _,
        "comparison": comparison,
        "study": study,
        "status": status(study.status, _),
        "facts": study.facts,
        "heading": heading(comparison),
        # A line's end is a space to a browser, which Chinese has none of.
        "legend": filled(legend(comparison), "en") if _.lang == "en" else legend(comparison),
        "judged": _judged(comparison, _),
        "headings": shown,
        "rows": [(place[row[1]], swatch(place[row[1]]), row) for row in cells],
        "curves": curves,
        "rates": rates,
        "recipes": [_yaml(comparison, s.name) for s in comparison.ranked()],
        "exactly": _exactly(comparison, _),
        "code": torch_code(comparison.recipe(best), study.facts) if best else None,
    }


def _judged(comparison: Findings, _: Words) -> str:
    """How the verdict was reached."""
    verdict = comparison.verdict
    if verdict.p_spread is None:
        how = _(
            "Judged under one model of recipe and seed with a pooled residual and the one-sided Dunnett quantile "
            "(comparisons with the best, 95 %)."
        )
    else:
        how = _(
            "Judged under one model of recipe and seed with a pooled residual and the one-sided Dunnett quantile "
            "(comparisons with the best, 95 %); equal spread: p = {p}.",
            p=f"{verdict.p_spread:.2g}",
        )
    if not verdict.alone:
        return how
    names = _(", ").join(verdict.alone)
    return in_turn(_, [how, _("With their own variance, because their spread stands out: {names}.", names=names)])


def _exactly(comparison: Findings, _: Words) -> str:
    """Task, data and versions, a line each."""
    study, facts = comparison.study, comparison.study.facts
    source = f" ({facts.source})" if facts.source and facts.source != facts.task else ""
    entries = [
        (_("task"), f"{facts.task}{source}"),
        (_("samples"), ", ".join(f"{split} {count}" for split, count in facts.samples.items())),
        (_("data"), facts.fingerprint),
        (_("parameters"), facts.parameters),
        (_("batch size"), _("{size} (last short batch: {last})", size=facts.batch_size, last=facts.last_batch)),
        (
            _("horizon"),
            _(
                "{epochs} epochs × {each} = {steps} steps",
                epochs=facts.epochs,
                each=facts.steps_per_epoch,
                steps=facts.steps,
            ),
        ),
        (_("seeds"), ", ".join(map(str, facts.seeds))),
        (_("trainer"), _("{used} (asked for: {wanted})", used=study.trainer or "?", wanted=facts.trainer)),
        (_("device"), facts.device),
        *study.environment.items(),
    ]
    return "\n".join(f"{ljust(name, 13)} {value}" for name, value in entries)


def _yaml(comparison: Findings, name: str) -> str:
    recipe = comparison.recipe(name)
    entry: dict[str, object] = {
        "name": recipe.name,
        "optimizer": recipe.optimizer,
        "lr": recipe.lr,
        "schedule": recipe.schedule,
    }
    kept = {key: value for key, value in entry.items() if value is not None} | dict(recipe.hyper)
    return yaml.safe_dump([kept], sort_keys=False, allow_unicode=True, width=1000).rstrip()
