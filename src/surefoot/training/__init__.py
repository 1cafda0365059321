"""The population, its trainers, and the loop that drives them."""

from surefoot.training.engine import CHOICES, train
from surefoot.training.policy import Policy, bind

__all__ = ["CHOICES", "Policy", "bind", "train"]
