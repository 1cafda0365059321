"""The comparison as one HTML file: inline SVG and CSS, no script, no network."""

from __future__ import annotations

import html
import io
import re

import jinja2
import matplotlib
import yaml
from markupsafe import Markup
from matplotlib.figure import Figure

from surefoot.report import figures
from surefoot.report.code import torch_code
from surefoot.report.findings import Findings
from surefoot.report.table import heading, interval, legend, rows

DASHES = {"-": "none", "--": "6 3", ":": "1.5 3", "-.": "6 3 1.5 3"}


def as_html(comparison: Findings) -> str:
    """The whole page."""
    return _template("page.html").render(_facts(comparison))


def fragment(comparison: Findings) -> str:
    """The table, the verdict and the curves, for a notebook."""
    return _template("fragment.html").render(_facts(comparison))


def svg(figure: Figure, tips: dict[int, str]) -> Markup:
    """A figure as inline SVG; the curve of recipe i shows `tips[i]` when pointed at."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "surefoot"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = re.sub(r' d="[^"]*"', _hundredths, drawing[drawing.index("<svg") :])
    for index, tip in tips.items():
        title = f"<title>{html.escape(tip)}</title>"
        drawing = re.sub(rf'(<g id="panel\d-line-r{index}">)', lambda g, t=title: g[1] + t, drawing)  # type: ignore[misc]
    return Markup(drawing)


def _hundredths(path: re.Match[str]) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", path[0])  # of a point: finer than any screen


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
        "rows": [(place[row[1]], _swatch(place[row[1]]), row) for row in cells],
        "curves": svg(figures.curves(comparison, legend=False), tips),
        "rates": svg(figures.rate_curves(comparison), tips),
        "recipes": [(_swatch(place[s.name]), s.name, _yaml(comparison, s.name)) for s in comparison.ranked()],
        "code": torch_code(comparison.recipe(best), study.facts) if best else None,
    }


def _swatch(index: int) -> Markup:
    look = figures.style(index)
    stroke = look["linestyle"]
    dash = DASHES.get(stroke, "5 1 1 1 1 1") if isinstance(stroke, str) else "5 1 1 1 1 1"
    return Markup(
        f'<svg class="swatch" width="30" height="10"><line x1="1" x2="29" y1="5" y2="5" stroke="{look["color"]}" '
        f'stroke-width="2.4" stroke-dasharray="{dash}"/></svg>'
    )


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


def _template(name: str) -> jinja2.Template:
    loader = jinja2.PackageLoader("surefoot.report", "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)
