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
    step,
)
from surefoot.schedules.change import branch, decay_now, extend
from surefoot.schedules.compositions import (
    cosine_cooldown,
    flat_cosine,
    knee,
    trapezoid,
    tri_stage,
    warmup_hold_cosine,
    warmup_hold_cosine_constant,
    wsd,
    wsd_s,
)
from surefoot.schedules.curve import Curve
from surefoot.schedules.cycles import (
    cosine,
    cosine_wave,
    cyclical,
    cyclical_momentum,
    one_cycle,
    one_cycle_momentum,
)
from surefoot.schedules.decays import (
    cooldown,
    exponential_cooldown,
    geometric,
    k_decay,
    polynomial,
    range_test,
    rex,
    slanted_triangular,
    tanh_decay,
)
from surefoot.schedules.difference import difference
from surefoot.schedules.factory import STRATEGIES, strategy
from surefoot.schedules.form import from_json, parse, to_json
from surefoot.schedules.greedy import greedy
from surefoot.schedules.noise import noise, timm_noise
from surefoot.schedules.on_plateau import plateau
from surefoot.schedules.plans import paced, planned
from surefoot.schedules.power import inverse_power, inverse_sqrt, noam, power_law
from surefoot.schedules.restarts import cosine_restarts, restarts
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.special import chebyshev, chebyshev_steps, hyperbolic
from surefoot.schedules.time import during, every, repeat, skip, stretch
from surefoot.schedules.wall_clock import wall_clock
from surefoot.schedules.warmups import (
    exponential_warmup,
    radam_warmup,
    untuned_exponential_warmup,
    untuned_linear_warmup,
    warmup,
)

__all__ = [
    "STRATEGIES",
    "Curve",
    "Schedule",
    "branch",
    "chebyshev",
    "chebyshev_steps",
    "clip",
    "constant",
    "cooldown",
    "cosine",
    "cosine_cooldown",
    "cosine_restarts",
    "cosine_wave",
    "cyclical",
    "cyclical_momentum",
    "decay_now",
    "difference",
    "during",
    "every",
    "exponential",
    "exponential_cooldown",
    "exponential_warmup",
    "extend",
    "flat_cosine",
    "from_json",
    "geometric",
    "greedy",
    "hyperbolic",
    "inverse_power",
    "inverse_sqrt",
    "inverse_time",
    "k_decay",
    "knee",
    "linear",
    "maximum",
    "minimum",
    "multistep",
    "natural_exponential",
    "noam",
    "noise",
    "one_cycle",
    "one_cycle_momentum",
    "paced",
    "parse",
    "piecewise",
    "planned",
    "plateau",
    "polynomial",
    "power_law",
    "radam_warmup",
    "range_test",
    "repeat",
    "restarts",
    "rex",
    "skip",
    "slanted_triangular",
    "step",
    "strategy",
    "stretch",
    "tanh_decay",
    "timm_noise",
    "to_json",
    "trapezoid",
    "tri_stage",
    "untuned_exponential_warmup",
    "untuned_linear_warmup",
    "wall_clock",
    "warmup",
    "warmup_hold_cosine",
    "warmup_hold_cosine_constant",
    "wsd",
    "wsd_s",
]
