"""Fonts for pictures in Chinese: matplotlib's own has no Chinese glyphs, and draws a box for each that it lacks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib import font_manager

from surefoot.core.language import Words, words

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

    Settings = dict[RcKeyType, Any]

# The usual families with simplified Chinese, the best-looking first; a matplotlib that reads only the first face of a
# collection (.ttc) knows Noto's by the Japanese name.
FAMILIES = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Noto Sans CJK JP",
    "Arial Unicode MS",
)


@lru_cache
def chinese_font() -> str | None:
    """An installed family that has Chinese glyphs, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((family for family in FAMILIES if family in installed), None)


def settings(lang: str) -> Settings:
    """What matplotlib must be told to draw a language."""
    if lang != "zh" or (font := chinese_font()) is None:
        return {}
    # What one lacks the next has: SimHei has no minus. The generic family is for browsers, with fonts of their own.
    return {"font.family": [font, "DejaVu Sans", "sans-serif"]}


def pictures(lang: str) -> AbstractContextManager[None]:
    """Inside it figures are made and saved with the fonts of a language: text takes its font when it is made."""
    return matplotlib.rc_context(settings(lang))


def words_for_pictures(lang: str) -> Words:
    """The words of a picture's labels: English ones where no font could show the others."""
    return words("en" if lang == "zh" and chinese_font() is None else lang)


def missing_font_note(lang: str, _: Words) -> str | None:
    """What to tell where pictures are labelled in English for want of a font."""
    if words_for_pictures(lang).lang == lang:
        return None
    return _(
        "no Chinese font is installed, so the labels in pictures are in English; "
        "Debian and Ubuntu: apt install fonts-noto-cjk"
    )
