"""Summaries as data, drawn as a terminal table, as figures, and as one HTML file."""

from surefoot.report.comparison import Comparison
from surefoot.report.findings import Best

__all__ = ["Best", "Comparison"]
