"""What all drawings share: colours and strokes, figures as inline SVG, templates of pages."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

# Okabe and Ito's colours (all but yellow, too light for a line) are told apart by all eyes; strokes multiply them.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
STROKES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
DASHES = {"-": "none", "--": "6 3", ":": "1.5 3", "-.": "6 3 1.5 3"}


def style(index: int) -> dict[str, Any]:
    """The colour and stroke of a curve: distinct for the first 35, the same wherever it is drawn."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": STROKES[index // len(COLOURS) % len(STROKES)]}


def swatch(index: int) -> Markup:
    """A short line in the style of a curve, for legends and tables."""
    look = style(index)
    stroke = look["linestyle"]
    dash = DASHES.get(stroke, "5 1 1 1 1 1") if isinstance(stroke, str) else "5 1 1 1 1 1"
    return Markup(
        f'<svg class="swatch" width="30" height="10"><line x1="1" x2="29" y1="5" y2="5" stroke="{look["color"]}" '
        f'stroke-width="2.4" stroke-dasharray="{dash}"/></svg>'
    )


def svg(figure: Figure, tips: dict[int, str]) -> Markup:
    """A figure as inline SVG; the curve with index i shows `tips[i]` when pointed at."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "surefoot"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = re.sub(r' d="[^"]*"', _hundredths, drawing[drawing.index("<svg") :])
    for index, tip in tips.items():
        title = f"<title>{html.escape(tip)}</title>"
        drawing = re.sub(rf'(<g id="panel\d-line-r{index}">)', lambda g, t=title: g[1] + t, drawing)  # type: ignore[misc]
    return Markup(drawing)


def template(name: str) -> jinja2.Template:
    """A page's template."""
    loader = jinja2.PackageLoader("surefoot.report", "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


def _hundredths(path: re.Match[str]) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", path[0])  # of a point: finer than any screen
