"""Tasks: the built-in ones, a user's own from a file, and the step that turns either into checked tensors."""

from surefoot.tasks.load import load, names
from surefoot.tasks.prepare import Prepared, prepare
from surefoot.tasks.split import Split

__all__ = ["Prepared", "Split", "load", "names", "prepare"]
