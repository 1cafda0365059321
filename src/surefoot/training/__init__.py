"""The population, its trainers, and the places where they run."""

from surefoot.training.checkpoint import Checkpoint
from surefoot.training.choice import Wanted, choose
from surefoot.training.compiler import Compiler
from surefoot.training.engine import train
from surefoot.training.parts import check_parts
from surefoot.training.plan import Plan
from surefoot.training.policy import Entry, Policy, bind
from surefoot.training.tile import Look, Saving
from surefoot.training.trainer import initial_model
from surefoot.training.tree import Stage, forest, separate

__all__ = [
    "Checkpoint",
    "Compiler",
    "Entry",
    "Look",
    "Plan",
    "Policy",
    "Saving",
    "Stage",
    "Wanted",
    "bind",
    "check_parts",
    "choose",
    "forest",
    "initial_model",
    "separate",
    "train",
]
