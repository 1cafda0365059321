"""Documents: Markdown for the terminal and for a page, charts, wrapped lines in two languages."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from surefoot.core.errors import UsageError
from surefoot.report import painting
from surefoot.report.chart import draw, legend
from surefoot.report.document import Document
from surefoot.report.picture import Line, Panel, Picture, level_lines
from surefoot.report.wrapping import wrapped

SOURCE = """# A *title* with `code`

A paragraph with **bold**, a [link](https://example.org) and a | pipe, long enough to be wrapped in the middle.

- one
- two

1. first
2. second

| name | value |
| :-- | --: |
| a | 1 |
| a longer name | 22 |

```
w ← w − η · g
```

> quoted

![what is seen](curve)
"""


def picture(**more):
    x = np.arange(1, 11)
    lines = [Line(x, x**2, "square", 0), Line(x, 50.0 / x, "falls", 1), Line([1, 10], [20, 20], faint=True)]
    return Picture("what is seen", [Panel(title="two lines", x="step", y="value", lines=lines, **more)])


@pytest.fixture
def document():
    return Document("en", SOURCE, {"curve": picture()})


def test_the_terminal_shows_everything(document):
    text = document.text(80)
    lines = text.split("\n")
    assert lines[:2] == ["A title with code", "═" * 17]
    assert max(map(wcswidth, lines)) <= 80
    assert "- one\n- two" in text
    assert "1. first\n2. second" in text
    assert "    w ← w − η · g" in text
    assert "│ quoted" in text
    assert re.search(r"a longer name +22\n", text)
    assert "two lines   ↑ value   → step".replace("   ", " ") in text
    assert "* square" in text
    assert "curve" not in text.split("quoted")[1].split("two lines")[0]
    assert document.title == "A *title* with `code`"


def test_colour_and_ascii(document):
    assert "\x1b[" in document.text(80, colour=True)
    plain = document.text(80, plain=True)
    drawing = plain[plain.index("two lines") :]
    assert "+----" in drawing
    assert "─" not in drawing


def test_a_wide_table_is_folded_to_the_width():
    long = "a sentence that goes on " * 6
    document = Document("en", f"| name | meaning |\n| :-- | :-- |\n| x | {long} |\n| 学习率 | {'很长的说明' * 20} |\n")
    lines = document.text(80).split("\n")
    assert max(map(wcswidth, lines)) <= 80
    assert "".join(lines).replace(" ", "").count("很长的说明") >= 1


def test_the_page_is_one_file(document, tmp_path):
    document.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '<figure role="img" aria-label="what is seen"><svg' in page
    assert "<script" not in page
    assert "what is seen" not in page.split("</figure>")[-1]
    assert document._repr_html_().count("<figure") == 1


def test_what_moves_stands_before_its_picture():
    document = Document("en", "![what is seen](curve)\n", {"curve": picture()}, {"curve": "<b>moves</b>"})
    assert '<figure><b>moves</b></figure><figure role="img" aria-label="what is seen"><svg' in document.to_html()


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pictures_are_saved(document, tmp_path, suffix):
    document.save(tmp_path / f"all.{suffix}")
    assert (tmp_path / f"all.{suffix}").stat().st_size > 3000


def test_other_files_are_refused(document, tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.html"):
        document.save(tmp_path / "all.pdf")
    with pytest.raises(UsageError, match="no folder"):
        document.save(tmp_path / "nowhere" / "all.png")
    with pytest.raises(UsageError, match="no picture"):
        Document("en", "# text\n").plot()


@pytest.mark.parametrize("logs", [{}, {"log_y": True}, {"log_x": True, "log_y": True}])
def test_panels_are_drawn_and_charted_alike(logs):
    figure = painting.paint([picture(**logs), picture()])
    axes = figure.axes
    assert len(axes) == 2
    assert [line.get_label() for line in axes[0].get_lines()][:2] == ["square", "falls"]
    assert (axes[0].get_yscale() == "log") == ("log_y" in logs)
    panel = picture(**logs).panels[0]
    drawn = draw(panel, 80, 16, colour=False, plain=True)
    assert len(drawn.split("\n")) == 16
    assert {"*", "o", "."} <= set(drawn)
    assert legend(panel, colour=False, plain=True) == ["* square", "o falls"]


def test_one_legend_serves_panels_with_the_same_lines():
    panels = [picture().panels[0]] * 2
    figure = painting.paint([Picture("both", panels)])
    assert [axes.get_legend() for axes in figure.axes] == [None, None]
    (part,) = figure.subfigs
    assert [text.get_text() for text in part.legends[0].get_texts()] == ["square", "falls"]


finite = st.floats(-1e300, 1e300) | st.just(float("nan")) | st.just(float("inf"))


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=30), st.booleans(), st.booleans())
def test_any_line_can_be_charted(points, log_x, log_y):
    x, y = zip(*points, strict=True)
    panel = Panel(title="any", x="x", y="y", lines=[Line(x, y)], log_x=log_x, log_y=log_y)
    draw(panel, 60, 12, colour=False, plain=True)


def test_levels_of_a_bowl_are_circles():
    x = y = np.linspace(-2, 2, 101)
    (line,) = level_lines(x, y, x[None, :] ** 2 + y[:, None] ** 2, [1.0])
    assert line.faint
    assert np.hypot(line.x, line.y) == pytest.approx(1, abs=1e-3)


characters = st.text("ab ，。（）学习率衰减x=1", min_size=0, max_size=120)


@given(characters, st.integers(8, 40))
def test_wrapping_loses_nothing_and_keeps_the_width(text, width):
    lines = wrapped(text, width).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        pieces = line.split()
        assert wcswidth(line) <= width or len(pieces) <= 1
    if not re.search(r"(^|[ （，])[，。）]", text):  # nobody writes a comma after a space
        assert not any(line.startswith(("，", "。", "）")) for line in lines)


def test_wrapping_by_hand():
    assert wrapped("学习率太大会发散（见下），太小则很慢。", 14) == "学习率太大会发\n散（见下），太\n小则很慢。"
    assert wrapped("one two three", 7, "  ", "- ") == "- one\n  two\n  three"
