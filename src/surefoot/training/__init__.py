"""The population, its trainers, and the loop that drives them."""

from surefoot.training.engine import CHOICES, train
from surefoot.training.policy import Policy, bind
from surefoot.training.trainer import initial_model

__all__ = ["CHOICES", "Policy", "bind", "initial_model", "train"]
