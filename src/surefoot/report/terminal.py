"""What the terminal that is written to can show."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Self

from attrs import frozen

PLAIN = str.maketrans({"–": "-", "→": "->", "←": "<-", "↑": "^", "−": "-", "…": "...", "×": "x", "·": "*"})


@frozen
class Terminal:
    """Its size, whether it shows colours, and whether it shows ASCII alone (`plain`)."""

    width: int
    height: int
    colour: bool
    encoding: str

    @classmethod
    def here(cls) -> Self:
        """That of standard output; a file, or NO_COLOR, wants no colours."""
        size = shutil.get_terminal_size((100, 30))
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        return cls(size.columns, size.lines, colour, sys.stdout.encoding or "ascii")

    @property
    def plain(self) -> bool:
        return "utf" not in self.encoding.lower()

    def shown(self, text: str) -> str:
        """The text in what characters there are."""
        if not self.plain:
            return text
        return text.translate(PLAIN).encode(self.encoding, "replace").decode(self.encoding)
