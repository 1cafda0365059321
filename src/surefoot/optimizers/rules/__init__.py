"""One algorithm a file, each in the exact tier: the operations of torch.optim's loop, in its order."""

from surefoot.optimizers.rules.adagrad import Adagrad
from surefoot.optimizers.rules.adam import Adam, adamw
from surefoot.optimizers.rules.rmsprop import RMSprop
from surefoot.optimizers.rules.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "RMSprop", "adamw"]
