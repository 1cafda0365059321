"""A text with tables and pictures: read in the terminal, as one HTML file, in a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen
from markupsafe import Markup

from surefoot.core.errors import UsageError
from surefoot.core.language import Words
from surefoot.report.chart import draw, legend
from surefoot.report.picture import Panel, Picture
from surefoot.report.prose import as_text, markdown
from surefoot.report.terminal import Terminal
from surefoot.report.wrapping import wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NARROWEST, WIDEST = 60, 110  # columns: what can be read well
DPI = 130
SUFFIXES = (".png", ".svg", ".html")


@frozen(eq=False, repr=False)
class Document:
    """A text in Markdown, in which `![what is seen](name)` stands for a picture.

    Parameters: `lang`, its language; `source`; `pictures` by name; `live`, drawings that move, by the name of the
    picture that they stand before on a page.
    """

    lang: str
    source: str
    pictures: Mapping[str, Picture] = field(factory=dict)
    live: Mapping[str, str] = field(factory=dict)

    @property
    def title(self) -> str:
        """The first heading."""
        first = next((line for line in self.source.split("\n") if line.startswith("# ")), "# Surefoot")
        return first[2:].strip()

    def text(self, width: int = 100, *, colour: bool = False, plain: bool = False) -> str:
        """For the terminal, in so many columns. `plain`: drawings in ASCII alone."""
        width = min(max(width, NARROWEST), WIDEST)

        def picture(name: str) -> str:
            panels = self.pictures[name].panels
            return "\n\n".join(_charted(panel, width, colour=colour, plain=plain) for panel in panels)

        return as_text(self.source, width, picture, bold=_bold if colour else str)

    def painted(self) -> Mapping[str, Picture]:
        """The pictures with labels that the fonts here can show: the same, where they can show this language."""
        from surefoot.report.fonts import words_for_pictures

        labels = words_for_pictures(self.lang)
        return self.pictures if labels.lang == self.lang else self.relabelled(labels)

    def relabelled(self, _: Words, /) -> Mapping[str, Picture]:
        """The pictures with labels in another language, for those who can draw them again."""
        return self.pictures

    def plot(self) -> Figure:
        """All pictures, one under the other, as a matplotlib figure. Raises UsageError where there is none."""
        from surefoot.report.painting import paint

        if not self.pictures:
            raise UsageError("there is no picture here to draw", remedy="take the whole as .html")
        return paint(list(self.painted().values()))

    def to_html(self, path: str | Path | None = None) -> str:
        """One self-contained page without scripts; written to `path` where one is given."""
        from surefoot.report.drawing import template

        page = template("document.html").render(lang=self.lang, title=self.title, body=self._body())
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def save(self, path: str | Path) -> None:
        """Writes the pictures (.png, .svg) or the whole (.html). Raises UsageError for another kind of file."""
        path = check_file(path)
        if path.suffix == ".html":
            self.to_html(path)
            return
        from surefoot.report import fonts

        with fonts.pictures(self.lang):
            self.plot().savefig(path, dpi=DPI)

    def _body(self) -> Markup:
        def seen(match: re.Match[str]) -> str:
            moving = f"<figure>{self.live[match[1]]}</figure>" if match[1] in self.live else ""
            still = f'<figure role="img" aria-label="{match[2]}">{self.drawing(match[1])}</figure>'
            return moving + still  # what moves, then what can be printed

        # What markdown-it makes of ![alt](name), as the only thing in its paragraph.
        names = "|".join(map(re.escape, self.pictures))
        return Markup(re.sub(rf'<p><img src="({names})" alt="([^"]*)" /></p>', seen, markdown().render(self.source)))

    def drawing(self, name: str) -> Markup:
        """A picture as inline SVG."""
        from surefoot.report import fonts
        from surefoot.report.drawing import svg
        from surefoot.report.painting import paint

        with fonts.pictures(self.lang):
            return svg(paint([self.painted()[name]]), {})

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from surefoot.report.drawing import template

        return template("part.html").render(body=self._body())


def check_file(path: str | Path) -> Path:
    """The path of a file that a document can be written to. Raises UsageError for another kind, or another place."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"the file must end in one of {', '.join(SUFFIXES)}", received=str(path))
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", received=str(path), remedy="make it first")
    return path


def show(document: Document) -> str:
    """The text as the terminal here can show it."""
    terminal = Terminal.here()
    return terminal.shown(document.text(terminal.width, colour=terminal.colour, plain=terminal.plain))


def _charted(panel: Panel, width: int, *, colour: bool, plain: bool) -> str:
    parts = [wrapped(f"{panel.title}   ↑ {panel.y}   → {panel.x}", width)]
    parts.append(draw(panel, width, 17, colour=colour, plain=plain))
    parts += legend(panel, colour=colour, plain=plain)
    return "\n".join(parts)


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"
