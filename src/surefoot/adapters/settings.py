"""What a scheduler was told to do: schedules for hyperparameters over a horizon; as plain data, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from attrs import asdict, frozen

from surefoot.adapters.rates import schedule_of
from surefoot.core.errors import ScheduleError
from surefoot.core.units import Clock
from surefoot.schedules.change import extend
from surefoot.schedules.curve import Curve
from surefoot.schedules.difference import clock_difference, difference
from surefoot.schedules.form import from_json, to_json
from surefoot.schedules.schedule import Schedule

Key = str | int | None  # a group's name or index; None: every group that has no schedule of its own
Place = tuple[Key, str]  # a group and the name of a hyperparameter
Policy = Literal["refuse", "keep", "replace", "extend"]


@frozen
class Settings:
    """The schedules of hyperparameters and the horizon they are bound to."""

    clock: Clock
    schedules: Mapping[Place, Schedule]

    def curves(self) -> dict[Place, Curve]:
        return {place: Curve(schedule, self.clock) for place, schedule in self.schedules.items()}


def settings(
    clock: Clock,
    every: Mapping[str, Schedule | str | None],
    groups: Mapping[Any, Mapping[str, Schedule | str]] | None,
) -> Settings:
    """Settings from schedules, or their text, for every group and for single ones. Raises ScheduleError."""
    given: dict[Any, Mapping[str, Any]] = {None: every} | dict(groups or {})
    for key, schedules in given.items():
        if not isinstance(schedules, Mapping) or isinstance(key, bool) or not isinstance(key, str | int | None):
            raise ScheduleError(
                "groups must give each group, by name or index, its schedules by hyperparameter",
                received={key: schedules},
                remedy="write groups={'head': {'lr': 0.1 * cosine()}}",
            )
    found = {(key, name): each for key, schedules in given.items() for name, each in schedules.items()}
    made = {place: schedule_of(each) for place, each in found.items() if each is not None}
    if not made:
        raise ScheduleError("there is nothing to schedule", remedy="pass lr=0.1 * cosine() or another hyperparameter")
    return Settings(clock, made)


def label(place: Place) -> str:
    """How people read a place: "lr", "head.lr"."""
    group, name = place
    return name if group is None else f"{group}.{name}"


def differences(old: Settings, new: Settings) -> list[str]:
    """What differs, a sentence for each; [] for equal settings."""
    found = []
    alone = len({*old.schedules, *new.schedules}) == 1
    for place in sorted({*old.schedules, *new.schedules}, key=label):
        before, after = old.schedules.get(place), new.schedules.get(place)
        if before is None or after is None:
            found.append(f"{label(place)}: {before} → {after}")
        else:
            found += [line if alone else f"{label(place)}: {line}" for line in difference(before, after)]
    return found + clock_difference(old.clock, new.clock)


def extended(old: Settings, declared: Settings, new: Settings, at: int) -> Settings:
    """The schedules that were in force at step `at`, with what was left of them played over the new horizon.

    `declared` is what they were declared as: what differs from it in `new`, besides the horizon, is refused.
    """
    others = differences(Settings(new.clock, declared.schedules), new)
    if others:
        raise ScheduleError(
            f"extending changes the horizon alone, and more differs: {'; '.join(others)}",
            remedy="pass on_mismatch='replace', or change one thing at a time",
        )
    if at == 0:
        return new
    return Settings(new.clock, {place: extend(each, at, old.clock) for place, each in old.schedules.items()})


def policy(given: Any) -> Policy:
    """A known policy for a mismatch. Raises ScheduleError for others."""
    if given not in get_args(Policy):
        raise ScheduleError(f"on_mismatch must be one of {', '.join(get_args(Policy))}", received=given)
    checked: Policy = given
    return checked


def to_data(made: Settings) -> dict[str, Any]:
    """Settings as plain data. Lists, since JSON would turn the index of a group into text."""
    schedules = [
        {"group": group, "name": name, "schedule": to_json(each)} for (group, name), each in made.schedules.items()
    ]
    return {"clock": asdict(made.clock), "schedules": schedules}


def from_data(data: Mapping[str, Any]) -> Settings:
    """The settings that `to_data` wrote."""
    schedules = {(each["group"], each["name"]): from_json(each["schedule"]) for each in data["schedules"]}
    return Settings(Clock(**data["clock"]), schedules)
