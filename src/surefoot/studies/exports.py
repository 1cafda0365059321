"""What a training leaves behind for others: weights, the optimizer's state, the schedule, as plain PyTorch has them."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import define
from safetensors.torch import save_file
from torch import Tensor

from surefoot.adapters.torch import Scheduler
from surefoot.core.errors import RecipeError, ScheduleError
from surefoot.core.record import Observation
from surefoot.optimizers import torch_optimizer
from surefoot.optimizers.rule import AROUND
from surefoot.optimizers.scopes import Part
from surefoot.training import Entry, LoopTrainer, Policy, Single, Trainer

BEST, LAST = "best.safetensors", "last"
WEIGHTS, OPTIMIZER, SCHEDULE, AVERAGE = "weights.safetensors", "optimizer.pt", "schedule.json", "average.pt"


@define(eq=False)
class Exports:
    """Writes the weights of the best look, and at every look all that a script needs to go on from it.

    `best.safetensors`: the weights that the best look was measured with. `last/`: `weights.safetensors`, the weights
    that training goes on from; `optimizer.pt`, `optimizer.state_dict()`; `schedule.json`, the state of
    `surefoot.adapters.torch.Scheduler`; and where weights are averaged `average.pt`, the state of
    `surefoot.optimizers.Average`. Each is there whole or not at all, and what is in `last` is of one moment.
    """

    folder: Path
    shadow: "Shadow"

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / LAST).exists() and (old := self._beside("old")).exists():
            os.replace(old, self.folder / LAST)  # a process was killed between two renames

    def __call__(self, run: int, best: bool, trainer: Trainer, row: int, observation: Observation, /) -> None:
        assert isinstance(trainer, LoopTrainer)
        single = trainer.live[row]
        if best:
            with single.measured():
                save(single.model.state_dict(), self.folder / BEST)
        self._write_last(single, self.shadow.state_after(observation))

    def _write_last(self, single: Single, schedule: Mapping[str, Any]) -> None:
        new, old, last = self._beside("new"), self._beside("old"), self.folder / LAST
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir()
        save(single.model.state_dict(), new / WEIGHTS)
        torch.save(single.optimizer.state_dict(), new / OPTIMIZER)
        if single.average is not None:
            torch.save(single.average.state_dict(), new / AVERAGE)
        (new / SCHEDULE).write_text(json.dumps(schedule, indent=2), encoding="utf-8")
        if last.exists():
            os.replace(last, old)
        os.replace(new, last)
        shutil.rmtree(old, ignore_errors=True)

    def _beside(self, what: str) -> Path:
        return self.folder / f".{LAST}-{what}"


def save(weights: Mapping[str, Tensor], path: Path) -> None:
    """A state dict as a file that holds nothing but tensors, there whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    # Tied weights are one tensor under two names: the file holds both.
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}, temporary)
    os.replace(temporary, path)


class Shadow:
    """A scheduler on an optimizer of no weights, in step with a training: what a script would have at that moment.

    Raises RecipeError for a hyperparameter that moves and that torch's optimizer has in another form.
    """

    def __init__(self, entry: Entry, parts: Sequence[Part]) -> None:
        policy = entry.policy
        groups: list[dict[str, Any]] = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in parts]
        optimizer = torch_optimizer(policy.rule, groups, parts[0].hyper(policy.first()))
        clock, told = policy.curves["lr"].clock, scheduled(policy, parts)
        try:
            self.scheduler = Scheduler(
                optimizer, steps=clock.steps, steps_per_epoch=clock.steps_per_epoch, batch_size=clock.batch_size,
                count="calls", **told,
            )  # fmt: skip
        except ScheduleError as wrong:
            what = f"recipe {policy.recipe.name!r}: a script could not go on with this schedule in torch: {wrong}"
            raise RecipeError(what, remedy="leave it constant") from None
        self.step = 0
        for observation in entry.past:
            self.state_after(observation)

    def state_after(self, observation: Observation) -> dict[str, Any]:
        """The scheduler's state when this has been observed."""
        if observation.step > self.step:
            for _ in range(observation.step - self.step):
                self.scheduler.step()
            self.step = observation.step
            self.scheduler.observe(**observation.values)
        return self.scheduler.state_dict() | {"seconds": 0.0}


def scheduled(policy: Policy, parts: Sequence[Part]) -> dict[str, Any]:
    """What a scheduler of the optimizer is told: the schedules, of every group where there are several."""
    groups: dict[int, dict[str, Any]] = {}
    for k, part in enumerate(parts):
        keys = {name: key for name, key in part.keys if key in policy.curves and name not in AROUND}
        groups[k] = {name: policy.curves[key].schedule for name, key in keys.items()}
        if getattr(policy.rule, "form", "") == "average-first" and "momentum" in groups[k]:
            groups[k]["dampening"] = groups[k]["momentum"]  # which is how torch has this form
    return {"groups": groups} if len(groups) > 1 else dict(groups[0])
