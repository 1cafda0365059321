"""From records to a verdict: summaries of recipes, comparisons with the best, and the three readings."""

from surefoot.analysis.readings import Reading, readings
from surefoot.analysis.summary import Interval, Summary, summarize, target_of
from surefoot.analysis.verdict import Verdict, judge

__all__ = ["Interval", "Reading", "Summary", "Verdict", "judge", "readings", "summarize", "target_of"]
