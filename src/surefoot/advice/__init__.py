"""The chooser: rules as data, each with its reason and its source; what a history shows; code; measurement."""

from surefoot.advice.advise import Advice, advise
from surefoot.advice.answers import Answers

__all__ = ["Advice", "Answers", "advise"]
