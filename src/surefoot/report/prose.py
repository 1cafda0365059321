"""Markdown for the terminal: headings, paragraphs, lists, code and tables as plain text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode as Node
from tabulate import tabulate
from wcwidth import wcswidth

from surefoot.report.wrapping import wrapped

NARROWEST = 10  # columns of a table's cell that is folded

Draw = Callable[[str], str]  # the source of a picture → its drawing with characters


def markdown() -> MarkdownIt:
    """The reader of Markdown that all writers share."""
    return MarkdownIt("commonmark").enable("table")


def as_text(source: str, width: int, draw: Draw, *, bold: Callable[[str], str] = str) -> str:
    """A Markdown text in lines of `width` columns; `draw` gives what stands for a picture, `bold` marks headings."""
    root = Node(markdown().parse(source))
    return "\n\n".join(_blocks(root.children, width, draw, bold)) + "\n"


def _blocks(nodes: Sequence[Node], width: int, draw: Draw, bold: Callable[[str], str]) -> Iterator[str]:
    for node in nodes:
        match node.type:
            case "heading":
                title = _plain(node)
                line = {"h1": "═", "h2": "─"}.get(node.tag)
                yield bold(title) + (f"\n{line * wcswidth(title)}" if line else "")
            case "paragraph":
                picture = _picture(node)
                yield draw(picture) if picture else wrapped(_plain(node), width)
            case "bullet_list" | "ordered_list":
                yield "\n".join(_items(node, width))
            case "fence" | "code_block":
                yield "\n".join(f"    {line}".rstrip() for line in node.content.rstrip("\n").split("\n"))
            case "table":
                yield _table(node, width)
            case "blockquote":
                inner = "\n\n".join(_blocks(node.children, width - 2, draw, bold))
                yield "\n".join(f"│ {line}".rstrip() for line in inner.split("\n"))
            case "hr":
                yield "─" * width
            case _:
                yield _plain(node)


def _items(node: Node, width: int) -> Iterator[str]:
    for number, item in enumerate(node.children, 1):
        sign = f"{number}. " if node.type == "ordered_list" else "- "
        yield wrapped(_plain(item), width, " " * len(sign), sign)


def _table(node: Node, width: int) -> str:
    rows = [[_plain(cell) for cell in row.children] for part in node.children for row in part.children]
    styles = [str(cell.attrs.get("style", "")) for cell in node.children[0].children[0].children]
    align = ["right" if "right" in style else "left" for style in styles]
    widths = [max(wcswidth(row[i]) for row in rows) for i in range(len(rows[0]))]
    limits = list(widths)
    while sum(limits) + 2 * (len(limits) - 1) > width and max(limits) > NARROWEST:
        limits[max(range(len(limits)), key=limits.__getitem__)] -= 1
    return tabulate(
        rows[1:],
        headers=rows[0],
        tablefmt="simple",
        disable_numparse=True,
        colalign=align,
        maxcolwidths=limits,
        maxheadercolwidths=limits,
    )


def _picture(node: Node) -> str | None:
    inline = node.children[0].children if node.children else []
    return str(inline[0].attrs["src"]) if len(inline) == 1 and inline[0].type == "image" else None


def _plain(node: Node) -> str:
    """The text of a node without its marks; links as their text."""
    if node.type in ("text", "code_inline"):
        return node.content
    if node.type in ("softbreak", "hardbreak"):
        return " "
    inner = "".join(_plain(child) for child in node.children)
    return re.sub(r"\s+", " ", inner) if node.type == "inline" else inner
