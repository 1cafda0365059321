"""A comparison that can draw itself."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from matplotlib.figure import Figure

from surefoot.report.figures import curves
from surefoot.report.findings import Findings
from surefoot.report.fonts import pictures
from surefoot.report.page import as_html, fragment
from surefoot.report.table import as_text


@frozen(eq=False, repr=False)
class Comparison(Findings):
    """What a comparison found.

    `.table()` is text; `.plot()` a matplotlib figure; `.to_html()` one self-contained page; `.best` the leader with its
    ties; `.to_json()` plain data; `.in_language("zh")` the same in Chinese. In a notebook it shows itself.
    """

    def table(self) -> str:
        """The table, the verdict and the readings as text."""
        return as_text(self)

    def plot(self) -> Figure:
        """Loss and metric on the watched set against epochs, side by side, as a matplotlib figure."""
        with pictures(self.lang):
            return curves(self)

    def to_png(self, path: str | Path) -> None:
        """The figure, written to `path`."""
        with pictures(self.lang):
            curves(self).savefig(path, format="png", dpi=130)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one self-contained page; written to `path` where one is given."""
        page = as_html(self)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return fragment(self)
