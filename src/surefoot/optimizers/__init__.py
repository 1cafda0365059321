"""Optimizer rules, written like the equations, for one row; lifted to a population.

>>> import torch
>>> rule = parse("adam")
>>> rows = [rule.filled({"lr": lr}) for lr in (0.01, 0.1)]  # a row of hyperparameters for each model
>>> params = {"w": torch.ones(2, 3)}  # tensors [K, ...] by name
>>> state = init(rule, params, rows)
>>> params, state = update(rule, params, {"w": torch.ones(2, 3)}, state, rows, t=1)
>>> params["w"][:, 0]
tensor([0.9900, 0.9000])
"""

from surefoot.optimizers import like
from surefoot.optimizers.around import Average, clip_columns, clip_gradients_
from surefoot.optimizers.exchange import export_row, import_row
from surefoot.optimizers.population import evaluated, init, start, take, update, update_columns
from surefoot.optimizers.rule import Coefficients, Hyper, Rule, State
from surefoot.optimizers.rules import (
    LAMB,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Lion,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    adamw,
)
from surefoot.optimizers.scopes import parts
from surefoot.optimizers.text import parse
from surefoot.optimizers.torch_class import TorchClass, evaluating, torch_class
from surefoot.optimizers.torch_form import RuleOptimizer, set_hyper, torch_optimizer, torch_source

sgd, adagrad, rmsprop, adam, nadam, radam, adamax = SGD, Adagrad, RMSprop, Adam, NAdam, RAdam, Adamax
adadelta, lion, lamb, adafactor, muon = Adadelta, Lion, LAMB, Adafactor, Muon
schedule_free_sgd, schedule_free_adamw = ScheduleFreeSGD, ScheduleFreeAdamW

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "Adamax",
    "Average",
    "Coefficients",
    "Hyper",
    "Lion",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rule",
    "RuleOptimizer",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "State",
    "TorchClass",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "clip_columns",
    "clip_gradients_",
    "evaluated",
    "evaluating",
    "export_row",
    "import_row",
    "init",
    "lamb",
    "like",
    "lion",
    "muon",
    "nadam",
    "parse",
    "parts",
    "radam",
    "rmsprop",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "set_hyper",
    "sgd",
    "start",
    "take",
    "torch_class",
    "torch_optimizer",
    "torch_source",
    "update",
    "update_columns",
]
