"""Summaries as data, drawn as a terminal table, as figures, and as one HTML file."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.report.comparison import Comparison
    from surefoot.report.findings import Best

__all__ = ["Best", "Comparison"]

# Loaded when first used: drawing a schedule needs no torch, and comparisons do.
_HOMES = {"Best": "surefoot.report.findings", "Comparison": "surefoot.report.comparison"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'surefoot.report' has no attribute {name!r}")
