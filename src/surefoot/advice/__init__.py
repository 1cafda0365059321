"""The chooser: rules as data, each with its reason and its source; what a history shows; code; measurement."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.advice.advising import Advice, advise
    from surefoot.advice.answers import Answers

__all__ = ["Advice", "Answers", "advise"]

# Loaded when first used: the questions and their answers need no torch, and the command's --help should be quick.
_HOMES = {"Advice": "advising", "Answers": "answers", "advise": "advising"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"surefoot.advice.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'surefoot.advice' has no attribute {name!r}")
