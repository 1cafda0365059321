"""A live torch scheduler, read as a schedule. torch is not imported: a scheduler is known by the name of its class."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from attrs import evolve, frozen

from surefoot.core.errors import ScheduleError
from surefoot.schedules.like import torch as like
from surefoot.schedules.schedule import Schedule

HOMES = ("torch.optim.lr_scheduler", "torch.optim.swa_utils")
# What each keeps of its arguments, under the same names.
KEPT = {
    "StepLR": ("step_size", "gamma"),
    "ConstantLR": ("factor", "total_iters"),
    "LinearLR": ("start_factor", "end_factor", "total_iters"),
    "ExponentialLR": ("gamma",),
    "PolynomialLR": ("total_iters", "power"),
    "CosineAnnealingLR": ("T_max", "eta_min"),
    "CosineAnnealingWarmRestarts": ("T_0", "T_mult", "eta_min"),
}
ABSOLUTE = ("CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR")  # these do not look at the present rate


def from_torch(scheduler: Any, *, per: str = "step", group: int = 0, of: str = "lr") -> Schedule:
    """The rate that a scheduler of torch.optim gives, from its beginning, whenever it is read; composites too.

    Parameters: `scheduler`; `per`, "step" or "epoch": when it is stepped; `group`, the number of the parameter group,
    whose own base rate counts; `of`, "lr" or "momentum" (which CyclicLR and OneCycleLR move too).

    A ReduceLROnPlateau is read as it began: replay its observations to be where it is. SWALR begins at the rate that it
    finds: read it when it takes over; in a SequentialLR that is the last rate before it.

    Raises ScheduleError, by name, for LambdaLR and MultiplicativeLR, whose functions have no text, for classes that are
    not torch's own, and for a ChainedScheduler that has no closed form: one with a floor (eta_min) among its parts.
    """
    groups = len(getattr(getattr(scheduler, "optimizer", None), "param_groups", ()))
    if groups and not (isinstance(group, int) and 0 <= group < groups):
        raise ScheduleError(f"group must be the number of one of the {groups} parameter groups", received=group)
    return Reader(scheduler, group, per, of).rate()


@frozen
class Reader:
    """A scheduler, and what of it is wanted."""

    scheduler: Any
    group: int
    per: str
    of: str
    start: float | None = None  # the rate that it finds when it takes over, where it goes on from that

    @property
    def name(self) -> str:
        return type(self.scheduler).__name__

    @property
    def options(self) -> dict[str, Any]:
        """What the optimizer keeps for the parameter group."""
        found: dict[str, Any] = self.scheduler.optimizer.param_groups[self.group]
        return found

    @property
    def base(self) -> float:
        """The rate that factors multiply."""
        if self.start is not None:
            return self.start
        inner = getattr(self.scheduler, "_schedulers", None)
        return self.of_part(inner[0]).base if inner else float(self.scheduler.base_lrs[self.group])

    def of_part(self, scheduler: Any) -> Reader:
        return evolve(self, scheduler=scheduler, start=None)

    def rate(self) -> Schedule:
        read = self.read()
        return read if read.is_rate else self.base * read

    def read(self) -> Schedule:
        """The scheduler as a rate, or as a shape where it is a factor."""
        special = SPECIAL.get(self.name)
        if type(self.scheduler).__module__ not in HOMES or not (special or self.name in KEPT):
            raise ScheduleError(
                f"{self.name} is no scheduler of torch's own",
                received=self.scheduler,
                remedy=f"write it as a schedule; known: {', '.join(like.__all__)}",
            )
        if self.of != "lr" and self.name not in ("CyclicLR", "OneCycleLR", "SequentialLR"):
            raise ScheduleError(f"{self.name} leaves the {self.of} alone", received=self.of, remedy="leave of out")
        return special(self) if special else self.kept()

    def kept(self) -> Schedule:
        arguments = {name: getattr(self.scheduler, name) for name in KEPT[self.name]}
        if arguments.get("eta_min"):
            arguments["lr"] = self.base
        made: Schedule = getattr(like, self.name)(**arguments, per=self.per)
        return made


def _refused(reader: Reader) -> Schedule:
    made: Schedule = getattr(like, reader.name)()
    return made


def _multistep(reader: Reader) -> Schedule:
    # A Counter, and a plain dict with keys of text once it has been through JSON.
    milestones = [int(at) for at, count in reader.scheduler.milestones.items() for _ in range(count)]
    return like.MultiStepLR(milestones, reader.scheduler.gamma, per=reader.per)


def _cyclic(reader: Reader) -> Schedule:
    live, group = reader.scheduler, reader.group
    up = round(live.step_ratio * live.total_size)
    momenta = {}
    if live.cycle_momentum:
        momenta = {"base_momentum": live.base_momentums[group], "max_momentum": live.max_momentums[group]}
    return like.CyclicLR(
        float(live.base_lrs[group]),
        float(live.max_lrs[group]),
        up,
        round(live.total_size) - up,
        live.mode,
        live.gamma,
        live._scale_fn_custom,
        cycle_momentum=live.cycle_momentum,
        **momenta,
        of=reader.of,
        per=reader.per,
    )


def _one_cycle(reader: Reader) -> Schedule:
    live, kept = reader.scheduler, reader.options
    names = ("base_momentum", "max_momentum") if live.cycle_momentum else ()
    peak, start, lowest = (float(kept[name]) for name in ("max_lr", "initial_lr", "min_lr"))
    return like.OneCycleLR(
        peak,
        live.total_steps,
        pct_start=(live._schedule_phases[0]["end_step"] + 1) / live.total_steps,
        anneal_strategy=live._anneal_func_type,
        cycle_momentum=live.cycle_momentum,
        **{name: kept[name] for name in names},
        div_factor=(peak or 1.0) / (start or 1.0),
        final_div_factor=(start or 1.0) / (lowest or 1.0),
        three_phase=len(live._schedule_phases) == 3,
        of=reader.of,
        per=reader.per,
    )


def _plateau(reader: Reader) -> Schedule:
    live, kept = reader.scheduler, reader.options
    if live.last_epoch > 0 and "initial_lr" not in kept:
        raise ScheduleError(
            "a ReduceLROnPlateau that has been stepped does not say which rate it began with",
            remedy="read it before it is stepped, or set optimizer.param_groups[...]['initial_lr']",
        )
    names = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps")
    return like.ReduceLROnPlateau(
        **{name: getattr(live, name) for name in names},
        min_lr=live.min_lrs[reader.group],
        lr=float(kept.get("initial_lr", kept["lr"])),
    )


def _averaging(reader: Reader) -> Schedule:
    live, start, target = reader.scheduler, reader.start, float(reader.options["swa_lr"])
    if start is None:  # torch forgets it: the present rate tells
        passed = live.anneal_func(min(1.0, (live._step_count - 1) / max(live.anneal_epochs, 1)))
        now = float(reader.options["lr"])
        start = (now - passed * target) / (1 - passed) if passed < 1 else reader.base
    return like.SWALR(target, live.anneal_epochs, live._anneal_strategy, lr=start, per=reader.per)


def _sequence(reader: Reader) -> Schedule:
    milestones, last = reader.scheduler._milestones, float(reader.options["initial_lr"])
    readers: list[Reader] = []
    for each, (begin, end) in zip(reader.scheduler._schedulers, pairwise([0, *milestones, None]), strict=True):
        part = reader.of_part(each)
        # All begin at the base rate but the first, which goes on from what the optimizer has, and SWALR.
        if part.name == "SWALR" or (begin == 0 and part.name not in ABSOLUTE):
            part = evolve(part, start=last)
        readers.append(part)
        if end is not None and end > begin:
            last = part.rate().bind(end - begin, steps_per_epoch=1)(end - begin - 1)
    shapes = [part.read() for part in readers]
    same = len({part.base for part in readers}) == 1 and not any(shape.is_rate for shape in shapes)
    return like.SequentialLR(shapes if same else [part.rate() for part in readers], milestones, per=reader.per)


def _chain(reader: Reader) -> Schedule:
    readers = [reader.of_part(each) for each in reader.scheduler._schedulers]
    parts = [part.read() for part in readers]
    floors = [each.name for each, part in zip(readers, parts, strict=True) if part.is_rate]
    if len(parts) > 1 and not set(floors) <= set(ABSOLUTE):
        raise ScheduleError(
            "in a ChainedScheduler torch's floors depend on the order of the parts: there is no closed form",
            received=", ".join(floors),
            remedy="write the product that you mean: sf.like.torch.ChainedScheduler([...])",
        )
    return like.ChainedScheduler(parts)


SPECIAL: dict[str, Callable[[Reader], Schedule]] = {
    "LambdaLR": _refused,
    "MultiplicativeLR": _refused,
    "MultiStepLR": _multistep,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
    "ReduceLROnPlateau": _plateau,
    "SWALR": _averaging,
    "SequentialLR": _sequence,
    "ChainedScheduler": _chain,
}
