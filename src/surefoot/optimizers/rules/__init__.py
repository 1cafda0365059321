"""One algorithm a file, each in the exact tier: the operations of torch.optim's loop, in its order."""

from surefoot.optimizers.rules.adadelta import Adadelta
from surefoot.optimizers.rules.adafactor import Adafactor
from surefoot.optimizers.rules.adagrad import Adagrad
from surefoot.optimizers.rules.adam import Adam, adamw
from surefoot.optimizers.rules.adamax import Adamax
from surefoot.optimizers.rules.lamb import LAMB
from surefoot.optimizers.rules.lion import Lion
from surefoot.optimizers.rules.muon import Muon
from surefoot.optimizers.rules.nadam import NAdam
from surefoot.optimizers.rules.radam import RAdam
from surefoot.optimizers.rules.rmsprop import RMSprop
from surefoot.optimizers.rules.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from surefoot.optimizers.rules.sgd import SGD

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "adamw",
]
