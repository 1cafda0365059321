"""A schedule as code of a framework: runs as it is and gives the same values."""

from __future__ import annotations

import re

from surefoot.core.errors import ScheduleError
from surefoot.schedules import Curve, Schedule
from surefoot.schedules.emit import JAX, KERAS, PYTHON, function, parts

TORCH = '''\
import math

from torch.optim.lr_scheduler import LambdaLR


{function}

def make_scheduler(optimizer):
    """{title}: call step() after every update."""
{rate}    return LambdaLR(optimizer, value)
'''
TORCH_RATE = """\
    for group in optimizer.param_groups:  # LambdaLR multiplies the rate that it finds, and value(t) is the rate
        group["lr"] = group["initial_lr"] = 1.0
"""
KERAS_CODE = '''\
import keras
from keras import ops


{function}

@keras.saving.register_keras_serializable(package="schedule")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """{title}: keras.optimizers.SGD(learning_rate=Schedule())."""

    def __call__(self, step):
        wide = "float32" if keras.backend.backend() == "jax" else "float64"
        return ops.cast(value(ops.cast(step, wide)), keras.backend.floatx())

    def get_config(self):
        return {{}}
'''
OPTAX = '''\
import jax.numpy as jnp


{function}

def schedule(count):
    """{title}: optax.sgd(learning_rate=schedule)."""
    return value(jnp.asarray(count, dtype=jnp.result_type(float)))
'''
ADAPTERS = {
    "torch": """\
from surefoot.adapters.torch import Scheduler


def make_scheduler(optimizer):
    return Scheduler(optimizer, {text!r}, {horizon})
""",
    "keras": """\
from surefoot.adapters.keras import LearningRate

learning_rate = LearningRate({text!r}, {horizon})
""",
    "optax": """\
from surefoot.adapters.optax import schedule as learning_rate

schedule = learning_rate({text!r}, {horizon})
""",
}


def framework_code(curve: Curve, framework: str) -> str:
    """The source of what the framework takes as a learning-rate schedule.

    It needs the framework alone, but for pieces that no formula gives: noise, and what reacts to the training. These
    go through Surefoot's adapter.

    Raises ScheduleError for a shape where the framework wants a rate, and for reactive pieces where it takes none.
    """
    assert isinstance(curve.schedule, Schedule)
    if framework != "torch" and not curve.schedule.is_rate:
        raise ScheduleError(
            f"{framework} takes a learning rate, and this is a shape",
            received=str(curve.schedule),
            remedy=f"multiply it by its height: 0.1 * ({curve.schedule})",
        )
    operations = {part.op for part in parts(curve.expression)}
    if operations & {"factor", "drawn"}:
        return _adapter(curve, framework, reactive="factor" in operations)
    dialect, template = {"torch": (PYTHON, TORCH), "keras": (KERAS, KERAS_CODE), "optax": (JAX, OPTAX)}[framework]
    source = function(curve.expression, dialect)
    if re.search(r"\b(inf|nan)\b", source):
        raise ScheduleError("a value of this schedule is not finite: no code is written for it")
    title = f"{curve.schedule} over {curve.steps:,} steps"
    rate = TORCH_RATE if curve.schedule.is_rate else ""
    if dialect is PYTHON and "math." not in source:
        template = template.removeprefix("import math\n\n")
    return template.format(function=source, title=title.replace("\\", "\\\\").replace('"', "'"), rate=rate)


def _adapter(curve: Curve, framework: str, *, reactive: bool) -> str:
    if reactive and framework != "torch":
        raise ScheduleError(
            f"{framework} calls its schedules with the step alone, and this one reacts to the training",
            received=str(curve.schedule),
            remedy=f"see surefoot.adapters.{framework} for what follows the training there",
        )
    clock = curve.clock
    horizon = [f"steps={clock.steps}"]
    for name in ("steps_per_epoch", "batch_size", "tokens_per_step"):
        if getattr(clock, name) is not None:
            horizon.append(f"{name}={getattr(clock, name)}")
    return ADAPTERS[framework].format(text=str(curve.schedule), horizon=", ".join(horizon))
