"""The search: which rows are trained how far. Pure policies: what was seen goes in, what to train next comes out.

They know no trainer and no store, so that recorded curves, programs and clusters can be raced as models are.
"""

from surefoot.search.contract import Answer, Ask, Decision, Ground, Move, Outcome, Seen
from surefoot.search.drive import drive
from surefoot.search.race import Race, race
from surefoot.search.recorded import Recorded
from surefoot.search.space import Arm, Rates, Space
from surefoot.search.standing import standing
from surefoot.search.terms import Terms

__all__ = [
    "Answer",
    "Arm",
    "Ask",
    "Decision",
    "Ground",
    "Move",
    "Outcome",
    "Race",
    "Rates",
    "Recorded",
    "Seen",
    "Space",
    "Terms",
    "drive",
    "race",
    "standing",
]
