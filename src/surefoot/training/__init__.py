"""The population, its trainers, and the places where they run."""

from surefoot.training.checkpoint import Checkpoint, Look, Saving
from surefoot.training.choice import choose
from surefoot.training.compiler import Compiler
from surefoot.training.engine import train, train_tiles
from surefoot.training.loop import LoopTrainer
from surefoot.training.parts import check_parts, parts_of
from surefoot.training.plan import Plan, Wanted
from surefoot.training.policy import Entry, Policy, bind
from surefoot.training.single import Single
from surefoot.training.tile import Pause, Tile
from surefoot.training.trainer import Trainer, initial_model
from surefoot.training.tree import Stage, agreement, bundled, forest, separate

__all__ = [
    "Checkpoint",
    "Compiler",
    "Entry",
    "Look",
    "LoopTrainer",
    "Pause",
    "Plan",
    "Policy",
    "Saving",
    "Single",
    "Stage",
    "Tile",
    "Trainer",
    "Wanted",
    "agreement",
    "bind",
    "bundled",
    "check_parts",
    "choose",
    "forest",
    "initial_model",
    "parts_of",
    "separate",
    "train",
    "train_tiles",
]
