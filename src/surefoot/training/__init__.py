"""The population, its trainers, and the places where they run."""

from surefoot.training.checkpoint import Checkpoint
from surefoot.training.choice import Wanted, choose
from surefoot.training.compiler import Compiler
from surefoot.training.engine import train
from surefoot.training.plan import Plan
from surefoot.training.policy import Policy, bind
from surefoot.training.tile import Entry, Saving
from surefoot.training.trainer import initial_model

__all__ = [
    "Checkpoint",
    "Compiler",
    "Entry",
    "Plan",
    "Policy",
    "Saving",
    "Wanted",
    "bind",
    "choose",
    "initial_model",
    "train",
]
