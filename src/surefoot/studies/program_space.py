"""What is searched over a program, where little is said: its space from its places, its goal from its metric's name."""

import re
from collections.abc import Mapping, Sequence

from surefoot.core.errors import UsageError
from surefoot.core.task import Goal
from surefoot.programs import Command
from surefoot.search import Rates, Space

MORE = re.compile(r"acc|auc|f1|bleu|rouge|iou|psnr|precision|recall|score|reward|return", re.IGNORECASE)
SCHEDULES = ("warmup('5%') >> cosine()", "constant()", "one_cycle()", "exponential(0.05, every='100%')")
OWN = ("own",)  # what a command has no place for is its program's own affair
RATES = (1e-4, 1.0)


def goal_of(metric: str) -> Goal:
    """Whether more of a metric is better, guessed from its name.

    >>> goal_of("val_loss"), goal_of("val_accuracy"), goal_of("macro F1")
    ('min', 'max', 'max')
    """
    return "max" if MORE.search(metric) and not re.search(r"loss|error", metric, re.IGNORECASE) else "min"


def space_of(
    command: str,
    lr: Sequence[float] = RATES,
    schedules: Sequence[str] = (),
    optimizers: Sequence[str] = (),
    others: Mapping[str, Sequence[str]] | None = None,
) -> Space:
    """What is searched over a command.

    Parameters: `lr`, the range of rates; `schedules`, by default a few classic ones where the command has {schedule};
    `optimizers`, what is put in place of {optimizer}; `others`, values of other places by their names, the usual first.

    Raises UsageError for places that nothing is known about.

    >>> space_of("python train.py --lr {lr}").size
    7
    """
    places = Command.of(command).places()
    if "optimizer" in places and not optimizers:
        raise UsageError(
            "the command has {optimizer}, and what it may be is for its program to say",
            received=command,
            remedy="list names that it takes: --optimizers sgd,adam",
        )
    if len(lr) != 2:
        raise UsageError("the range of rates is two numbers", received=list(lr), remedy="write: --lr 1e-4,1")
    shapes = tuple(schedules) or (SCHEDULES if "schedule" in places else OWN)
    rates = Rates(*map(float, lr))
    return Space(dict.fromkeys(optimizers or OWN, rates), shapes, dict(others or {}))
