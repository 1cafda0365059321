"""Summaries as data, drawn as a terminal table, as figures, and as one HTML file."""

from surefoot.report.comparison import Best, Comparison

__all__ = ["Best", "Comparison"]
