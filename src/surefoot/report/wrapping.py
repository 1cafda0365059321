"""Lines of a given width for text in any language."""

from __future__ import annotations

import re

from wcwidth import wcswidth

# What cannot be parted: a Chinese character with the punctuation that clings to it, or a run of anything but spaces.
_OPENING, _CLOSING = "（“《【", "，。、；：？！）”》】…%"
_WIDE = r"[\u2e80-\u9fff\uf900-\ufaff\uff01-\uff60]"
_CHARACTER = rf"[{_OPENING}]*(?![{_OPENING}]){_WIDE}[{_CLOSING}]*"
_PIECES = re.compile(rf"\s+|{_CHARACTER}|[{_OPENING}]*(?:(?!{_WIDE})\S)+[{_CLOSING}]*|\S")


def wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    """The text in lines of `width` columns; Chinese is broken between characters, never before a comma.

    Parameters: `indent` stands before every line, `first` (or `indent`) before the first.

    >>> print(wrapped("学习率太大会发散，太小则很慢。", 12))
    学习率太大会
    发散，太小则
    很慢。
    """
    lines, line = [], indent if first is None else first
    empty = True
    for piece in _PIECES.findall(" ".join(text.split())):
        if not empty and wcswidth(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line, empty = indent, True
        if piece.isspace() and empty:
            continue
        line, empty = line + piece, False
    return "\n".join([*lines, line.rstrip()])
