"""What all of timm's schedulers share: the unit of their time, warm-up, cycles, noise, the optimizer's own rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import evolve, field, frozen

from surefoot.core.errors import ScheduleError
from surefoot.schedules.basic import Decay, constant, linear
from surefoot.schedules.decays import TanhDecay
from surefoot.schedules.like._common import flag, held, in_rate, number, rate, span, whole
from surefoot.schedules.noise import timm_noise
from surefoot.schedules.restarts import restarts
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.time import during, skip, then
from surefoot.schedules.warmups import warmup

Range = Sequence[float] | float | None


@frozen
class Noise:
    """Noise on the rate: where, how far, how strong, which numbers."""

    range_t: Range
    pct: float
    std: float
    seed: int | None
    kind: Literal["normal", "uniform"] = "normal"

    def on(self, shape: Schedule, per: str, after: float) -> Schedule:
        """The shape with noise, from `after` at the earliest."""
        if self.range_t is None:
            return shape
        ends = [*self.range_t] if isinstance(self.range_t, Sequence) else [self.range_t, None]
        if len(ends) != 2:
            raise ScheduleError("noise_range_t is one time, or two", received=self.range_t)
        seed, start = 42 if self.seed is None else self.seed, max(number("noise_range_t", ends[0]), after)
        return shape * timm_noise(
            self.pct, std=self.std, seed=seed, kind=self.kind, start=start, stop=ends[1], every=span(1, per)
        )


@frozen
class Frame:
    """The arguments that a scheduler of timm has besides those of its curve."""

    name: str
    lr: float | None
    t_in_epochs: bool
    warmup_t: int
    warmup_lr_init: float
    noise: Noise
    warmup_prefix: bool = True
    noise_after: float = 0
    per: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        flag("t_in_epochs", self.t_in_epochs)
        flag("warmup_prefix", self.warmup_prefix)
        whole("warmup_t", self.warmup_t)
        object.__setattr__(self, "per", "epoch" if self.t_in_epochs else "step")

    def length(self, t: float) -> int | str:
        """A length in the scheduler's own steps."""
        return span(int(t) if t == int(t) else t, self.per)  # type: ignore[arg-type]

    def share(self, argument: str, value: float) -> float:
        """A learning rate among the arguments as a share of the optimizer's own."""
        given = number(argument, value, 0)
        return given / rate(self.lr, self.name, f"{argument} is a learning rate, too") if given else 0.0

    def around(self, shape: Schedule, total: float | None = None, meet: bool = False) -> Schedule:
        """The shape after a warm-up, or under way already when that ends; held for an epoch; with noise; as a rate.

        `total` is the length of a shape that has one. With `meet` a warm-up ends where the shape is by then.
        """
        rise, late = self.warmup_t, self.warmup_t and not self.warmup_prefix
        height = self._height(shape) if late and meet else 1.0
        if late:
            shape = skip(shape, self.length(rise))
            if total is not None and rise > total - 1:  # nothing is left of it but its end
                shape = during(shape, self.length(1))
        whole_of_it = then(*([self._warmup(height)] if rise else []), shape)
        return in_rate(self.name, self.lr, self.noise.on(held(whole_of_it, self.per), self.per, self.noise_after))

    def cycles(
        self, part: Decay, t_initial: int, lr_min: float, cycle_mul: float, cycle_decay: float, cycle_limit: int
    ) -> Schedule:
        """A decay and its restarts, in what surrounds it."""
        first, end = whole("t_initial", t_initial, 1), self.share("lr_min", lr_min)
        mult, limit = number("cycle_mul", cycle_mul, 1), whole("cycle_limit", cycle_limit)
        total = float(first * limit if mult == 1 else first * (mult**limit - 1) / (mult - 1))
        tanh = isinstance(part, TanhDecay)  # its own end is a little above `lr_min`
        shape: Schedule
        if limit == 0:
            shape, total = constant(end, over=self.length(1)), 1.0
        elif limit == 1 and not tanh:
            shape = evolve(part, over=self.length(first), end=end)
        else:
            shape = restarts(
                part, self.length(first), mult=mult, decay=number("cycle_decay", cycle_decay, 0), end=end, limit=limit
            )
        return self.around(shape, total, meet=tanh)

    def _warmup(self, height: float) -> Schedule:
        over, start = self.length(self.warmup_t), self.share("warmup_lr_init", self.warmup_lr_init)
        if height == 1:
            return warmup(over, from_zero=True, start=start)
        return linear(over, start=start, end=height)

    def _height(self, shape: Schedule) -> float:
        return float(shape.bind(steps=self.warmup_t + 1, steps_per_epoch=1)(self.warmup_t))
