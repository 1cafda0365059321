"""The comparison as one HTML file: inline SVG and CSS, no script, no network."""

from __future__ import annotations

import yaml

from surefoot.report import figures
from surefoot.report.code import torch_code
from surefoot.report.drawing import svg, swatch, template
from surefoot.report.findings import Findings
from surefoot.report.table import heading, interval, legend, rows


def as_html(comparison: Findings) -> str:
    """The whole page."""
    return template("page.html").render(_facts(comparison))


def fragment(comparison: Findings) -> str:
    """The table, the verdict and the curves, for a notebook."""
    return template("fragment.html").render(_facts(comparison))


def _facts(comparison: Findings) -> dict[str, object]:
    study = comparison.study
    shown, cells = rows(comparison)
    place = {name: index for index, (name, _) in enumerate(study.recipes())}
    tips = {place[s.name]: f"{s.name} — final {study.facts.rank} {interval(s.final)}" for s in comparison.ranked()}
    best = comparison.verdict.best
    return {
        "comparison": comparison,
        "study": study,
        "facts": study.facts,
        "heading": heading(comparison),
        "legend": legend(comparison),
        "headings": shown,
        "rows": [(place[row[1]], swatch(place[row[1]]), row) for row in cells],
        "curves": svg(figures.curves(comparison, legend=False), tips),
        "rates": svg(figures.rate_curves(comparison), tips),
        "recipes": [(swatch(place[s.name]), s.name, _yaml(comparison, s.name)) for s in comparison.ranked()],
        "code": torch_code(comparison.recipe(best), study.facts) if best else None,
    }


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
