"""Schedules for Keras 3, on its torch, JAX and TensorFlow backends.

`LearningRate` is part of the optimizer, is saved with the model, and runs inside the compiled step.
`HyperparameterScheduler` is a callback: for schedules that react to what is observed, and for momentum and the like.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import keras
from keras import ops

from surefoot.adapters.in_graph import follow, value_at
from surefoot.adapters.rates import rate_of_time, schedule_of
from surefoot.adapters.settings import Settings, differences, from_data, to_data
from surefoot.core import text
from surefoot.core.errors import ScheduleError, did_you_mean
from surefoot.core.record import Observation
from surefoot.core.units import Clock
from surefoot.schedules import Curve, Schedule, from_json, reactive, to_json
from surefoot.schedules.reactive import SECONDS, States


@keras.saving.register_keras_serializable(package="surefoot")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate for any Keras optimizer: `keras.optimizers.SGD(LearningRate("0.1 * cosine()", steps=1000))`.

    Parameters: `schedule`, a rate or its text; `steps`, the horizon in updates; `steps_per_epoch`, `batch_size`,
    `tokens_per_step` where lengths need them. The value is computed in float64 and given in `keras.config.floatx()`.

    It is compiled into the training step and saved with the model; a process that loads the model imports this module
    first. With `gradient_accumulation_steps=n` Keras hands it the number of batches, not of updates: n times as many.

    Raises ScheduleError for a shape, for a reactive schedule and for lengths that lack their unit.

    >>> rate = LearningRate("0.1 * (warmup('10%') >> cosine())", steps=100)
    >>> round(float(rate(9)), 6), float(rate(100))
    (0.1, 0.0)
    """

    def __init__(
        self,
        schedule: Schedule | str,
        steps: int,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        tokens_per_step: int | None = None,
    ) -> None:
        clock = Clock(steps, steps_per_epoch, batch_size, tokens_per_step)
        remedy = "use the callback surefoot.adapters.keras.HyperparameterScheduler"
        self.curve = rate_of_time(schedule, clock, "a Keras optimizer", remedy)

    def __call__(self, step: Any) -> Any:
        return value_at(self.curve, step)

    def get_config(self) -> dict[str, Any]:
        """Plain data: the schedule as JSON, and the horizon."""
        return {"schedule": to_json(self.curve.schedule), **attrs.asdict(self.curve.clock)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRate:
        return cls(**config | {"schedule": from_json(config["schedule"])})


class HyperparameterScheduler(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets hyperparameters of the optimizer, by their Keras names: `learning_rate=`, `momentum=`, `weight_decay=` …

    A rate replaces the optimizer's own value, a shape multiplies it. The learning rate is set before each batch (with
    `steps_per_execution`, before each execution). The others are compiled into the training step and stay there.

    The learning rate may react to what is observed at the end of an epoch: `val_loss` is observed as "loss",
    `val_accuracy` as "accuracy", `loss` as "train_loss", `accuracy` as "train_accuracy"; and to the time.

    The model's file keeps the count of updates, and so the place in a schedule. It keeps neither what reactive
    schedules have seen nor the values that shapes multiply: give `file`, which is written at the end of every epoch and
    read when training begins, or keep `state_dict()`. What was seen after the model was saved is forgotten.

    Parameters: a schedule or its text for each hyperparameter; `steps`, the horizon in updates; `steps_per_epoch`,
    `batch_size`, `tokens_per_step` where lengths need them; `validation_freq`, as given to `fit`: other epochs are not
    observed; `file`, a path (None: nothing is kept).

    Raises ScheduleError for names that the optimizer lacks or does not use, and for schedules that cannot be followed.

    >>> HyperparameterScheduler(steps=100, learning_rate="plateau(patience=2)").schedules
    {'learning_rate': plateau(patience=2)}
    """

    def __init__(
        self,
        *,
        steps: int,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        tokens_per_step: int | None = None,
        validation_freq: int = 1,
        file: str | os.PathLike[str] | None = None,
        **schedules: Schedule | str,
    ) -> None:
        super().__init__()
        if not schedules:
            raise ScheduleError(
                "there is nothing to set", remedy="name a hyperparameter: learning_rate='0.1 * cosine()'"
            )
        self.clock = Clock(steps, steps_per_epoch, batch_size, tokens_per_step)
        self.schedules = {name: schedule_of(given) for name, given in schedules.items()}
        for name, schedule in self.schedules.items():
            if Curve(schedule, self.clock).reducers and name != "learning_rate":
                raise ScheduleError(
                    "only the learning rate can react to what is observed: Keras compiles the others into its step",
                    received=f"{name}={schedule}",
                    remedy="give it a schedule of the step alone",
                )
        if not isinstance(validation_freq, int) or validation_freq < 1:
            raise ScheduleError("validation_freq must be a whole number above 0", received=validation_freq)
        self.validation_freq, self.file = validation_freq, None if file is None else Path(file)
        self.own: dict[str, float] = {}  # the optimizer's own values, which shapes multiply
        self.seen: list[dict[str, Any]] = []  # the states of reactive pieces at the ends of epochs
        self.states: States = ()
        self.curves: dict[str, Curve] = {}
        self.each_batch: set[str] = set()

    def state_dict(self) -> dict[str, Any]:
        """What the callback remembers, as plain data for JSON."""
        return {"settings": to_data(self._settings()), "own": self.own, "seen": self.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave. Raises ScheduleError where that was of other schedules."""
        mine = self._settings()
        differing = differences(attrs.evolve(from_data(state["settings"]), clock=self.clock), mine)
        if differing:
            raise ScheduleError(
                f"what was kept is of other schedules: {'; '.join(differing)}",
                remedy="give those, or begin without what was kept",
            )
        self.own, self.seen = dict(state["own"]), list(state["seen"])

    def on_train_begin(self, logs: Any = None) -> None:
        if self.file is not None and self.file.exists():
            self.load_state_dict(json.loads(self.file.read_text()))
        self.curves = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if not self.curves:  # other callbacks restore models when training begins: by now all have
            self._begin()
        if self.each_batch:
            optimizer = self._optimizer()
            step = _updates(optimizer)
            self._observe(step, {})
            for name in self.each_batch:
                states = self.states if name == "learning_rate" else ()
                setattr(optimizer, name, self.curves[name](step, states))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.states and (epoch + 1) % self.validation_freq == 0:
            step = _updates(self._optimizer())
            self._observe(step, _observed(logs or {}))
            kept = {SECONDS: time.monotonic() - self.began, "states": reactive.to_data(self.states)}
            self.seen.append({"step": step, **kept})
        if self.file is not None:
            beside = self.file.with_name(self.file.name + ".new")
            beside.write_text(json.dumps(self.state_dict()))
            beside.replace(self.file)

    def _begin(self) -> None:
        """Finds its place, from the optimizer's count of updates and from what was kept."""
        optimizer = self._optimizer()
        step = _updates(optimizer)
        self.seen = [seen for seen in self.seen if seen["step"] <= step]
        kept = self.own if step > 0 else {}
        self.own = {name: kept.get(name, _own(optimizer, name)) for name in self.schedules}
        for name, schedule in self.schedules.items():
            if step > 0 and name not in kept and not schedule.is_rate:
                raise ScheduleError(
                    f"a shape multiplies the optimizer's own {name}, which may have moved in the {step} updates so far",
                    received=str(schedule),
                    remedy=f"give file=, or the rate that is meant: 0.1 * ({schedule})",
                )
            rate = schedule if schedule.is_rate else self.own[name] * schedule
            self.curves[name] = Curve(rate, self.clock)
        self._resume(self.seen[-1] if self.seen else {})
        runs_eagerly = keras.backend.backend() == "torch"
        self.each_batch = set(self.curves if runs_eagerly else self.curves.keys() & {"learning_rate"})
        others = self.curves.keys() - self.each_batch
        if [name for name in others if follow(optimizer, name, self.own[name], self.curves[name])]:
            self.model.make_train_function(force=True)  # it may be compiled without them

    def _resume(self, last: Mapping[str, Any]) -> None:
        rate = self.curves.get("learning_rate")
        if rate is not None:
            self.states = reactive.from_data(rate.reducers, last["states"]) if last else rate.start()
        self.began = time.monotonic() - last.get(SECONDS, 0.0)

    def _observe(self, step: int, values: Mapping[str, float]) -> None:
        if self.states:
            seconds = time.monotonic() - self.began
            self.states = self.curves["learning_rate"].update(
                self.states, Observation(step, {**values, SECONDS: seconds})
            )

    def _settings(self) -> Settings:
        return Settings(self.clock, {(None, name): schedule for name, schedule in self.schedules.items()})

    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer  # on JAX this brings the model's variables up to date
        return getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss


def _own(optimizer: Any, name: str) -> float:
    """The value that the optimizer was made with."""
    config = optimizer.get_config()
    if name not in config:
        known = [each for each, value in config.items() if text.number(value) is not None]
        raise ScheduleError(f"the optimizer has no hyperparameter {name!r}", remedy=did_you_mean(name, known))
    found = config[name]
    value = text.number(found)
    if value is None or (value == 0 and name != "learning_rate"):
        raise ScheduleError(
            f"the optimizer's own {name} is no number that can be moved",
            received=found.get("class_name") if isinstance(found, dict) else str(found),
            remedy=f"make the optimizer with a number above 0: keras.optimizers.{type(optimizer).__name__}({name}=0.1)",
        )
    return value


def _updates(optimizer: Any) -> int:
    return int(ops.convert_to_numpy(optimizer.iterations))


def _observed(logs: Mapping[str, Any]) -> dict[str, float]:
    """Keras's logs in Surefoot's names: those of validation plain, those of training after "train_"."""
    return {
        name.removeprefix("val_") if name.startswith("val_") else f"train_{name}": float(value)
        for name, value in logs.items()
    }
