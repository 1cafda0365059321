"""Values as pure functions of time: the algebra, the shapes, plateau, text and JSON. No torch."""

from surefoot.schedules.algebra import clip, maximum, minimum
from surefoot.schedules.basic import (
    constant,
    exponential,
    inverse_time,
    linear,
    multistep,
    natural_exponential,
    piecewise,
    polynomial,
    step,
    warmup,
)
from surefoot.schedules.curve import Curve
from surefoot.schedules.cycles import cosine, cyclical, one_cycle, one_cycle_momentum
from surefoot.schedules.factory import STRATEGIES, strategy
from surefoot.schedules.form import from_json, parse, to_json
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, every, planned, repeat, skip, stretch

__all__ = [
    "STRATEGIES",
    "Curve",
    "Schedule",
    "constant",
    "cosine",
    "cyclical",
    "exponential",
    "from_json",
    "inverse_time",
    "linear",
    "multistep",
    "natural_exponential",
    "one_cycle",
    "one_cycle_momentum",
    "parse",
    "piecewise",
    "plateau",
    "polynomial",
    "step",
    "strategy",
    "to_json",
    "warmup",
]
